/**
 * Web IDL conversions that Headers, Request and Response need (https://webidl.spec.whatwg.org).
 */
import { isToken } from '../../env/text.js'

export { isToken }

// Loops, not regular expressions, which every process has to compile again.

/** HTTP reason phrase: HTAB, SP, VCHAR, obs-text (RFC 9112 section 4). */
export function isReasonPhrase(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if ((code < 32 && code !== 9) || code === 127 || code > 255) return false
  }
  return true
}

/** An object in the sense of Web IDL, which includes functions. */
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
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 255) {
      throw new TypeError(
        `Cannot convert ${where} to a ByteString: the character at index ${i} has a value of ${code} which is greater than 255.`,
      )
    }
  }
  return text
}

/** Cache of header names in their stored form; few different ones occur. */
const headerNames = new Map<string, string>()
const maxHeaderNames = 500

/** Header name as it is stored: a token in lower case. */
export function toHeaderName(value: unknown, where: string): string {
  const known = headerNames.get(value as string)
  if (known !== undefined) return known
  const name = toByteString(value, where)
  if (!isToken(name)) throw new TypeError(`${where}: ${JSON.stringify(name)} is an invalid header name.`)
  const stored = name.toLowerCase()
  if (headerNames.size < maxHeaderNames && name.length <= 64) headerNames.set(name, stored)
  return stored
}

/** Visible ASCII with inner spaces: nothing to trim, nothing to reject. */
const plainValue = /^[!-~](?:[ -~]*[!-~])?$/

export const isPlainHeaderValue = (value: unknown): value is string =>
  typeof value === 'string' && plainValue.test(value)

/** HTTP white space (https://fetch.spec.whatwg.org/#http-whitespace). */
const isSpace = (code: number): boolean => code === 32 || code === 9 || code === 10 || code === 13

/** Header value without the white space at its edges. */
export function toHeaderValue(value: unknown, where: string): string {
  const text = toByteString(value, where)
  let start = 0
  let end = text.length
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  while (start < end && isSpace(text.charCodeAt(start))) start++
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i)
    if (code === 0 || code === 10 || code === 13) {
      throw new TypeError(`${where}: ${JSON.stringify(text)} is an invalid header value.`)
    }
  }
  return text.slice(start, end)
}

/**
 * `unsigned short`: modulo 65536, as Web IDL converts without [EnforceRange]. Negative numbers stay negative,
 * as on the platform (Web IDL would wrap them), and are therefore out of range.
 */
export function toUnsignedShort(value: unknown, where: string): number {
  if (typeof value === 'symbol') throw new TypeError(`${where} is not a number.`)
  const number = Math.trunc(Number(value))
  if (!Number.isFinite(number)) return 0
  return number % 65536
}

/** A dictionary argument: undefined and null count as empty. */
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

/** Makes attributes and operations enumerable and adds the tag, as Web IDL requires. */
export function finishInterface(prototype: object, tag: string): void {
  for (const key of Object.getOwnPropertyNames(prototype)) {
    if (key !== 'constructor') Object.defineProperty(prototype, key, { enumerable: true })
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: tag, configurable: true })
}
