/** Runs a handler and sends its reply to any kind of output. */

import { AppError, CgiupError, RequestError } from '../../core/errors.js'
import type { Exchange, Handler, Reply } from '../../core/exchange.js'
import { onDemand } from '../../core/load-ahead.js'
import { cutOffText, failureText, logLine, textOf } from '../codec/error-text.js'
import { encodeHead, type PreparedReply, prepareReply } from '../codec/head.js'
import { textPageFields } from '../codec/page-fields.js'
import { ReaderGone, type Sink } from './output.js'

const verbatim = onDemand(() => import('../../serve/verbatim-reply.js'))

export interface AnswerOptions {
  readonly exchange: Exchange
  readonly sink: Sink
  /** Write whole HTTP responses (RFC 3875 section 5). */
  readonly nph: boolean
  readonly onError: ((error: unknown, exchange: Exchange) => Reply | Promise<Reply>) | undefined
  /** Called as soon as the reader has closed its end, before the body is notified. */
  readonly onGone?: () => void
  /** Rejects when the app should not be waited for any longer. */
  readonly interrupted: Promise<never>
}

export interface Outcome {
  status: number
  /** Body bytes that were sent. */
  bytes: number
  /** Something was sent: no other reply is possible. */
  started: boolean
  /** The reply is incomplete, and the reader is still connected. */
  cut: boolean
  /** The reader has closed the connection. */
  gone: boolean
  /** The app failed: it threw, or its reply was invalid. */
  failed: boolean
  /** Settles when a body that was not read to its end has been canceled. */
  released: Promise<unknown> | null
}

/** Largest reply that is joined with its head into one write, in bytes. */
const onePieceBytes = 64 * 1024
/** nginx rejects a larger head unless it is configured (fastcgi_buffer_size). */
const bigHeadBytes = 4096

/** Answers one request. Never rejects. */
export async function answerCgi(handler: Handler, options: AnswerOptions): Promise<Outcome> {
  const outcome: Outcome = {
    status: 500,
    bytes: 0,
    started: false,
    cut: false,
    gone: false,
    failed: false,
    released: null,
  }
  try {
    await sendReply(await makeReply(handler, options), options, outcome)
  } catch (error) {
    if (outcome.started) breakOff(error, options, outcome)
    else await answerError(error, options, outcome)
  }
  return outcome
}

/** Nothing has been sent yet, so the error can be answered with a reply. */
async function answerError(error: unknown, options: AnswerOptions, outcome: Outcome): Promise<void> {
  try {
    await sendReply(await errorReply(error, options, outcome), options, outcome)
  } catch (second) {
    breakOff(second, options, outcome)
  }
}

function breakOff(error: unknown, options: AnswerOptions, outcome: Outcome): void {
  if (error instanceof ReaderGone) {
    options.onGone?.()
    outcome.gone = true
    return
  }
  outcome.cut = true
  outcome.failed = true
  log(options.exchange, cutOffText(error, outcome.bytes))
}

async function makeReply(handler: Handler, options: AnswerOptions): Promise<PreparedReply> {
  const { exchange, interrupted } = options
  let reply = await Promise.race([handler(exchange), interrupted])
  try {
    if (reply.verbatim && !options.nph) {
      const { parseVerbatimReply } = await verbatim()
      reply = await parseVerbatimReply(reply)
    }
    const prepared = prepareReply(reply, exchange.env.get('REQUEST_METHOD') ?? 'GET')
    const failure = failureText(reply)
    if (failure !== null) log(exchange, failure)
    return prepared
  } catch (error) {
    const body = reply?.body
    if (isStream(body)) void release(body[Symbol.asyncIterator]())
    throw error
  }
}

function isStream(body: Reply['body'] | undefined): body is AsyncIterable<Uint8Array> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

/** Logs the error and creates its page. RFC 3875 6.1: the reply is never empty. */
async function errorReply(error: unknown, options: AnswerOptions, outcome: Outcome): Promise<PreparedReply> {
  const { exchange, onError } = options
  const method = exchange.env.get('REQUEST_METHOD') ?? 'GET'
  outcome.failed = !(error instanceof RequestError) || error.status >= 500
  log(exchange, textOf(error))
  if (onError) {
    try {
      return prepareReply(await Promise.race([onError(error, exchange), options.interrupted]), method)
    } catch (second) {
      if (second !== error) log(exchange, `The error page failed: ${textOf(second)}`)
    }
  }
  return prepareReply(plainError(error), method)
}

function plainError(error: unknown): Reply {
  const status = error instanceof CgiupError && error.status !== 499 ? error.status : 500
  const text = status < 500 ? 'The request is not valid.' : 'Internal Server Error'
  return { status, headers: textPageFields, body: `${status} ${text}\n` }
}

