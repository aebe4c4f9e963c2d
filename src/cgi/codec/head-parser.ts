/**
 * Parses a program's output into a reply head (RFC 3875 section 6). No IO: the caller pushes the output, in
 * chunks of any size.
 */

import { ProgramError } from '../../core/errors.js'
import type { ProgramHead } from './head-lines.js'
import { HeadReader, quote } from './head-lines.js'

export interface HeadParserOptions {
  /** Largest head in bytes, line ends included. Default 65,536. Above it: PROGRAM_HEAD_TOO_LARGE. */
  readonly maxBytes?: number
  /** The output is a whole HTTP response (RFC 3875 section 5). Default false. */
  readonly nph?: boolean
}

/** Bytes from the beginning of the output that are kept for messages. */
const kept = 101
/** How many bytes are decoded at a time: heads are small, and the body after them must not be decoded. */
const windowBytes = 4096

export class HeadParser {
  readonly #maxBytes: number
  readonly #reader: HeadReader
  /** The unfinished last line. */
  #partial = ''
  #bytes = 0
  #start = ''

  constructor(options?: HeadParserOptions) {
    this.#maxBytes = options?.maxBytes ?? 65_536
    this.#reader = new HeadReader(options?.nph ?? false)
  }

  /** Bytes of the head seen so far. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Parses the next chunk of output. Null until the head is complete; then the head, and the rest of this
   * chunk. Do not call it again after that, nor after an error.
   * @throws ProgramError PROGRAM_HEAD_INVALID as soon as a line is invalid, PROGRAM_HEAD_TOO_LARGE
   */
  push(chunk: Uint8Array): { head: ProgramHead; rest: Uint8Array } | null {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    if (this.#start.length < kept) {
      this.#start += bytes.toString('latin1', 0, Math.min(bytes.length, kept - this.#start.length))
    }
    for (let from = 0; from < bytes.length; from += windowBytes) {
      const text = bytes.toString('latin1', from, from + windowBytes)
      let at = 0
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', at)) {
        const head = this.#endLine(text.slice(at, end), end + 1 - at)
        at = end + 1
        if (head) return { head, rest: chunk.subarray(from + at) }
      }
      this.#count(text.length - at)
      this.#partial += text.slice(at)
    }
    return null
  }

  /**
   * The output ended before the head did.
   * @throws ProgramError always: PROGRAM_NO_OUTPUT or PROGRAM_HEAD_INCOMPLETE
   */
  end(): never {
    if (this.#bytes === 0) {
      // RFC 3875 6.1: "The script MUST return a non-empty response."
      throw new ProgramError(
        'PROGRAM_NO_OUTPUT',
        'The output ended before its first byte; expected header fields, an empty line, and a body (RFC 3875 section 6.1).',
      )
    }
    throw new ProgramError(
      'PROGRAM_HEAD_INCOMPLETE',
      `The output ended after ${this.#bytes} bytes, within its head; expected an empty line after the last ` +
        `header field (RFC 3875 section 6.2). The output began with ${quote(this.#start)}.`,
    )
  }

  /** RFC 3875 7.2: lines end with LF or CR LF. */
  #endLine(end: string, bytes: number): ProgramHead | null {
    this.#count(bytes)
    const line = this.#partial + end
    this.#partial = ''
    return this.#reader.line(line.endsWith('\r') ? line.slice(0, -1) : line, this.#start)
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes > this.#maxBytes) this.#tooLarge()
  }

  #tooLarge(): never {
    throw new ProgramError(
      'PROGRAM_HEAD_TOO_LARGE',
      `No empty line within the first ${this.#maxBytes} bytes of the output (limit maxBytes); it began with ${quote(this.#start)}.`,
    )
  }
}
