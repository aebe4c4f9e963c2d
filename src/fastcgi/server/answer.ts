/** Sends a {@link Reply} on the STDOUT stream of its request (FastCGI 1.0 section 6.2). */

import { cutOffText } from '../../cgi/codec/error-text.js'
import { encodeHead, type PreparedReply } from '../../cgi/codec/head.js'
import type { Reply } from '../../core/exchange.js'
import { serverOf } from '../../env/server.js'
import { bigHeadWarning, prepareAnswer, smallBody } from '../../serve/answer.js'
import { withCapitalNames } from '../codec/authorizer.js'
import { maxAligned, RecordType } from '../codec/record.js'
import { Role } from '../codec/responder.js'
import { streamText } from '../codec/stdout.js'
import { endReply } from './end-reply.js'
import type { FastcgiExchange } from './exchange.js'
import type { FastcgiLine } from './line.js'
import { Outflow } from './outflow.js'

/** Sends a reply. Never throws: errors become an error page, or cut the reply off. */
export function answerFastcgi(line: FastcgiLine, exchange: FastcgiExchange, reply: Reply): void {
  const change = exchange.request.role === Role.AUTHORIZER ? withCapitalNames : null
  const prepared = prepareAnswer(line, exchange, reply, answerFastcgi, answerFastcgiError, change)
  if (prepared === null) return
  const { body } = prepared
  const head = headFor(exchange, prepared)
  const warning = bigHeadWarning(head)
  if (warning !== null) line.service.lines.once(`cgiup: ${warning}`)
  if (body === null || typeof body === 'string' || body instanceof Uint8Array)
    whole(line, exchange, head, body)
  else {
    sendText(line, exchange.request.id, head)
    const broke = (error: unknown, sent: number): void => cutOff(line, exchange, error, sent)
    new Outflow(line, exchange, prepared.length, broke).start(body)
  }
}

/** HAProxy 2.6 turns every status before a Location field into 302; it keeps a Status after Location. */
function headFor(exchange: FastcgiExchange, prepared: PreparedReply): string {
  const head = encodeHead(prepared)
  if (!prepared.headers.includes('Location') || !serverOf(exchange.env).overridesStatus) return head
  const end = head.indexOf('\r\n') + 2
  return `${head.slice(end, -2)}${head.slice(0, end)}\r\n`
}

function whole(
  line: FastcgiLine,
  exchange: FastcgiExchange,
  head: string,
  body: string | Uint8Array | null,
): void {
  const { id } = exchange.request
  const small = smallBody(body)
  if (small !== null) sendText(line, id, head + small)
  else {
    sendText(line, id, head)
    line.output.bytes(id, typeof body === 'string' ? Buffer.from(body, 'utf8') : (body as Uint8Array))
  }
  endReply(line, exchange)
}

function sendText(line: FastcgiLine, id: number, text: string): void {
  if (text.length <= maxAligned) line.output.send(streamText(RecordType.STDOUT, id, text))
  else
    for (let at = 0; at < text.length; at += maxAligned)
      line.output.send(streamText(RecordType.STDOUT, id, text.slice(at, at + maxAligned)))
}

/** The handler failed: sends an error page if the head was not sent yet, else ends the reply. */
export function answerFastcgiError(line: FastcgiLine, exchange: FastcgiExchange, error: unknown): void {
  // One failure often causes another, as when the app aborts at its time limit: one page is enough.
  if (exchange.replyEnded || exchange.reply === 'failing') line.service.lateError(error, exchange)
  else if (exchange.headSent) cutOff(line, exchange, error, null)
  else {
    exchange.step('fail')
    void line.service.errorReply(error, exchange).then((reply) => answerFastcgi(line, exchange, reply))
  }
}

function cutOff(line: FastcgiLine, exchange: FastcgiExchange, error: unknown, sent: number | null): void {
  if (!exchange.clientLeft) line.service.report(exchange, cutOffText(error, sent))
  line.cut(exchange)
}
