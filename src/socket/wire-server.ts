/** A server whose connections are {@link Wire}s. */
import { createServer, type Server } from 'node:net'
import { HandleWire, socketOn } from './handle-wire.js'
import { isHandle, native } from './native.js'
import { SocketWire } from './socket-wire.js'
import type { Wire } from './wire.js'

/** Node's own object behind a net.Server. */
interface ServerHandle {
  onconnection?: (this: unknown, status: number, client: unknown) => void
}

/** @param take receives each connection, from which nothing has been read */
export function createWireServer(take: (wire: Wire) => void): Server {
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) =>
    take(new SocketWire(socket)),
  )
  server.on('listening', () => {
    const handle = (server as Server & { _handle?: ServerHandle | null })._handle
    const inside = native()
    const ordinary = handle?.onconnection
    if (inside === null || !handle || typeof ordinary !== 'function') return
    handle.onconnection = function (status, client) {
      if (status === 0 && isHandle(client)) take(new HandleWire(client, inside))
      else ordinary.call(this, status, client)
    }
  })
  return server
}

/** A connection that another process has handed over. */
export function wireOn(handle: object): Wire {
  const inside = native()
  if (inside !== null && isHandle(handle)) return new HandleWire(handle, inside)
  return new SocketWire(socketOn(handle).pause())
}
