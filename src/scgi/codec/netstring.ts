/**
 * The head of an SCGI request (SCGI protocol text of 2008-06-23): one netstring of NUL-terminated
 * names and values, read incrementally, without IO.
 */

import { RequestError } from '../../core/errors.js'
import { type Layout, layoutOf } from '../../env/layout.js'
import { nameAt } from '../../env/names.js'

export interface NetstringLimits {
  /** Size of the netstring: all names and values of one request, each with its NUL. */
  readonly maxParamsBytes: number
  /** Name-value pairs of one request. */
  readonly maxParams: number
  /** How many bytes of a netstring over its limit are discarded so that a reply can be sent. */
  readonly maxDiscardBytes: number
}

export interface ScgiHead {
  /** `name, value, name, value, …`, Latin-1. */
  readonly params: string[]
  /** All parameters are ASCII. */
  readonly isAscii: boolean
  /** The body's length in bytes, from CONTENT_LENGTH. */
  readonly contentLength: number
  /** Where the body begins in the chunk that completed the head. */
  readonly bodyAt: number
  /** Why the request can only be refused (SCGI_LIMIT): the bounds of its body are unknown. */
  readonly refused: RequestError | null
}

const colon = 0x3a
const commaByte = 0x2c
const zero = 0x30
const noBytes = Buffer.alloc(0)

/** Reads the head of one request. */
export class NetstringReader {
  readonly #limits: NetstringLimits
  #digits = 0
  #length = 0
  #inHeaders = false
  // Headers received in several chunks.
  #kept: Buffer = noBytes
  #have = 0

  constructor(limits: NetstringLimits) {
    this.#limits = limits
  }

  /** No part of a request has arrived yet. */
  get idle(): boolean {
    return this.#digits === 0
  }

  /** Bytes of the head, once its length is known. */
  get length(): number {
    return this.#digits + this.#length + 2
  }

  /** Bytes of memory held by an incomplete head. */
  get retained(): number {
    return this.#kept.length
  }

