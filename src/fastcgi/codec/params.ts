/**
 * Name-value pairs (FastCGI 1.0 section 3.4) as a byte stream: pairs may be split anywhere, even inside a
 * length, and spread over any number of records.
 */

import { RequestError } from '../../core/errors.js'
import { nameAt, nameOf } from '../../env/names.js'

export interface ParamLimits {
  /** Bytes of all names and values of one request, lengths not counted. */
  readonly maxParamsBytes: number
  /** Name-value pairs of one request. */
  readonly maxParams: number
}

/** No bytes; never modified. */
const none: number[] = []
const noBytes = Buffer.alloc(0)

/** Collects pairs into a flat list `name, value, name, value, …` of Latin-1 strings. */
export class PairReader {
  readonly list: string[] = []
  readonly #limits: ParamLimits
  /** Bytes of names and values, including those that an incomplete pair announces. */
  bytes = 0
  // An incomplete pair at the end of a chunk: its length bytes, then its text so far.
  #lengths: number[] = none
  #name = -1
  #value = 0
  #kept: Buffer = noBytes
  #have = 0
  /** All bytes checked so far are ASCII. */
  isAscii = true

  constructor(limits: ParamLimits) {
    this.#limits = limits
  }

  /** Whether all pairs received so far are complete. */
  get whole(): boolean {
    return this.#name < 0 && this.#lengths.length === 0
  }

  /** Bytes of memory held by an incomplete pair. */
  get retained(): number {
    return this.#kept.length + this.#lengths.length
  }

  /**
   * @throws RequestError FCGI_PARAMS_LIMIT before storing a pair that exceeds the limits. The reader cannot
   * continue then; `list` has the earlier pairs.
   */
  push(chunk: Uint8Array, start: number, end: number): void {
    let at = start
    if (!this.whole) at = this.#resume(chunk, at, end)
    if (at >= end) return
    const buffer = bufferOf(chunk)
    const text = buffer.toString('latin1', at, end)
    const base = at
    const list = this.list
    // One native call checks all: ASCII text has as many UTF-8 bytes as characters. Lengths of long values
    // are not ASCII.
    if (this.isAscii) this.isAscii = Buffer.byteLength(text) === text.length
    while (at < end) {
      const pair = at
      let name = chunk[at++] as number
      // FastCGI 1.0 section 3.4: "The high-order bit of the first byte of a length indicates the length's
      // encoding."
      if (name > 127) {
        if (end - at < 3) {
          this.#keep(chunk, pair, end)
          return
        }
        name = readLong(name, chunk, at)
        at += 3
      }
      if (at >= end) {
        this.#keep(chunk, pair, end)
        return
      }
      let value = chunk[at++] as number
      if (value > 127) {
        if (end - at < 3) {
          this.#keep(chunk, pair, end)
          return
        }
        value = readLong(value, chunk, at)
        at += 3
      }
      this.#admit(name, value)
      if (end - at < name + value) {
        this.#name = name
        this.#value = value
        this.#keepText(chunk, at, end)
        return
      }
      const split = at - base + name
      list.push(nameOf(chunk, at, at + name, text, at - base), text.slice(split, split + value))
      at += name + value
    }
  }

  /** A pair with incomplete lengths: keeps the few bytes received. */
  #keep(chunk: Uint8Array, from: number, end: number): void {
    this.#lengths = Array.from(chunk.subarray(from, end))
  }

  /** Continues an incomplete pair; returns where the next one begins. */
  #resume(chunk: Uint8Array, start: number, end: number): number {
    let at = start
    while (this.#name < 0) {
      if (at >= end) return at
      if (this.#lengths === none) this.#lengths = []
      this.#lengths.push(chunk[at++] as number)
      this.#tryLengths()
    }
    const length = this.#name + this.#value
    const stop = Math.min(end, at + length - this.#have)
    this.#keepText(chunk, at, stop)
    if (this.#have < length) return stop
    const text = this.#kept.toString('latin1', 0, length)
    this.list.push(nameAt(text, 0, this.#name), text.slice(this.#name))
    if (this.isAscii) this.isAscii = Buffer.byteLength(text) === text.length
    this.#name = -1
    this.#kept = noBytes
    this.#have = 0
    return stop
  }

  /** Memory grows with the bytes received, not with those announced. */
  #keepText(chunk: Uint8Array, from: number, end: number): void {
    const have = this.#have + end - from
    if (have > this.#kept.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.#name + this.#value, Math.max(2 * have, 256)))
      this.#kept.copy(larger, 0, 0, this.#have)
      this.#kept = larger
    }
    this.#kept.set(chunk.subarray(from, end), this.#have)
    this.#have = have
  }

  #tryLengths(): void {
    const bytes = this.#lengths
    const nameSize = (bytes[0] as number) > 127 ? 4 : 1
    if (bytes.length <= nameSize) return
    const valueSize = (bytes[nameSize] as number) > 127 ? 4 : 1
    if (bytes.length < nameSize + valueSize) return
    const name = nameSize === 1 ? (bytes[0] as number) : readLong(bytes[0] as number, bytes, 1)
    const first = bytes[nameSize] as number
    const value = valueSize === 1 ? first : readLong(first, bytes, nameSize + 1)
    this.#admit(name, value)
    this.#lengths = none
    this.#name = name
    this.#value = value
  }

  #admit(name: number, value: number): void {
    const { maxParamsBytes, maxParams } = this.#limits
    this.bytes += name + value
    if (this.bytes > maxParamsBytes)
      throw new RequestError(
        'FCGI_PARAMS_LIMIT',
        `parameters of ${this.bytes} bytes or more; maxParamsBytes is ${maxParamsBytes}`,
      )
    if (this.list.length / 2 >= maxParams)
      throw new RequestError('FCGI_PARAMS_LIMIT', `more parameters than maxParams (${maxParams})`)
  }
}

const bufferOf = (bytes: Uint8Array): Buffer =>
  bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** 31 bits; the high bit is the flag. */
const readLong = (first: number, bytes: ArrayLike<number>, at: number): number =>
  ((first & 127) << 24) |
  ((bytes[at] as number) << 16) |
  ((bytes[at + 1] as number) << 8) |
  (bytes[at + 2] as number)

const lengthText = (length: number): string =>
  length < 128
    ? String.fromCharCode(length)
    : String.fromCharCode((length >>> 24) | 128, (length >> 16) & 255, (length >> 8) & 255, length & 255)

/** One pair in Latin-1; FastCGI 1.0 section 3.4: lengths up to 127 take one byte. */
export const encodePair = (name: string, value: string): string =>
  lengthText(name.length) + lengthText(value.length) + name + value

/** A flat list of pairs in Latin-1. */
export function encodePairs(list: readonly string[]): string {
  let text = ''
  for (let i = 0; i + 1 < list.length; i += 2) text += encodePair(list[i] as string, list[i + 1] as string)
  return text
}
