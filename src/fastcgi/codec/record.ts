/**
 * Records (FastCGI 1.0 section 3.3). No other module knows the eight header bytes.
 *
 * The reader is incremental and never concatenates: it passes on slices of the caller's chunk.
 */
import { RequestError } from '../../core/errors.js'

/** FCGI_VERSION_1. */
const protocolVersion = 1
/** FCGI_HEADER_LEN. */
export const headerLength = 8
/** Largest record content that needs no padding to a multiple of eight bytes. */
export const maxAligned = 65528

/** Record types (section 8); peers may send other values. */
export const RecordType = {
  BEGIN_REQUEST: 1,
  ABORT_REQUEST: 2,
  END_REQUEST: 3,
  PARAMS: 4,
  STDIN: 5,
  STDOUT: 6,
  STDERR: 7,
  DATA: 8,
  GET_VALUES: 9,
  GET_VALUES_RESULT: 10,
  UNKNOWN_TYPE: 11,
} as const

export function recordTypeName(type: number): string {
  for (const [name, value] of Object.entries(RecordType)) if (value === type) return name
  return `type ${type}`
}

/**
 * Receives the content of records in pieces.
 * @param remaining content bytes of this record still to come: 0 ends the record. A record without content
 * yields one piece with `start === end`.
 */
export type PieceSink = (
  type: number,
  id: number,
  chunk: Uint8Array,
  start: number,
  end: number,
  remaining: number,
) => void

/** The protocol of a peer that does not speak FastCGI, guessed from its first byte. */
function guessPeer(byte: number): string {
  if (byte === 0x16) return 'this looks like TLS, which this FastCGI port does not support'
  if (byte >= 0x41 && byte <= 0x7a)
    return 'this looks like HTTP, but the port speaks FastCGI: use fastcgi_pass, not proxy_pass'
  if (byte >= 0x30 && byte <= 0x39)
    return 'this looks like SCGI, but the port speaks FastCGI: use fastcgi_pass, not scgi_pass'
  return 'this port speaks FastCGI'
}

const noContent = new Uint8Array(0)

/** Splits a byte stream into records. */
export class RecordReader {
  /** Bytes consumed so far, for messages. */
  offset = 0
  /** Where the current record begins, for messages. */
  recordOffset = 0
  readonly #header = new Uint8Array(headerLength)
  #have = 0
  #type = 0
  #id = 0
  /** Content length of the whole record. */
  #length = 0
  #content = 0
  #padding = 0

  /** Whether the reader is between records, with no part of the next one received. */
  get idle(): boolean {
    return this.#have === 0 && this.#content === 0 && this.#padding === 0
  }

  /**
   * How many bytes to read to end exactly after the header that follows the current (or last) record: the
   * next read then begins with the content of one record, and holds no other. 0 unless that is a large record
   * of this type.
   */
  ahead(type: number, large: number): number {
    if (this.#type !== type || this.#length < large) return 0
    return this.#content + this.#padding + headerLength - this.#have
  }

  /**
   * @throws RequestError FCGI_VERSION when a header does not begin with version 1 (FastCGI 1.0 section 3.3).
   */
  push(chunk: Uint8Array, sink: PieceSink): void {
    const length = chunk.length
    let at = 0
    while (at < length) {
      if (this.#content > 0) {
        const end = this.#content <= length - at ? at + this.#content : length
        this.#content -= end - at
        const start = at
        at = end
        sink(this.#type, this.#id, chunk, start, end, this.#content)
        continue
      }
      if (this.#padding > 0) {
        const skipped = Math.min(this.#padding, length - at)
        this.#padding -= skipped
        at += skipped
        continue
      }
      if (this.#have === 0 && length - at >= headerLength) {
        this.#take(chunk, at, at)
        at += headerLength
      } else {
        const header = this.#header
        if (this.#have === 0) this.#checkVersion(chunk[at] as number, at)
        header[this.#have++] = chunk[at++] as number
        if (this.#have < headerLength) continue
        this.#have = 0
        this.#take(header, 0, at - headerLength)
      }
      if (this.#content === 0) sink(this.#type, this.#id, noContent, 0, 0, 0)
    }
    this.offset += length
  }

  #checkVersion(byte: number, at: number): void {
    // FastCGI 1.0 section 3.3: "version identifies the FastCGI protocol version. This specification documents
    // FCGI_VERSION_1."
    if (byte === protocolVersion) return
    const where = this.offset + at
    const hint = where === 0 ? `; ${guessPeer(byte)}` : ''
    throw new RequestError(
      'FCGI_VERSION',
      `record header at byte ${where} begins with ${byte} where version ${protocolVersion} was expected${hint}`,
    )
  }

  #take(bytes: Uint8Array, from: number, at: number): void {
    this.#checkVersion(bytes[from] as number, at)
    this.recordOffset = this.offset + at
    this.#type = bytes[from + 1] as number
    this.#id = ((bytes[from + 2] as number) << 8) | (bytes[from + 3] as number)
    this.#content = ((bytes[from + 4] as number) << 8) | (bytes[from + 5] as number)
    this.#length = this.#content
    this.#padding = bytes[from + 6] as number
  }
}

/** Padding to a multiple of eight bytes (3.3 recommends it for performance). */
export const paddingFor = (length: number): number => -length & 7

/** Writes a record header at `at`; returns the offset after it. */
export function writeHeader(
  target: Uint8Array,
  at: number,
  type: number,
  id: number,
  length: number,
  padding: number,
): number {
  target[at] = protocolVersion
  target[at + 1] = type
  target[at + 2] = id >> 8
  target[at + 3] = id & 255
  target[at + 4] = length >> 8
  target[at + 5] = length & 255
  target[at + 6] = padding
  target[at + 7] = 0
  return at + headerLength
}

/** A record header as a Latin-1 string, for one write together with Latin-1 content. */
export const headerText = (type: number, id: number, length: number, padding: number): string =>
  String.fromCharCode(protocolVersion, type, id >> 8, id & 255, length >> 8, length & 255, padding, 0)
