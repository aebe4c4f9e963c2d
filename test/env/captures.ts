import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { Environment } from '../../src/env/environment.js'

/** What the client sent, computed from its bytes: what a translator should find. */
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
  readonly body: { readonly length: number; readonly framing: string; readonly complete: boolean }
  readonly remote_addr: string
  readonly remote_port: number
  readonly scheme: string
  readonly server_addr: string
  readonly server_port: number
}

interface RecordedRequest {
  readonly name: string
  readonly expected: Oracle
  readonly kind: 'cgi' | 'fastcgi' | 'scgi'
  readonly received: string | readonly string[]
}

interface Recording {
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

/** The variables that a server handed over in one recorded request. */
export function environmentOf(request: RecordedRequest): Environment {
  const { kind, received } = request
  if (kind === 'fastcgi') return new Environment(decodePairs(paramsOf(received as readonly string[])))
  const bytes = Buffer.from(received as string, 'base64')
  return kind === 'cgi' ? Environment.fromBytes(bytes) : new Environment(decodeNetstring(bytes))
}

/** Content of the PARAMS records (FastCGI 1.0 section 3.3). */
function paramsOf(records: readonly string[]): Buffer {
  const contents = records
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
