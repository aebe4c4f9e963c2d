/** Connections that change their process: the socket goes on elsewhere as if nothing had happened. */
import { Socket } from 'node:net'

/** What sends a socket to another process takes: Node's own object behind a net.Socket. */
export interface SocketHandle {
  readStop(): number
  close(): void
}

/** Gives a connection away. What the peer sends from now on waits in the kernel for the other process. */
export type HandOver = (handle: SocketHandle, done: () => void) => void

/**
 * Stops reading a connection and gives it away; this process closes its end of it when it has gone.
 *
 * @returns false where it cannot be done; nothing has happened then
 */
export function handOver(socket: Socket, to: HandOver): boolean {
  const handle = (socket as unknown as { readonly _handle?: Partial<SocketHandle> | null })._handle
  if (socket.destroyed || typeof handle?.readStop !== 'function') return false
  handle.readStop()
  // The other process has a descriptor of its own by then: closing this one is no end of the connection.
  to(handle as SocketHandle, () => socket.destroy())
  return true
}

/** A connection that another process has given away. */
export function adopted(handle: object): Socket {
  return new Socket({ handle, readable: true, writable: true } as object)
}