/** @throws the error that stopped it; `outcome.started` shows whether anything was sent before. */
async function sendReply(reply: PreparedReply, options: AnswerOptions, outcome: Outcome): Promise<void> {
  const { exchange, sink } = options
  outcome.status = reply.status
  if (reply.dropped) outcome.released = release(reply.dropped[Symbol.asyncIterator]())
  for (const note of reply.notes ?? []) log(exchange, note)
  const head = headOf(reply, options)
  const { body } = reply
  if (isStream(body)) {
    await sendStream(body, head, reply.length, options, outcome)
    return
  }
  const length = body === null ? 0 : (reply.length as number)
  outcome.started = true
  if (head.length + length <= onePieceBytes) {
    await put(sink, onePiece(head, body, length))
  } else {
    await put(sink, Buffer.from(head, 'latin1'))
    if (body !== null) await sink.send(typeof body === 'string' ? Buffer.from(body) : body)
  }
  outcome.bytes = length
}

function headOf(reply: PreparedReply, { exchange, nph }: AnswerOptions): string {
  if (reply.verbatim) return ''
  if (nph) {
    const protocol = exchange.env.get('SERVER_PROTOCOL') ?? ''
    return encodeHead(reply, { nph, protocol, date: new Date().toUTCString() })
  }
  const head = encodeHead(reply)
  if (head.length > bigHeadBytes) {
    const limit = `nginx rejects more than ${bigHeadBytes} unless fastcgi_buffer_size is raised`
    log(exchange, `The reply head has ${head.length} bytes; ${limit}.`)
  }
  return head
}

function onePiece(head: string, body: string | Uint8Array | null, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(head.length + length)
  bytes.write(head, 'latin1')
  if (typeof body === 'string') bytes.write(body, head.length)
  else if (body !== null) bytes.set(body, head.length)
  return bytes
}

/** Writes as much as possible immediately, the rest when the sink accepts it. */
async function put(sink: Sink, bytes: Uint8Array): Promise<void> {
  const taken = sink.now(bytes)
  if (taken < bytes.byteLength) await sink.send(taken === 0 ? bytes : bytes.subarray(taken))
}

async function sendStream(
  body: AsyncIterable<Uint8Array>,
  head: string,
  length: number | null,
  options: AnswerOptions,
  outcome: Outcome,
): Promise<void> {
  const { sink, interrupted } = options
  const pieces = body[Symbol.asyncIterator]()
  let ended = false
  // One reaction for all chunks: a race per chunk would hold memory for each chunk as long as the stream
  // lasts.
  let stop: (reason: unknown) => void = () => {}
  let stopped: { reason: unknown } | null = null
  interrupted.catch((reason: unknown) => {
    stopped = { reason }
    stop(reason)
  })
  const next = () =>
    new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
      stop = reject
      if (stopped) reject(stopped.reason)
      else pieces.next().then(resolve, reject)
    })
  const pull = async (): Promise<Uint8Array | null> => {
    const { done, value } = await next()
    if (!done) return checkPiece(value)
    ended = true
    return null
  }
  const start = async (piece: Uint8Array | null) => {
    outcome.started = true
    await put(sink, onePiece(head, piece, piece?.byteLength ?? 0))
  }
  try {
    const first = pull()
    first.catch(() => {})
    // Head and first chunk are sent together if the chunk is already available; the head does not wait for a
    // slow one.
    if (!(await isSoon(first))) await start(null)
    for (let piece = await first; piece !== null; piece = await pull()) {
      const room = length === null ? piece.byteLength : length - outcome.bytes
      const part = piece.byteLength > room ? piece.subarray(0, room) : piece
      if (!outcome.started) await start(part)
      else if (part.byteLength > 0) await sink.send(part)
      outcome.bytes += part.byteLength
      if (part !== piece) {
        // The announced bytes are complete; anything after them would be read as another response.
        outcome.failed = true
        log(options.exchange, wrongLength(length, `has more than ${length}`).message)
        break
      }
    }
    if (!outcome.started) await start(null)
    if (length !== null && outcome.bytes < length) throw wrongLength(length, `ended after ${outcome.bytes}`)
  } catch (error) {
    if (error instanceof ReaderGone) options.onGone?.()
    throw error
  } finally {
    if (!ended) outcome.released = release(pieces)
  }
}

/** Notifies a body that is not read to its end. */
async function release(pieces: AsyncIterator<Uint8Array>): Promise<void> {
  try {
    await pieces.return?.()
  } catch {
    // The reply is over; a failed cleanup cannot change it.
  }
}

/** Whether the work settles before timers and IO run. */
function isSoon(work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const settled = () => resolve(true)
    work.then(settled, settled)
    setImmediate(() => resolve(false))
  })
}

function checkPiece(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string') return Buffer.from(value)
  throw new AppError('REPLY_INVALID', `The body produced a chunk of type ${typeof value}; expected bytes.`)
}

function wrongLength(length: number | null, what: string): AppError {
  return new AppError('REPLY_BODY_LENGTH', `The body ${what} bytes; Content-Length is ${length}.`)
}

function log(exchange: Exchange, text: string): void {
  exchange.stderr(logLine(exchange.env, text))
}
