/** Errors of a connection that Node reports before, or instead of, a request. */
import type { Socket } from 'node:net'

/** Code of Node's error for the head of a request that did not arrive within headersTimeoutMs. */
export const headTimeout = 'ERR_HTTP_REQUEST_TIMEOUT'

const statusLines: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  [headTimeout]: '408 Request Timeout',
}

/**
 * Answers and closes, as Node does without a listener for `clientError`.
 *
 * @param code of the error
 * @param begun a part of a reply has been sent: more text would become a part of that reply
 */
export function refuseRequest(socket: Socket, code: string | undefined, begun: boolean, error?: Error): void {
  if (socket.writable && !begun)
    socket.write(`HTTP/1.1 ${statusLines[code ?? ''] ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`)
  socket.destroy(error)
}
