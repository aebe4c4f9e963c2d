/** One whole request over a raw connection: what most tests need of `wire.ts`. */

import type { Address } from './server-process.js'
import { Wire, type WireReply } from './wire.js'

export interface RawRequest {
  /** GET by default. */
  readonly method?: string
  /** Request target as it is on the wire; `/` by default. */
  readonly target?: string
  /** `name: value` lines; Host and Connection: close are added where they are missing. */
  readonly headers?: readonly string[]
  /** Sent with its Content-Length. */
  readonly body?: string | Uint8Array
  /** Sent chunked, a chunk a piece. */
  readonly pieces?: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>
  /** false: count the reply's body without keeping it. */
  readonly keep?: boolean
  /** Milliseconds of silence after which the request failed; 15 000 by default. */
  readonly timeout?: number
}

/** The request line and header of a request, as bytes in Latin-1. */
export function headText(request: RawRequest): string {
  const { method = 'GET', target = '/', headers = [], body, pieces } = request
  const lines = [`${method} ${target} HTTP/1.1`]
  const add = (name: string, value: string) => {
    if (!headers.some((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`)))
      lines.push(`${name}: ${value}`)
  }
  add('Host', 'localhost')
  add('Connection', 'close')
  if (body !== undefined) add('Content-Length', String(Buffer.byteLength(body)))
  if (pieces !== undefined) add('Transfer-Encoding', 'chunked')
  return `${[...lines, ...headers].join('\r\n')}\r\n\r\n`
}

/** Opens a connection and sends the request, body included; the reply is still to be read. */
export async function send(address: Address, request: RawRequest): Promise<Wire> {
  const { method = 'GET', keep = true, body, pieces } = request
  const wire = await Wire.open(address, { method, keep })
  void sendAll(wire, headText(request), body, pieces)
  return wire
}

async function sendAll(wire: Wire, head: string, body: RawRequest['body'], pieces: RawRequest['pieces']) {
  // In one write where it is short, as clients do.
  if (body !== undefined)
    await wire.send(Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body as Uint8Array)]))
  else await wire.send(head)
  if (pieces === undefined) return
  for await (const piece of pieces) if (!(await wire.sendChunk(piece))) return
  await wire.sendChunk('')
}

/** Sends a request and reads the whole reply. */
export async function request(address: Address, request: RawRequest = {}): Promise<WireReply> {
  const wire = await send(address, request)
  try {
    return await wire.reply(request.timeout)
  } finally {
    wire.close()
  }
}
