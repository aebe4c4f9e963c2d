/**
 * Encodes the head of a {@link Reply} as a script writes it (RFC 3875 section 6). No IO. head-parser.ts does
 * the reverse: it parses a program's output.
 */

import { AppError } from '../../core/errors.js'
import type { Reply } from '../../core/exchange.js'

import { readFields } from './head-fields.js'
import { isNullBodyStatus, reasonPhrase } from './status.js'

export { reasonPhrase } from './status.js'

/** A reply that has been checked: its contents may be sent unchanged. */
export interface PreparedReply {
  readonly status: number
  readonly reason: string
  /** `name, value, …`: CGI fields first (RFC 3875 section 8.2), no connection fields. */
  readonly headers: string[]
  /** What to send; null if the reply has no content, or must not have any (HEAD, 204, 205, 304). */
  readonly body: Reply['body']
  /** Bytes of `body` that must follow the head; null if unknown before the end. */
  readonly length: number | null
  /** A streamed body that must not be sent: the adapter calls `return()` on its iterator. */
  readonly dropped: AsyncIterable<Uint8Array> | null
  /** Corrections, one sentence each, for the log; null if there were none. */
  readonly notes: readonly string[] | null
  /** `body` is the whole HTTP response (see {@link Reply.verbatim}); no head is written. */
  readonly verbatim: boolean
}

/**
 * Checks a reply and adds the fields that a gateway needs: corrects Content-Type and Content-Length, removes
 * connection fields, and drops content where it is not allowed.
 *
 * @param method the request method; only `HEAD` matters.
 * @param gateway whether a web server parses the reply as CGI output. False if it is sent as HTTP.
 * @throws AppError HEADER_INVALID, STATUS_INVALID, CONTENT_LENGTH_INVALID, REPLY_INVALID.
 */
export function prepareReply(reply: Reply, method: string, gateway = true): PreparedReply {
  checkShape(reply)
  const { status } = reply
  checkStatus(status)
  const reason = reply.reason ? checkReason(reply.reason) : reasonPhrase(status)
  const body = reply.body ?? null
  if (reply.verbatim) {
    const headers = reply.headers as string[]
    return {
      status,
      reason,
      headers,
      body,
      length: onePiece(body),
      dropped: null,
      notes: null,
      verbatim: true,
    }
  }
  const fields = readFields(reply.headers)
  const notes: string[] = fields.notes
  const headers: string[] = []
  const length = onePiece(body)
  let send = body
  let sendLength = length
  let contentLength = fields.contentLength

  if (isNullBodyStatus(status)) {
    // RFC 9110 8.6: no Content-Length with 204; with 304 it would describe another response.
    contentLength = status === 205 ? '0' : null
    send = null
  } else {
    // RFC 3875 6.3.1: "If an entity body is returned, the script MUST supply a Content-Type field".
    const type = fields.contentType ?? (length === 0 ? null : guessType(body, notes))
    if (type !== null) headers.push('Content-Type', type)
    if (method === 'HEAD') {
      // RFC 3875 4.3.3: "The script MUST NOT provide a response message-body" for HEAD.
      send = null
      contentLength = checkLength(contentLength, null) ?? (length ? String(length) : null)
    } else if (length === null) {
      contentLength = checkLength(contentLength, null)
      sendLength = contentLength === null ? null : Number(contentLength)
    } else {
      contentLength = checkLength(contentLength, length, notes)
    }
  }
  if (send === null) sendLength = 0

  if (fields.location !== null) {
    // Apache turns every Location with status 200 into a redirect and drops the body (RFC 3875 6.2.2 and
    // 6.2.3 have no other use for it): the two must not be combined.
    if (status === 200 && gateway)
      notes.push('Location was removed: with status 200, web servers would redirect and drop the body.')
    else headers.push('Location', fields.location)
  }
  if (contentLength !== null) headers.push('Content-Length', contentLength)
  const rest = fields.rest
  for (let i = 0; i < rest.length; i++) headers.push(rest[i] as string)
  const dropped =
    send === null && body !== null && length === null ? (body as AsyncIterable<Uint8Array>) : null
  return {
    status,
    reason,
    headers,
    body: send,
    length: sendLength,
    dropped,
    notes: notes.length > 0 ? notes : null,
    verbatim: false,
  }
}

export interface EncodeOptions {
  /** Write a whole HTTP response head (RFC 3875 section 5.2) instead of a CGI one. Default false. */
  readonly nph?: boolean
  /** SERVER_PROTOCOL of the request; NPH only. `HTTP/1.0` gets a 1.0 status line, all others 1.1. */
  readonly protocol?: string
  /** Value of the Date field; NPH only, if the reply has none of its own. */
  readonly date?: string
}