  /**
   * Do not call it again after the head or an error.
   *
   * @returns the head once it is complete, null while more is needed.
   * @throws RequestError SCGI_NETSTRING, SCGI_HEADERS or, beyond what can be discarded, SCGI_LIMIT; the
   * message says what was wrong at which byte.
   */
  push(chunk: Uint8Array): ScgiHead | null {
    let at = 0
    while (!this.#inHeaders) {
      if (at >= chunk.length) return null
      this.#lengthByte(chunk[at++] as number)
    }
    const length = this.#length
    if (length > this.#limits.maxParamsBytes) return refusal([], this.#tooLong(''), at)
    // The headers and the comma after them.
    const end = Math.min(chunk.length, at + length + 1 - this.#have)
    if (this.#have === 0 && end - at > length) return this.#whole(chunk, at, end)
    this.#keep(chunk, at, end)
    return this.#have > length ? this.#whole(this.#kept, 0, end) : null
  }

  #whole(bytes: Uint8Array, from: number, bodyAt: number): ScgiHead {
    const end = from + this.#length
    const comma = bytes[end] as number
    const base = this.#digits + 1
    if (comma !== commaByte)
      throw new RequestError(
        'SCGI_NETSTRING',
        `byte ${base + this.#length} is ${comma} where "," was expected after ${this.#length} bytes of headers`,
      )
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', from, end)
    return readHeaders(text, base, bodyAt, this.#limits)
  }

  /** Memory grows with the bytes received, not with those announced. */
  #keep(chunk: Uint8Array, from: number, end: number): void {
    const have = this.#have + end - from
    if (have > this.#kept.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.#length + 1, Math.max(2 * have, 512)))
      this.#kept.copy(larger, 0, 0, this.#have)
      this.#kept = larger
    }
    this.#kept.set(chunk.subarray(from, end), this.#have)
    this.#have = have
  }

  #lengthByte(byte: number): void {
    if (byte === colon && this.#digits > 0) {
      this.#inHeaders = true
      return
    }
    const digit = byte - zero
    // A netstring's length has no leading zero, and no SCGI request has an empty head.
    if (digit < 0 || digit > 9 || (digit === 0 && this.#digits === 0))
      throw new RequestError(
        'SCGI_NETSTRING',
        `byte ${this.#digits} is ${byte} where a digit of the netstring's length${this.#digits > 0 ? ' or ":"' : ''} was expected${this.#digits === 0 ? guessPeer(byte) : ''}`,
      )
    this.#digits++
    this.#length = this.#length * 10 + digit
    const { maxParamsBytes, maxDiscardBytes } = this.#limits
    if (this.#length > maxParamsBytes && this.#length > maxDiscardBytes) throw this.#tooLong(' or more')
  }

  #tooLong(orMore: string): RequestError {
    const { maxParamsBytes } = this.#limits
    return new RequestError(
      'SCGI_LIMIT',
      `headers of ${this.#length} bytes${orMore}; maxParamsBytes is ${maxParamsBytes}`,
    )
  }
}

function guessPeer(byte: number): string {
  if (byte === 0x16) return '; this looks like TLS, which this SCGI port does not support'
  if (byte === 1)
    return '; this looks like FastCGI, but the port speaks SCGI: use scgi_pass, not fastcgi_pass'
  if (byte >= 0x41 && byte <= 0x7a)
    return '; this looks like HTTP, but the port speaks SCGI: use scgi_pass, not proxy_pass'
  return ''
}

const invalid = (what: string, at: number): RequestError =>
  new RequestError('SCGI_HEADERS', `${what} (byte ${at})`)

/** @param base offset of the text in the request, for messages */
function readHeaders(text: string, base: number, bodyAt: number, limits: NetstringLimits): ScgiHead {
  const params: string[] = []
  const most = 2 * limits.maxParams
  for (let at = 0; at < text.length; ) {
    const nameEnd = text.indexOf('\0', at)
    if (nameEnd === at) throw invalid('a header name is empty', base + at)
    if (nameEnd < 0) throw invalid('the headers do not end with NUL', base + text.length - 1)
    const valueEnd = text.indexOf('\0', nameEnd + 1)
    if (valueEnd < 0) throw unended(text, at, nameEnd, base)
    if (params.length >= most) {
      const what = `more headers than maxParams (${limits.maxParams}) (byte ${base + at})`
      return refusal(params, new RequestError('SCGI_LIMIT', what), bodyAt)
    }
    params.push(nameAt(text, at, nameEnd), text.slice(nameEnd + 1, valueEnd))
    at = valueEnd + 1
  }
  const contentLength = checkHeaders(params, layoutOf(params), base)
  // One native call checks all: ASCII text has as many UTF-8 bytes as characters.
  return { params, isAscii: Buffer.byteLength(text) === text.length, contentLength, bodyAt, refused: null }
}

/** Everything that follows is discarded like a body. */
const refusal = (params: string[], refused: RequestError, bodyAt: number): ScgiHead => ({
  params,
  isAscii: false,
  contentLength: Number.POSITIVE_INFINITY,
  bodyAt,
  refused,
})

const unended = (text: string, at: number, nameEnd: number, base: number): RequestError =>
  nameEnd === text.length - 1
    ? invalid(`header ${JSON.stringify(text.slice(at, nameEnd))} has no value`, base + at)
    : invalid('the headers do not end with NUL', base + text.length - 1)

/** @returns the length of the body */
function checkHeaders(params: readonly string[], layout: Layout, base: number): number {
  // SCGI: "The first header must have the name CONTENT_LENGTH and a value that is the length of the body in
  // decimal."
  if (params[0] !== 'CONTENT_LENGTH')
    throw invalid(`the first header is ${JSON.stringify(params[0])} where CONTENT_LENGTH was expected`, base)
  const length = params[1] as string
  if (!/^\d{1,15}$/.test(length))
    throw invalid(`CONTENT_LENGTH is ${JSON.stringify(length)} where a number was expected`, base)
  // SCGI: "There must always be a header with the name SCGI and a value of 1."
  const version = layout.places.get('SCGI')
  if (version === undefined) throw invalid('the header SCGI is missing', placeOf(params, params.length, base))
  if (params[version] !== '1')
    throw invalid(
      `SCGI is ${JSON.stringify(params[version])} where 1 was expected`,
      placeOf(params, version - 1, base),
    )
  if (layout.hasRepeats) checkRepeats(params, base)
  return Number(length)
}

/**
 * SCGI: "Duplicate names are not allowed in the headers"; nginx repeats request headers anyway, and those can
 * be joined.
 */
function checkRepeats(params: readonly string[], base: number): void {
  const seen = new Set<string>()
  for (let i = 0; i < params.length; i += 2) {
    const name = params[i] as string
    if (seen.has(name) && !name.startsWith('HTTP_'))
      throw invalid(
        `header ${name} is repeated; in nginx, check whether an included file has the same scgi_param`,
        placeOf(params, i, base),
      )
    seen.add(name)
  }
}

/** Where the item at an index of the list began. */
function placeOf(params: readonly string[], index: number, base: number): number {
  let at = base
  for (let i = 0; i < index; i++) at += (params[i] as string).length + 1
  return at
}
