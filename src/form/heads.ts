/**
 * Checks a multipart body for what the parser ignores: the number and size of header fields of each part, a
 * delimiter line followed by other bytes (data would be lost silently), a head that runs into a delimiter.
 * Bytes in, errors out; the body is not changed.
 */
import { crossed, malformed } from './error.js'
import type { FormLimits } from './limits.js'

const crlf = Buffer.from('\r\n')
const blankLine = Buffer.from('\r\n\r\n')
const space = 0x20
const tab = 0x09

export class PartHeads {
  /** Number of complete heads. */
  count = 0
  readonly #limits: Readonly<FormLimits>
  readonly #delimiter: Buffer
  #state: 'body' | 'line' | 'head' | 'done' = 'body'
  /** Bytes not yet checked. Starts with a CRLF, because the first delimiter may begin the body. */
  #rest: Buffer = crlf
  /** A head has just ended: the next bytes follow its last line end. */
  #fresh = false

  constructor(boundary: string, limits: Readonly<FormLimits>) {
    // RFC 2046 section 5.1.1: delimiter := CRLF "--" boundary
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
    this.#limits = limits
  }

  push(chunk: Uint8Array): void {
    if (this.#state === 'done') return
    let bytes: Buffer | null = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : asBuffer(chunk)
    while (bytes !== null) {
      if (this.#state === 'body') bytes = this.#body(bytes)
      else if (this.#state === 'line') bytes = this.#line(bytes)
      else bytes = this.#head(bytes)
    }
  }

  /** Each step returns the bytes for the next state, or null when it needs more. */
  #body(bytes: Buffer): Buffer | null {
    const at = bytes.indexOf(this.#delimiter)
    if (at < 0) {
      const keep = Math.min(bytes.length, this.#delimiter.length - 1)
      if (keep < bytes.length) this.#fresh = false
      // A copy, so that the last few bytes do not keep the whole chunk in memory.
      this.#rest = Buffer.from(bytes.subarray(bytes.length - keep))
      return null
    }
    if (at === 0 && this.#fresh) throw malformed(`The head of part ${this.count} is not terminated.`)
    this.#fresh = false
    this.#state = 'line'
    return bytes.subarray(at + this.#delimiter.length)
  }

  #line(bytes: Buffer): Buffer | null {
    if (bytes.length < 2) return this.#wait(bytes)
    const end = bytes.toString('latin1', 0, 2)
    if (end === '--') {
      this.#state = 'done'
      return null
    }
    // RFC 2046 section 5.1.1: the boundary must not appear in a part, not even as the start of a line.
    if (end !== '\r\n') throw malformed('A boundary line of the form has extra bytes after the boundary.')
    if (this.count + 1 > this.#limits.parts)
      throw crossed('parts', this.#limits, 'The form has too many parts')
    this.#state = 'head'
    return bytes.subarray(2)
  }

  #head(bytes: Buffer): Buffer | null {
    const { headerSize } = this.#limits
    const at = bytes.indexOf(blankLine)
    if (at < 0 ? bytes.length > headerSize + 3 : at > headerSize) {
      throw crossed('headerSize', this.#limits, `The head of part ${this.count + 1} is too large`)
    }
    const head = at < 0 ? bytes : bytes.subarray(0, at)
    if (head.includes(this.#delimiter))
      throw malformed(`The head of part ${this.count + 1} is not terminated.`)
    if (at < 0) return this.#wait(bytes)
    this.#countPairs(head)
    this.count++
    this.#state = 'body'
    // The blank line's CRLF is checked again: a delimiter that begins with it cuts the head off.
    this.#fresh = true
    return bytes.subarray(at + 2)
  }

  #countPairs(head: Buffer): void {
    let pairs = 0
    for (let at = 0; at >= 0 && at < head.length; ) {
      const first = head[at]
      if (first !== space && first !== tab) pairs++
      const end = head.indexOf(crlf, at)
      at = end < 0 ? -1 : end + 2
    }
    if (pairs > this.#limits.headerPairs) {
      throw crossed('headerPairs', this.#limits, `Part ${this.count + 1} has too many header fields`)
    }
  }

  #wait(bytes: Buffer): null {
    this.#rest = Buffer.from(bytes)
    return null
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
