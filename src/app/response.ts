/** Turns the value that a fetch app returned into a Reply. */
import { AppError } from '../core/errors.js'
import type { Exchange, Reply } from '../core/exchange.js'
import { describe, StreamBody } from './stream-body.js'
import { headersList } from './web/headers.js'
import { responseState } from './web/response.js'

/** The members of a Response that are read: the platform's, another undici's, or a polyfill's. */
interface AnyResponse {
  readonly status: number
  readonly statusText?: unknown
  readonly headers: AnyHeaders
  readonly body?: unknown
  readonly bodyUsed?: unknown
}

interface AnyHeaders extends Iterable<[string, string]> {
  getSetCookie?: unknown
}

/** @throws AppError RESPONSE_INVALID for a value that cannot be sent. */
export function replyFrom(returned: unknown, exchange: Exchange): Reply {
  if (typeof returned !== 'object' || returned === null) throw notResponse(returned)
  const light = responseState(returned)
  if (light) {
    const headers = headersList(light.headers) as readonly string[]
    if (light.body?.unusable) throw alreadyRead()
    const body = light.body?.take() ?? null
    return reply(
      light.status,
      light.statusText,
      headers,
      isStream(body) ? new StreamBody(body, exchange) : body,
    )
  }
  if (!isResponse(returned)) throw notResponse(returned)
  if (returned.bodyUsed || (returned.body as { locked?: unknown } | null)?.locked) throw alreadyRead()
  return reply(
    returned.status,
    returned.statusText,
    listOf(returned.headers),
    bodyOf(returned.body, exchange),
  )
}

function reply(status: number, reason: unknown, headers: readonly string[], body: Reply['body']): Reply {
  if (status === 0)
    throw new AppError('RESPONSE_INVALID', 'The app returned Response.error(), which cannot be sent.')
  return typeof reason === 'string' && reason !== ''
    ? { status, reason, headers, body }
    : { status, headers, body }
}

function notResponse(returned: unknown): AppError {
  const seen = returned === undefined || returned === null ? String(returned) : describe(returned)
  return new AppError('RESPONSE_INVALID', `The app's fetch() returned ${seen}, not a Response.`)
}

const alreadyRead = (): AppError =>
  new AppError(
    'RESPONSE_INVALID',
    'The app returned a Response whose body was already read, or is being read.',
  )

function isResponse(value: object): value is AnyResponse {
  const { status, headers } = value as Partial<AnyResponse>
  if (typeof status !== 'number' || typeof headers !== 'object' || headers === null) return false
  return typeof headers[Symbol.iterator] === 'function' && 'get' in headers && 'body' in value
}

/** Set-Cookie is the only field that must not be joined (RFC 6265 section 3). */
function listOf(headers: AnyHeaders): string[] {
  const separate = typeof headers.getSetCookie === 'function'
  const list: string[] = []
  for (const [name, value] of headers) {
    if (!separate || name.toLowerCase() !== 'set-cookie') list.push(name, value)
  }
  if (separate)
    for (const cookie of (headers.getSetCookie as () => string[])()) list.push('set-cookie', cookie)
  return list
}

function bodyOf(body: unknown, exchange: Exchange): Reply['body'] {
  if (body === null || body === undefined) return null
  if (typeof body === 'string' || body instanceof Uint8Array) return body
  if (isStream(body)) return new StreamBody(body, exchange)
  if (typeof (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator] === 'function') {
    return body as AsyncIterable<Uint8Array>
  }
  throw new AppError('RESPONSE_INVALID', `The body of the app's Response is ${describe(body)}, not a stream.`)
}

const isStream = (body: unknown): body is ReadableStream =>
  typeof body === 'object' && body !== null && typeof (body as ReadableStream).getReader === 'function'
