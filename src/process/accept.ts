/** The end of accepting: what the kernel has taken in already is served, then the socket closes. */
import { closeSync, openSync } from 'node:fs'
import type { Server } from 'node:net'
import type { Wire } from '../socket/wire.js'
import { createWireServer } from '../socket/wire-server.js'

/** Bounds for a socket that others listen on too, or whose address cannot be taken away first. */
const mostConnections = 2048
const mostMs = 500

/** None has come for so long: those who had their last reply just now had the time to come again. */
const quietMs = 20

/** Turns without a connection that show, when the time is over, that none waits. */
const idleTurns = 3

/** A turn of the event loop that took longer, in milliseconds, may have missed one that came in the meantime. */
const shortMs = 2

/** A listening socket, and who gets its connections. */
export class Entrance {
  readonly server: Server
  #take: (wire: Wire) => void

  constructor(take: (wire: Wire) => void) {
    this.#take = take
    this.server = createWireServer((wire) => this.#take(wire))
  }

  /**
   * Closes the socket after the connections that wait in the kernel were accepted: closing it resets them.
   * Node accepts one connection in a turn of the event loop, so that turns without one show that none waits.
   *
   * They are not served before it is closed: clients that get their replies come again, and under load there
   * would always be one that waits.
   *
   * @param fd the descriptor that was handed over, if one was
   */
  async close(fd?: number): Promise<void> {
    const held: Wire[] = []
    const serve = this.#take
    this.#take = (wire) => void held.push(wire)
    await allAccepted(() => held.length)
    this.server.close()
    if (fd !== undefined) release(fd)
    this.#take = serve
    for (const wire of held) serve(wire)
  }
}

/** Resolves when no connection waits in the kernel any more, or the bounds are reached. */
async function allAccepted(count: () => number): Promise<void> {
  const begun = performance.now()
  let [seen, since, now, idle] = [0, begun, begun, 0]
  for (let short = false; !short || now - since < quietMs; ) {
    // On a busy machine the time may be over before the first one was accepted.
    if (seen >= mostConnections || (now - begun > mostMs && idle >= idleTurns)) return
    await turn()
    await turn()
    const after = performance.now()
    short = after - now < shortMs
    now = after
    idle = count() === seen ? idle + 1 : 0
    if (idle === 0) since = now
    seen = count()
  }
}

/**
 * libuv never closes descriptors 0 to 2: the kernel would go on taking connections in, and reset them when
 * the process ends. /dev/null takes the number, so that nothing else gets it.
 */
function release(fd: number): void {
  if (fd > 2) return
  closeSync(fd)
  openSync('/dev/null', 'r+')
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
