/** Stops accepting: serves the connections that the kernel has already queued, then closes the socket. */
import { closeSync, openSync } from 'node:fs'
import type { Server } from 'node:net'
import type { Wire } from '../socket/wire.js'
import { createWireServer } from '../socket/wire-server.js'

/** Limits for a socket that other processes share, or whose address cannot be removed first. */
const mostConnections = 2048
const mostMs = 500

/**
 * No new connection for this long, in milliseconds: clients that just got their last reply had time to
 * reconnect.
 */
const quietMs = 20

/** After that time, how many turns of the event loop without a connection show that none is queued. */
const idleTurns = 3

/** A turn of the event loop that takes longer than this, in milliseconds, may have missed a connection. */
const shortMs = 2

/** A listening socket, and the owner of its connections. */
export class Entrance {
  readonly server: Server
  #take: (wire: Wire) => void

  constructor(take: (wire: Wire) => void) {
    this.#take = take
    this.server = createWireServer((wire) => this.#take(wire))
  }

  /**
   * Accepts the connections queued in the kernel, then closes the socket: closing first would reset them.
   * Node accepts one connection per turn of the event loop, so turns without one show that the queue is
   * empty.
   *
   * They are served only after the socket is closed: clients reconnect after their replies, and under load
   * the queue would never be empty.
   *
   * @param fd the descriptor that was handed over, if any
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

/** Resolves when the kernel's queue is empty, or a limit is reached. */
async function allAccepted(count: () => number): Promise<void> {
  const begun = performance.now()
  let [seen, since, now, idle] = [0, begun, begun, 0]
  for (let short = false; !short || now - since < quietMs; ) {
    // On a busy machine the time may run out before the first connection is accepted.
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
 * libuv never closes descriptors 0 to 2: the kernel would keep queuing connections, and reset them when the
 * process ends. /dev/null takes the number, so that nothing else can reuse it.
 */
function release(fd: number): void {
  if (fd > 2) return
  closeSync(fd)
  openSync('/dev/null', 'r+')
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
