/** TCP ports for servers that cannot be configured to use port 0. */

import { createServer } from 'node:net'

// Below the range from which the kernel assigns ports to outgoing connections (32768 and up on Linux), so
// that none of those can take the port before the server does. Each process starts at a different port.
const first = 18000
const count = 14000
let next = (process.pid * 101) % count

/** A port on which nothing listens, on 127.0.0.1 and [::1]. Never the same twice in one process. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 1000; tries++) {
    next = (next + 1) % count
    const port = first + next
    if ((await canListen(port, '127.0.0.1')) && (await canListen(port, '::1'))) return port
  }
  throw new Error('no free port')
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    // Without IPv6, nothing can listen there either.
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'EADDRINUSE'))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
