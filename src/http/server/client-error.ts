/** Connection errors that Node reports before, or instead of, a request. */
import type { Socket } from 'node:net'

/** Node's error code for a request head that did not arrive within headersTimeoutMs. */
export const headTimeout = 'ERR_HTTP_REQUEST_TIMEOUT'

const statusLines: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  [headTimeout]: '408 Request Timeout',
}

/**
 * Sends an error and closes, as Node does without a listener for `clientError`.
 *
 * @param code of the error
 * @param begun part of a reply was sent: more text would become part of that reply
 */
export function refuseRequest(socket: Socket, code: string | undefined, begun: boolean, error?: Error): void {
  if (socket.writable && !begun)
    socket.write(`HTTP/1.1 ${statusLines[code ?? ''] ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`)
  socket.destroy(error)
}
