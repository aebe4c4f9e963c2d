/** Common part of FastCGI and SCGI replies, until the head is sent. */

import { failureText } from '../cgi/codec/error-text.js'
import { type PreparedReply, prepareReply } from '../cgi/codec/head.js'
import { textPageLines } from '../cgi/codec/page-fields.js'
import { AppError } from '../core/errors.js'
import type { Env, Reply } from '../core/exchange.js'
import { serverOf } from '../env/server.js'
import type { PushedBody } from './body.js'

import type { SocketExchange } from './exchange.js'
import type { ProcessEnd } from './process-end.js'
import type { Service } from './service.js'
import { parseVerbatimReply } from './verbatim-reply.js'

/** What a reply needs from its connection. */
export interface AnswerLine<E> {
  readonly service: Service
  /** Resolves when the whole body is buffered, in a file if it is large. */
  takeBody(exchange: E): Promise<void>
}

/** Bodies up to this many bytes are sent in one string with their head. */
export const smallBodyBytes = 16384

/**
 * The checked reply, if its head can be sent now. Null if it must wait, or is not sent: then `answer` or
 * `fail` is called later, or was called already.
 *
 * @param change replaces the reply first
 */
export function prepareAnswer<L extends AnswerLine<E>, E extends SocketExchange & Waiting>(
  line: L,
  exchange: E,
  reply: Reply,
  answer: (line: L, exchange: E, reply: Reply) => void,
  fail: (line: L, exchange: E, error: unknown) => void,
  change: ((reply: Reply) => Reply) | null = null,
): PreparedReply | null {
  // Another reply came first: the app's own, or the page for an error that it did not wait for.
  if (exchange.headSent || exchange.finished) {
    dropBody(reply.body)
    return null
  }
  let prepared: PreparedReply
  try {
    prepared = prepareReply(
      change === null ? reply : change(reply),
      exchange.env.get('REQUEST_METHOD') ?? 'GET',
    )
  } catch (error) {
    dropBody(reply?.body)
    fail(line, exchange, error)
    return null
  }
  if (prepared.verbatim) {
    parseVerbatimReply(reply).then(
      (parsed) => answer(line, exchange, parsed),
      (error) => fail(line, exchange, error),
    )
    return null
  }
  if (needsBodyFirst(exchange, prepared.body)) {
    line.takeBody(exchange).then(() => answer(line, exchange, reply))
    return null
  }
  if (prepared.status >= 500) {
    const failure = failureText(reply)
    if (failure !== null) line.service.report(exchange, failure)
  }
  if (prepared.notes !== null) for (const note of prepared.notes) line.service.lines.once(`cgiup: ${note}`)
  if (prepared.dropped !== null) dropBody(prepared.dropped)
  exchange.step('head')
  return prepared
}

function dropBody(body: Reply['body'] | undefined): void {
  if (body === null || typeof body !== 'object' || !(Symbol.asyncIterator in body)) return
  body[Symbol.asyncIterator]()
    .return?.()
    ?.catch?.(() => {})
}

/** A small body as Latin-1 text of its bytes; null for a large one. */
export function smallBody(body: string | Uint8Array | null): string | null {
  if (body === null) return ''
  if (body.length > smallBodyBytes) return null
  if (typeof body !== 'string') return latin1(body)
  return Buffer.byteLength(body) === body.length ? body : Buffer.from(body, 'utf8').toString('latin1')
}

export function latin1(bytes: Uint8Array): string {
  const buffer =
    bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return buffer.toString('latin1')
}

/** @param got how many bytes arrived: `only 17 bytes`, `more` */
export const wrongLength = (length: number, got: string): AppError =>
  new AppError('REPLY_BODY_LENGTH', `Content-Length is ${length}, but the body has ${got}.`)

/** The complete CGI output for a request that has no reply when the process ends. */
export function abandonedText({ status }: ProcessEnd, method: string | undefined): string {
  const reason = status === 500 ? 'Internal Server Error' : 'Service Unavailable'
  const body = method === 'HEAD' ? '' : `${status} ${reason}\n`
  return `Status: ${status} ${reason}\r\n${textPageLines}\r\n${body}`
}

/** nginx: fastcgi_buffer_size and scgi_buffer_size, one page. */
const nginxHead = 4096

/** Apache: one line of a head. */
const apacheLine = 8190

/** Null for a head that all servers accept, else a sentence. */
export function bigHeadWarning(head: string): string | null {
  if (head.length <= nginxHead) return null
  const long = head.split('\r\n').find((line) => line.length > apacheLine)
  const line =
    long === undefined
      ? ''
      : ` Apache rejects lines of more than ${apacheLine}; ${long.slice(0, long.indexOf(':'))} has ${long.length}.`
  return (
    `The reply head has ${head.length} bytes; nginx rejects more than ${nginxHead} unless ` +
    `fastcgi_buffer_size (scgi_buffer_size) is raised.${line}`
  )
}

/** An exchange whose reply may have to wait for the whole request body. */
export interface Waiting {
  readonly env: Env
  readonly stdin: PushedBody
  /** The reply has already waited for the body. */
  bodyAwaited: boolean
}

/**
 * Whether a reply must wait until the whole body has arrived: an app that writes what it reads (an echo, a
 * proxy, a transformation) would wait forever for the rest. A reply that is not streamed does not need the
 * rest.
 */
function needsBodyFirst(exchange: Waiting, body: Reply['body']): boolean {
  const { stdin } = exchange
  if (stdin.ended || stdin.cancelled || exchange.bodyAwaited) return false
  if (body === null || typeof body === 'string' || body instanceof Uint8Array) return false
  return serverOf(exchange.env).isHalfDuplex
}
