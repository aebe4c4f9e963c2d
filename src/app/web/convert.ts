/**
 * Web IDL conversions that Headers, Request and Response need (https://webidl.spec.whatwg.org).
 */

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const NOT_BYTES = /[^\0-\xff]/
const VALUE_FORBIDDEN = /[\0\r\n]/
const EDGES = /^[\t\n\r ]+|[\t\n\r ]+$/g
const NOT_REASON = /[^\t\x20-\x7e\x80-\xff]/

/** RFC 9110 section 5.6.2. */
export const isToken = (text: string): boolean => TOKEN.test(text)

/** HTTP reason phrase: HTAB, SP, VCHAR, obs-text (RFC 9112 section 4). */
export const isReasonPhrase = (text: string): boolean => !NOT_REASON.test(text)

/** Object in the sense of Web IDL: functions too. */
export const isObject = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null) || typeof value === 'function'

export function toDOMString(value: unknown, where: string): string {
  if (typeof value === 'string') return value
  if (typeof value === 'symbol')
    throw new TypeError(`${where} is a symbol, which cannot be converted to a string.`)
  return String(value)
}

export function toByteString(value: unknown, where: string): string {
  const text = toDOMString(value, where)
  const at = text.search(NOT_BYTES)
  if (at !== -1) {
    throw new TypeError(
      `Cannot convert ${where} to a ByteString: the character at index ${at} has a value of ${text.charCodeAt(at)} which is greater than 255.`,
    )
  }
  return text
}

/** Header name as it is stored: a token in lower case. */
export function toHeaderName(value: unknown, where: string): string {
  const name = toByteString(value, where)
  if (!isToken(name)) throw new TypeError(`${where}: ${JSON.stringify(name)} is an invalid header name.`)
  return name.toLowerCase()
}

/** Header value without the white space at its edges. */
export function toHeaderValue(value: unknown, where: string): string {
  const text = toByteString(value, where).replace(EDGES, '')
  if (VALUE_FORBIDDEN.test(text))
    throw new TypeError(`${where}: ${JSON.stringify(text)} is an invalid header value.`)
  return text
}

/** `unsigned short`: modulo 65536, as Web IDL converts without [EnforceRange]. */
export function toUnsignedShort(value: unknown, where: string): number {
  if (typeof value === 'symbol') throw new TypeError(`${where} is not a number.`)
  const number = Math.trunc(Number(value))
  if (!Number.isFinite(number)) return 0
  return ((number % 65536) + 65536) % 65536
}

/** A dictionary argument: undefined and null are the empty one. */
export function toDictionary(value: unknown, where: string): Record<string, unknown> | null {
  if (value === undefined || value === null) return null
  if (!isObject(value)) throw new TypeError(`${where} is not an object.`)
  return value as Record<string, unknown>
}

/** One of the words of an enumeration. */
export function toEnum(value: unknown, words: readonly string[], where: string): string {
  const word = toDOMString(value, where)
  if (!words.includes(word)) {
    throw new TypeError(
      `${where} is ${JSON.stringify(word)}, expected one of ${words.map((w) => JSON.stringify(w)).join(', ')}.`,
    )
  }
  return word
}

export function needArguments(given: number, wanted: number, where: string): void {
  if (given < wanted) {
    throw new TypeError(
      `${where}: ${wanted} argument${wanted === 1 ? '' : 's'} required, but ${given} present.`,
    )
  }
}

/** Web IDL attributes and operations are enumerable and their interface has a tag. */
export function finishInterface(prototype: object, tag: string): void {
  for (const key of Object.getOwnPropertyNames(prototype)) {
    if (key !== 'constructor') Object.defineProperty(prototype, key, { enumerable: true })
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: tag, configurable: true })
}
