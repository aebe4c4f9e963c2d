/** Handles a request whose process ends before the reply is complete. */
import type { ServerResponse } from 'node:http'
import { logLine } from '../../cgi/codec/error-text.js'
import { textPageLines } from '../../cgi/codec/page-fields.js'
import type { Reply } from '../../core/exchange.js'
import { lastReply, type ProcessEnd } from '../../serve/process-end.js'
import type { HttpExchange } from './exchange.js'
import { sendReply } from './reply.js'

/** @returns a function that resets the connection, when closing it would look like the end of the reply */
export function abandonResponse(
  exchange: HttpExchange,
  res: ServerResponse,
  end: ProcessEnd,
): (() => void) | null {
  const { socket } = res
  // When the app has ended its reply, what was written of it is complete.
  if (res.writableEnded || exchange.aborted || !socket || socket.destroyed) return null
  const begun = res.headersSent || exchange.verbatimBegun
  exchange.stderr(logLine(exchange.env, begun ? `the reply was cut off: ${end.why}` : end.why))
  if (!begun) {
    const reply = lastReply(exchange, end)
    if (reply !== null && sendNow(reply, exchange, res)) return null
    socket.write(responseText(end, res.req.method), 'latin1')
    return null
  }
  // A client sees that a chunked reply without its last chunk is incomplete. A Unix socket has no reset.
  if (res.chunkedEncoding || socket.remoteAddress === undefined) return null
  return () => socket.resetAndDestroy()
}

/** False when the reply cannot be sent. */
function sendNow(reply: Reply, exchange: HttpExchange, res: ServerResponse): boolean {
  // Everything that can be done happens synchronously; what it awaits after that never comes.
  sendReply(reply, exchange, res, true).catch(() => {})
  while (res.socket && res.socket.writableCorked > 0) res.socket.uncork()
  return res.headersSent || exchange.verbatimBegun
}

function responseText({ status }: ProcessEnd, method: string | undefined): string {
  const reason = status === 500 ? 'Internal Server Error' : 'Service Unavailable'
  const body = `${status} ${reason}\n`
  const date = new Date().toUTCString()
  const head = `HTTP/1.1 ${status} ${reason}\r\nDate: ${date}\r\nConnection: close\r\n${textPageLines}`
  return `${head}Content-Length: ${body.length}\r\n\r\n${method === 'HEAD' ? '' : body}`
}
