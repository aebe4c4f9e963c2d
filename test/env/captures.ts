import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { Environment } from '../../src/env/environment.js'

/** What the client sent, computed from its bytes: the expected result of the translator. */
export interface Oracle {
  readonly method: string
  readonly url: string
  readonly url_form: string
  readonly url_authority?: string
  readonly authority?: string
  readonly http_version: string
  readonly path_raw: string
  readonly query_raw: string | null
  readonly script_name: string | null
  readonly path_info_raw: string | null
  readonly headers: readonly (readonly [string, string])[]
  readonly body: {
    readonly length: number
    readonly framing: string
    readonly complete: boolean
    /** Only for bodies up to 1 KB. */
    readonly base64?: string
  }
  readonly remote_addr: string
  readonly remote_port: number
  readonly scheme: string
  readonly server_addr: string
  readonly server_port: number
}

/** A FastCGI record, base64; for a long STDIN record only its beginning and end. */
type RecordedRecord = string | readonly [header: string, padding: string]

export interface RecordedRequest {
  readonly name: string
  readonly expected: Oracle
  readonly kind: 'cgi' | 'fastcgi' | 'scgi'
  readonly received: string | readonly RecordedRecord[]
  /** Bytes of the body that the recorder read. */
  readonly read: number
}

export interface Recording {
  readonly server: string
  readonly mode: string
  readonly mount_point: string
  readonly requests: readonly RecordedRequest[]
}

const directory = new URL('../fixtures/captures/', import.meta.url)

/** The recordings of all server modes. */
export const recordings: readonly Recording[] = readdirSync(directory)
  .filter((name) => name.endsWith('.json.gz'))
  .sort()
  .map((name) => JSON.parse(gunzipSync(readFileSync(new URL(name, directory))).toString()) as Recording)

/** The variables that a server sent in one recorded request. */
export function environmentOf(request: RecordedRequest): Environment {
  const { kind, received } = request
  if (kind === 'fastcgi') return new Environment(decodePairs(paramsOf(received as readonly RecordedRecord[])))
  const bytes = Buffer.from(received as string, 'base64')
  return kind === 'cgi' ? Environment.fromBytes(bytes) : new Environment(decodeNetstring(bytes))
}

/** Content of the PARAMS records (FastCGI 1.0 section 3.3). */
function paramsOf(records: readonly RecordedRecord[]): Buffer {
  const contents = records
    .filter((record) => typeof record === 'string')
    .map((record) => Buffer.from(record, 'base64'))
    .filter((record) => record[1] === 4)
    .map((record) => record.subarray(8, 8 + record.readUInt16BE(4)))
  return Buffer.concat(contents)
}

/** Name-value pairs (FastCGI 1.0 section 3.4). */
function decodePairs(bytes: Buffer): string[] {
  const list: string[] = []
  let at = 0
  const length = () => {
    const short = bytes.readUInt8(at)
    at += short < 128 ? 1 : 4
    return short < 128 ? short : bytes.readUInt32BE(at - 4) & 0x7fffffff
  }
  while (at < bytes.length) {
    const name = length()
    const value = length()
    list.push(bytes.toString('latin1', at, at + name), bytes.toString('latin1', at + name, at + name + value))
    at += name + value
  }
  return list
}

/** `length:NAME NUL value NUL …,` */
function decodeNetstring(bytes: Buffer): string[] {
  const colon = bytes.indexOf(':')
  const end = colon + 1 + Number(bytes.toString('latin1', 0, colon))
  return bytes
    .toString('latin1', colon + 1, end)
    .split('\0')
    .slice(0, -1)
}

/** What a server sent over a connection for one request. */
export interface Sent {
  readonly bytes: Buffer
  /** The body as sent; filled with other bytes than the recorded ones if it is longer than 1 KB. */
  readonly body: Buffer
  /** The server sent everything that it announced: it did not stop because the client disconnected. */
  readonly whole: boolean
}

/** The bytes of a FastCGI or SCGI recording. */
export function sentBytes(request: RecordedRequest): Sent {
  return request.kind === 'fastcgi' ? sentRecords(request) : sentNetstring(request)
}

function sentRecords({ received }: RecordedRequest): Sent {
  const pieces: Buffer[] = []
  const body: Buffer[] = []
  let whole = false
  for (const record of received as readonly RecordedRecord[]) {
    const [first, padding] = typeof record === 'string' ? [record, null] : record
    const bytes = Buffer.from(first, 'base64')
    const length = bytes.readUInt16BE(4)
    const content = padding === null ? bytes.subarray(8, 8 + length) : filler(length)
    pieces.push(bytes)
    if (padding !== null) pieces.push(content, Buffer.from(padding, 'base64'))
    if (bytes[1] !== 5) continue
    body.push(content)
    whole = length === 0
  }
  return { bytes: Buffer.concat(pieces), body: Buffer.concat(body), whole }
}

function sentNetstring({ received, expected }: RecordedRequest): Sent {
  const head = Buffer.from(received as string, 'base64')
  const { length, base64, complete } = expected.body
  const body = base64 === undefined ? filler(length) : Buffer.from(base64, 'base64')
  return { bytes: Buffer.concat([head, body]), body, whole: complete }
}

/** Placeholders for bytes that were not kept. */
const filler = (length: number): Buffer =>
  createHash('shake256', { outputLength: length }).update('body').digest()
