/** A {@link Reply} onto an SCGI connection: CGI output (RFC 3875 section 6), ended by the connection's end. */
import type { Socket } from 'node:net'
import { encodeHead, type PreparedReply, prepareReply } from '../cgi/head.js'
import { parseVerbatim } from '../cgi/verbatim.js'
import { AppError } from '../errors.js'
import type { Reply } from '../exchange.js'
import { bigHeadWarning } from '../server/big-head.js'
import { needsBodyFirst } from '../server/half-duplex.js'
import type { Service } from '../server/service.js'
import type { ScgiExchange } from './exchange.js'

/** What an answer needs of its connection. */
export interface Line {
  readonly service: Service
  readonly socket: Socket
  /** Resolves when all of the body is here, in a file where it is large. */
  takeBody(exchange: ScgiExchange): Promise<void>
  /** The reply is out. */
  finish(exchange: ScgiExchange): void
  /** The end of a reply that broke in its middle: never one that looks whole. */
  cut(): void
}

/** Bodies up to this many bytes go out in one string with their head. */
const SMALL_BODY = 16384

/** Sends a reply. Never throws: what cannot be sent becomes an error page, or a reply cut off. */
export const answer = (line: Line, exchange: ScgiExchange, reply: Reply): void => {
  if (exchange.finished) {
    dropBody(reply.body)
    return
  }
  let prepared: PreparedReply
  try {
    prepared = prepareReply(reply, exchange.env.get('REQUEST_METHOD') ?? 'GET')
  } catch (error) {
    dropBody(reply?.body)
    answerError(line, exchange, error)
    return
  }
  if (prepared.verbatim) {
    parseVerbatim(reply).then(
      (parsed) => answer(line, exchange, parsed),
      (error) => answerError(line, exchange, error),
    )
    return
  }
  if (needsBodyFirst(exchange, prepared.body)) {
    line.takeBody(exchange).then(() => answer(line, exchange, reply))
    return
  }
  if (prepared.notes !== null) for (const note of prepared.notes) line.service.lines.once(`cgiup: ${note}`)
  if (prepared.dropped !== null) dropBody(prepared.dropped)
  exchange.headSent = true
  const head = encodeHead(prepared)
  const warning = bigHeadWarning(head)
  if (warning !== null) line.service.lines.once(`cgiup: ${warning}`)
  const { body } = prepared
  if (body === null || typeof body === 'string' || body instanceof Uint8Array) {
    whole(line.socket, head, body)
    line.finish(exchange)
  } else {
    write(line.socket, head)
    void stream(line, exchange, body, prepared.length)
  }
}

const whole = (socket: Socket, head: string, body: string | Uint8Array | null): void => {
  const small = smallBody(body)
  if (small !== null) {
    write(socket, head + small)
    return
  }
  socket.cork()
  write(socket, head)
  if (socket.writable) socket.write(body as string | Uint8Array)
  socket.uncork()
}

/** Latin-1 text. The peer may have closed already. */
const write = (socket: Socket, text: string): void => {
  if (socket.writable) socket.write(text, 'latin1')
}

/** A small body as Latin-1 text of its bytes; null for a large one. */
const smallBody = (body: string | Uint8Array | null): string | null => {
  if (body === null) return ''
  if (body.length > SMALL_BODY) return null
  if (typeof body !== 'string')
    return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1')
  return Buffer.byteLength(body) === body.length ? body : Buffer.from(body, 'utf8').toString('latin1')
}

const stream = async (
  line: Line,
  exchange: ScgiExchange,
  body: AsyncIterable<Uint8Array>,
  length: number | null,
): Promise<void> => {
  const { socket } = line
  let sent = 0
  try {
    for await (const piece of body) {
      if (exchange.finished || !socket.writable) return
      if (piece.length === 0) continue
      sent += piece.length
      if (length !== null && sent > length) throw wrongLength(length, 'more than that')
      if (!socket.write(piece)) await drained(socket)
      if (exchange.finished) return
    }
    if (length !== null && sent < length) throw wrongLength(length, String(sent))
    line.finish(exchange)
  } catch (error) {
    if (!exchange.finished) cutOff(line, error, sent)
  }
}

const wrongLength = (length: number, got: string): AppError =>
  new AppError('REPLY_BODY_LENGTH', `Content-Length is ${length}, but the body has ${got} bytes.`)

/** The handler failed: an error page where the head is still to be sent, else the end of the reply. */
export const answerError = (line: Line, exchange: ScgiExchange, error: unknown): void => {
  if (exchange.finished) return
  if (exchange.headSent) cutOff(line, error, null)
  else void line.service.errorReply(error, exchange).then((reply) => answer(line, exchange, reply))
}

const cutOff = (line: Line, error: unknown, sent: number | null): void => {
  const after = sent === null ? '' : ` after ${sent} bytes of body`
  const why = error instanceof Error ? (error.stack ?? error.message) : String(error)
  line.service.log(`scgi: the reply was cut off${after}: ${why}`)
  line.cut()
}

const drained = (socket: Socket): Promise<void> => {
  if (socket.destroyed || !socket.writableNeedDrain) return Promise.resolve()
  return new Promise((resolve) => {
    const settle = () => {
      socket.off('drain', settle)
      socket.off('close', settle)
      resolve()
    }
    socket.on('drain', settle)
    socket.on('close', settle)
  })
}

const dropBody = (body: Reply['body'] | undefined): void => {
  if (body === null || typeof body !== 'object' || !(Symbol.asyncIterator in body)) return
  body[Symbol.asyncIterator]()
    .return?.()
    ?.catch?.(() => {})
}
