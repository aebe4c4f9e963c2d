/**
 * application/x-www-form-urlencoded, as the URL Standard (section 5.1) parses it: bytes in, pairs out; every
 * input is valid. Implemented here so that a small form in a CGI script loads no other module.
 */
import { crossed } from './error.js'
import type { FormLimits } from './limits.js'

const ampersand = 0x26
const equalsSign = 0x3d
const plus = 0x2b
const percent = 0x25

export class UrlencodedParser {
  readonly #limits: Readonly<FormLimits>
  readonly #field: (name: string, value: string) => void
  readonly #decoder: { decode(bytes: Uint8Array): string }
  /** Chunks of an incomplete pair. */
  #open: Uint8Array[] = []
  #openSize = 0
  #count = 0

  constructor(
    limits: Readonly<FormLimits>,
    decoder: { decode(bytes: Uint8Array): string },
    field: (name: string, value: string) => void,
  ) {
    this.#limits = limits
    this.#decoder = decoder
    this.#field = field
  }

  push(chunk: Uint8Array): void {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(ampersand, start)
      if (end < 0) break
      this.#add(chunk.subarray(start, end))
      this.#endPair()
      start = end + 1
    }
    if (start < chunk.length) this.#add(chunk.subarray(start))
  }

  end(): void {
    this.#endPair()
  }

  #add(piece: Uint8Array): void {
    this.#open.push(piece)
    this.#openSize += piece.length
    // Percent-encoding turns a byte into three at most: beyond this the pair is certainly too large.
    const { fieldNameSize, fieldSize } = this.#limits
    if (this.#openSize > 3 * (fieldNameSize + fieldSize) + 1) {
      throw crossed('fieldSize', this.#limits, 'A form field is too large')
    }
  }

  #endPair(): void {
    const [first] = this.#open
    const pair = this.#open.length === 1 && first ? first : Buffer.concat(this.#open, this.#openSize)
    this.#open = []
    this.#openSize = 0
    if (pair.length === 0) return
    const limits = this.#limits
    if (++this.#count > limits.fields) throw crossed('fields', limits, 'The form has too many fields')
    const equals = pair.indexOf(equalsSign)
    const name = percentDecode(equals < 0 ? pair : pair.subarray(0, equals))
    if (name.length > limits.fieldNameSize) throw crossed('fieldNameSize', limits, 'A field name is too long')
    const value = equals < 0 ? new Uint8Array(0) : percentDecode(pair.subarray(equals + 1))
    const text = this.#decoder.decode(name)
    if (value.length > limits.fieldSize) {
      throw crossed('fieldSize', limits, `The value of field ${JSON.stringify(text)} is too large`)
    }
    this.#field(text, this.#decoder.decode(value))
  }
}

/** "+" is a space; a "%" without two hexadecimal digits after it is kept. */
function percentDecode(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(plus) && !bytes.includes(percent)) return bytes
  const out = new Uint8Array(bytes.length)
  let length = 0
  for (let at = 0; at < bytes.length; at++) {
    let byte = bytes[at] as number
    if (byte === plus) byte = 0x20
    else if (byte === percent) {
      const high = hex(bytes[at + 1])
      const low = hex(bytes[at + 2])
      if (high >= 0 && low >= 0) {
        byte = high * 16 + low
        at += 2
      }
    }
    out[length++] = byte
  }
  return out.subarray(0, length)
}

function hex(byte: number | undefined): number {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
