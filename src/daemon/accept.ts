/** The end of accepting: what the kernel has taken in already is served, then the socket closes. */
import { closeSync, openSync } from 'node:fs'
import type { Server, Socket } from 'node:net'

/** Bounds for a socket that others listen on too, or whose address cannot be taken away first. */
const MOST_CONNECTIONS = 2048
const MOST_MS = 500

/** None has come for so long: those who had their last reply just now had the time to come again. */
const QUIET_MS = 20

/** Turns without a connection that show, when the time is over, that none waits. */
const IDLE_TURNS = 3

/** A turn of the event loop that took longer, in milliseconds, may have missed one that came in the meantime. */
const SHORT_MS = 2

/**
 * Closes a listening socket after the connections that wait in the kernel were accepted: closing it resets
 * them. Node accepts one connection in a turn of the event loop, so that turns without one show that none
 * waits.
 *
 * They are not served before it is closed: clients that get their replies come again, and under load there
 * would always be one that waits.
 *
 * @param fd the descriptor that was handed over, if one was
 */
export async function stopAccepting(server: Server, fd?: number): Promise<void> {
  const held: Socket[] = []
  const hold = (socket: Socket) => void held.push(socket)
  const serve = server.listeners('connection') as ((socket: Socket) => void)[]
  server.removeAllListeners('connection')
  server.on('connection', hold)
  ;(server as Server & { pauseOnConnect: boolean }).pauseOnConnect = true
  const begun = performance.now()
  let [seen, since, now, idle] = [0, begun, begun, 0]
  for (let short = false; !short || now - since < QUIET_MS; ) {
    // On a busy machine the time may be over before the first one was accepted.
    if (held.length >= MOST_CONNECTIONS || (now - begun > MOST_MS && idle >= IDLE_TURNS)) break
    await turn()
    await turn()
    const after = performance.now()
    short = after - now < SHORT_MS
    now = after
    idle = held.length === seen ? idle + 1 : 0
    if (idle === 0) since = now
    seen = held.length
  }
  server.close()
  if (fd !== undefined) release(fd)
  server.off('connection', hold)
  for (const socket of held) {
    for (const listener of serve) listener.call(server, socket)
    socket.resume()
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
