/**
 * Sends a {@link Reply} on an SCGI connection: CGI output (RFC 3875 section 6), ended by closing the
 * connection.
 */
import { cutOffText } from '../../cgi/codec/error-text.js'
import { encodeHead } from '../../cgi/codec/head.js'
import { giveBack, isLent } from '../../core/buffers.js'
import type { Reply } from '../../core/exchange.js'
import { type AnswerLine, bigHeadWarning, prepareAnswer, smallBody, wrongLength } from '../../serve/answer.js'
import { highWater, type Wire } from '../../socket/wire.js'
import type { ScgiExchange } from './exchange.js'

/** What a reply needs from its connection. */
export interface ScgiLine extends AnswerLine<ScgiExchange> {
  readonly wire: Wire
  /** The reply is complete. */
  finish(exchange: ScgiExchange): void
  /** Ends a reply that broke partway so that it cannot look complete. */
  cut(exchange: ScgiExchange): void
}

/** Sends a reply. Never throws: errors become an error page, or cut the reply off. */
export function answerScgi(line: ScgiLine, exchange: ScgiExchange, reply: Reply): void {
  const prepared = prepareAnswer(line, exchange, reply, answerScgi, answerScgiError)
  if (prepared === null) return
  const head = encodeHead(prepared)
  const warning = bigHeadWarning(head)
  if (warning !== null) line.service.lines.once(`cgiup: ${warning}`)
  const { body } = prepared
  if (body === null || typeof body === 'string' || body instanceof Uint8Array) {
    whole(line.wire, head, body)
    line.finish(exchange)
  } else {
    line.wire.text(head)
    void stream(line, exchange, body, prepared.length)
  }
}

function whole(wire: Wire, head: string, body: string | Uint8Array | null): void {
  const small = smallBody(body)
  if (small !== null) {
    wire.text(head + small)
    return
  }
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : (body as Uint8Array)
  wire.bytes([Buffer.from(head, 'latin1'), bytes], isLent(bytes) ? () => giveBack(bytes) : undefined)
}

async function stream(
  line: ScgiLine,
  exchange: ScgiExchange,
  body: AsyncIterable<Uint8Array>,
  length: number | null,
): Promise<void> {
  const { wire } = line
  let sent = 0
  try {
    for await (const piece of body) {
      if (exchange.replyEnded || !wire.writable) return
      if (piece.length === 0) continue
      sent += piece.length
      if (length !== null && sent > length) throw wrongLength(length, 'more')
      wire.bytes([piece])
      if (wire.queued >= highWater) await new Promise<void>((resolve) => wire.whenWritten(resolve))
      if (exchange.replyEnded) return
    }
    if (length !== null && sent < length) throw wrongLength(length, `only ${sent} bytes`)
    line.finish(exchange)
  } catch (error) {
    if (!exchange.replyEnded) cutOff(line, exchange, error, sent)
  }
}

/** The handler failed: sends an error page if the head was not sent yet, else ends the reply. */
export function answerScgiError(line: ScgiLine, exchange: ScgiExchange, error: unknown): void {
  // One failure often causes another, as when the app aborts at its time limit: one page is enough.
  if (exchange.replyEnded || exchange.reply === 'failing') line.service.lateError(error, exchange)
  else if (exchange.headSent) cutOff(line, exchange, error, null)
  else {
    exchange.step('fail')
    void line.service.errorReply(error, exchange).then((reply) => answerScgi(line, exchange, reply))
  }
}

function cutOff(line: ScgiLine, exchange: ScgiExchange, error: unknown, sent: number | null): void {
  line.service.report(exchange, cutOffText(error, sent))
  line.cut(exchange)
}