/**
 * The head with its empty line, as a Latin-1 string (one character per byte), with CR LF line ends. `Status`
 * is always present, first and with a reason: without it Apache mod_proxy_fcgi, Caddy and h2o answer a
 * redirect with 200.
 */
export function encodeHead(reply: PreparedReply, options?: EncodeOptions): string {
  let head = options?.nph ? statusLine(reply, options) : `Status: ${reply.status} ${reply.reason}\r\n`
  const { headers } = reply
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  return `${head}\r\n`
}

function statusLine(reply: PreparedReply, options: EncodeOptions): string {
  const version = options.protocol === 'HTTP/1.0' ? 'HTTP/1.0' : 'HTTP/1.1'
  let line = `${version} ${reply.status} ${reply.reason}\r\n`
  if (options.date && !hasField(reply.headers, 'date')) line += `Date: ${options.date}\r\n`
  // RFC 3875 5.2: an NPH script does not use persistent connections.
  return `${line}Connection: close\r\n`
}

function hasField(headers: readonly string[], name: string): boolean {
  for (let i = 0; i < headers.length; i += 2) if (headers[i]?.toLowerCase() === name) return true
  return false
}

/** Size of a body that is not streamed, in bytes; null for a streamed one. */
function onePiece(body: Reply['body']): number | null {
  if (body === null) return 0
  if (typeof body === 'string') return Buffer.byteLength(body)
  return body instanceof Uint8Array ? body.byteLength : null
}

function checkShape(reply: Reply): void {
  if (typeof reply !== 'object' || reply === null || !Array.isArray(reply.headers)) {
    throw new AppError(
      'REPLY_INVALID',
      `The handler returned ${describe(reply)}; expected { status, headers: [name, value, …], body }.`,
    )
  }
  const { body } = reply
  if (body == null || typeof body === 'string' || body instanceof Uint8Array) return
  if (typeof body === 'object' && Symbol.asyncIterator in body) return
  throw new AppError(
    'REPLY_INVALID',
    `The body of the reply is ${describe(body)}; expected a string, bytes, an async iterable of bytes, or null.`,
  )
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  const name = typeof value === 'object' ? value.constructor?.name : undefined
  return name ? `an object of class ${name}` : `a ${typeof value}`
}

function checkStatus(status: number): void {
  // RFC 3875 6.3.3 and RFC 9110 15: three digits. An interim (1xx) status sent as the final one
  // breaks every server (nginx, Apache and h2o show the real head as the body).
  if (Number.isInteger(status) && status >= 200 && status <= 599) return
  const why = status >= 100 && status <= 199 ? ' 1xx responses cannot be sent through a gateway.' : ''
  throw new AppError('STATUS_INVALID', `The reply has status ${String(status)}; expected 200 to 599.${why}`)
}

function checkReason(reason: string): string {
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(reason)) return reason
  throw new AppError(
    'HEADER_INVALID',
    `The reason phrase ${JSON.stringify(reason)} has a character that HTTP does not allow.`,
  )
}

/** RFC 9110 8.6: Content-Length must be right or absent. `actual` is null if it is not known yet. */
function checkLength(value: string | null, actual: number | null, notes?: string[]): string | null {
  if (actual === null) {
    if (value === null || /^[0-9]{1,15}$/.test(value)) return value
    throw new AppError(
      'CONTENT_LENGTH_INVALID',
      `Content-Length is ${JSON.stringify(value)}; expected a number of bytes.`,
    )
  }
  const right = String(actual)
  if (value !== null && value !== right) {
    notes?.push(`Content-Length was ${JSON.stringify(value)} for a body of ${right} bytes; sent as ${right}.`)
  }
  return right
}

function guessType(body: Reply['body'], notes: string[]): string {
  const type = guessContentType(body)
  notes.push(`The reply has a body but no Content-Type; sent as ${type}.`)
  return type
}

const looked = 512

/**
 * RFC 3875 section 6.3.1 requires a Content-Type with every body. Text and complete HTML pages are recognized
 * by their beginning; a streamed body has not produced any data yet.
 */
function guessContentType(body: Reply['body']): string {
  if (typeof body === 'string') return textType(body.slice(0, looked))
  if (!(body instanceof Uint8Array)) return 'application/octet-stream'
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const start = bytes.toString('latin1', 0, looked)
  return /[^\t-\r -~\x80-\xff]/.test(start) ? 'application/octet-stream' : textType(start)
}

function textType(start: string): string {
  return /^\s*<(?:!doctype html|html)[\s>]/i.test(start)
    ? 'text/html; charset=utf-8'
    : 'text/plain; charset=utf-8'
}
