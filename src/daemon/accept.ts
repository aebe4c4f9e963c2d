/** The end of accepting: what the kernel has taken in already is served, then the socket closes. */
import type { Server } from 'node:net'

/** Bounds for a socket that others listen on too, or whose address cannot be taken away first. */
const MOST_CONNECTIONS = 2048
const MOST_MS = 500

/**
 * Closes a listening socket after the connections that wait in the kernel were accepted: closing it resets
 * them. Node accepts one connection in a turn of the event loop, so that a turn without one shows that
 * none waits.
 */
export async function stopAccepting(server: Server): Promise<void> {
  let accepted = 0
  const count = () => void accepted++
  server.on('connection', count)
  const end = performance.now() + MOST_MS
  for (let seen = -1; accepted !== seen && accepted < MOST_CONNECTIONS && performance.now() < end; ) {
    seen = accepted
    // The first turn may have begun before the last connection came.
    await turn()
    await turn()
  }
  server.off('connection', count)
  server.close()
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
