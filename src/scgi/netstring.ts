/**
 * The head of an SCGI request (SCGI protocol text of 2008-06-23): one netstring of NUL-terminated
 * names and values, read incrementally, without IO.
 */
import { RequestError } from '../errors.js'

export interface NetstringLimits {
  /** Bytes of all names and values of one request. */
  readonly maxParamsBytes: number
  /** Name-value pairs of one request. */
  readonly maxParams: number
}

export interface ScgiHead {
  /** `name, value, name, value, …`, Latin-1. */
  readonly params: string[]
  /** The body's length in bytes, from CONTENT_LENGTH. */
  readonly contentLength: number
  /** Where the body begins in the chunk that completed the head. */
  readonly bodyAt: number
}

const COLON = 0x3a
const COMMA = 0x2c
const ZERO = 0x30

/** Reads the head of one request. */
export class NetstringReader {
  readonly #limits: NetstringLimits
  #digits = 0
  #length = 0
  #inHeaders = false
  #text = ''
  #done = false

  constructor(limits: NetstringLimits) {
    this.#limits = limits
  }

  /** Nothing of a request has come yet. */
  get idle(): boolean {
    return this.#digits === 0
  }

  /**
   * @returns the head once it is whole, null while more is needed.
   * @throws RequestError SCGI_NETSTRING, SCGI_HEADERS or SCGI_LIMIT.
   */
  push(chunk: Uint8Array): ScgiHead | null {
    let at = 0
    while (!this.#inHeaders) {
      if (at >= chunk.length) return null
      this.#lengthByte(chunk[at++] as number)
    }
    const missing = this.#length - this.#text.length
    if (missing > 0) {
      const end = Math.min(chunk.length, at + missing)
      this.#text += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1', at, end)
      at = end
    }
    if (at >= chunk.length || this.#done) return null
    if (chunk[at] !== COMMA)
      throw new RequestError(
        'SCGI_NETSTRING',
        `byte ${chunk[at]} after the ${this.#length} bytes of headers where "," was expected`,
      )
    this.#done = true
    return parseHeaders(this.#text, at + 1, this.#limits)
  }

  #lengthByte(byte: number): void {
    if (byte === COLON && this.#digits > 0) {
      this.#inHeaders = true
      return
    }
    const digit = byte - ZERO
    // A netstring's length has no leading zero, and no SCGI request has an empty head.
    if (digit < 0 || digit > 9 || (digit === 0 && this.#digits === 0))
      throw new RequestError(
        'SCGI_NETSTRING',
        `byte ${this.#digits} is ${byte} where a digit of the netstring's length${this.#digits > 0 ? ' or ":"' : ''} was expected${this.#digits === 0 ? guessPeer(byte) : ''}`,
      )
    this.#digits++
    this.#length = this.#length * 10 + digit
    if (this.#length > this.#limits.maxParamsBytes)
      throw new RequestError(
        'SCGI_LIMIT',
        `headers of ${this.#length} bytes or more; maxParamsBytes is ${this.#limits.maxParamsBytes}`,
      )
  }
}

const guessPeer = (byte: number): string => {
  if (byte === 0x16) return '; these look like TLS bytes: this is an SCGI port and speaks no TLS'
  if (byte === 1) return '; these look like FastCGI: this is an SCGI port: use scgi_pass, not fastcgi_pass'
  if (byte >= 0x41 && byte <= 0x7a)
    return '; these look like HTTP: this is an SCGI port: use scgi_pass, not proxy_pass'
  return ''
}

const invalid = (what: string): RequestError => new RequestError('SCGI_HEADERS', what)

const parseHeaders = (text: string, bodyAt: number, limits: NetstringLimits): ScgiHead => {
  if (text.charCodeAt(text.length - 1) !== 0) throw invalid('the headers do not end with NUL')
  const params: string[] = []
  const seen = new Set<string>()
  let version: string | undefined
  let at = 0
  while (at < text.length) {
    const nameEnd = text.indexOf('\0', at)
    if (nameEnd === at) throw invalid(`an empty header name at byte ${at} of the headers`)
    const valueEnd = text.indexOf('\0', nameEnd + 1)
    if (valueEnd < 0) throw invalid(`header ${JSON.stringify(text.slice(at, nameEnd))} has no value`)
    if (params.length / 2 >= limits.maxParams)
      throw new RequestError('SCGI_LIMIT', `more headers than maxParams (${limits.maxParams})`)
    const name = text.slice(at, nameEnd)
    // "Duplicate names are not allowed in the headers": nginx repeats request headers all the same, and those can be joined.
    if (seen.has(name) && !name.startsWith('HTTP_')) throw invalid(`header ${name} stands twice`)
    seen.add(name)
    const value = text.slice(nameEnd + 1, valueEnd)
    if (name === 'SCGI') version = value
    params.push(name, value)
    at = valueEnd + 1
  }
  // "The first header must have the name CONTENT_LENGTH and a value that is the length of the body in decimal."
  if (params[0] !== 'CONTENT_LENGTH')
    throw invalid(`the first header is ${JSON.stringify(params[0])} where CONTENT_LENGTH was expected`)
  const length = params[1] as string
  if (!/^\d{1,15}$/.test(length)) throw invalid(`CONTENT_LENGTH is ${JSON.stringify(length)}`)
  // "There must always be a header with the name SCGI and a value of 1."
  if (version !== '1') throw invalid('there is no header SCGI with the value 1')
  return { params, contentLength: Number(length), bodyAt }
}

/** The head of a request, Latin-1; CONTENT_LENGTH and SCGI are put first. */
export const encodeScgiHead = (params: readonly string[], contentLength: number): string => {
  let text = `CONTENT_LENGTH\0${contentLength}\0SCGI\x001\0`
  for (let i = 0; i + 1 < params.length; i += 2) {
    const name = params[i] as string
    if (name !== 'CONTENT_LENGTH' && name !== 'SCGI') text += `${name}\0${params[i + 1]}\0`
  }
  return `${text.length}:${text},`
}
