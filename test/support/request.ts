/**
 * Sends one complete request over a raw connection: enough for most tests, which do not need `wire.ts`
 * directly.
 */

import type { Address } from './server-process.js'
import { Wire, type WireReply } from './wire.js'

export interface RawRequest {
  /** GET by default. */
  readonly method?: string
  /** Request target as it is on the wire; `/` by default. */
  readonly target?: string
  /** `name: value` lines; Host and Connection: close are added if missing. */
  readonly headers?: readonly string[]
  /** Sent with its Content-Length. */
  readonly body?: string | Uint8Array
  /** Sent chunked, one chunk for each element. */
  readonly pieces?: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>
  /** false: count the bytes of the reply body without keeping them. */
  readonly keep?: boolean
  /** Milliseconds of silence after which the request fails; 15 000 by default. */
  readonly timeout?: number
}

/** The request line and header fields of a request, as bytes in Latin-1. */
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

/** Opens a connection and sends the request with its body; the reply has not been read yet. */
export async function send(address: Address, request: RawRequest): Promise<Wire> {
  const { method = 'GET', keep = true, body, pieces } = request
  const wire = await Wire.open(address, { method, keep })
  void sendAll(wire, headText(request), body, pieces)
  return wire
}

async function sendAll(wire: Wire, head: string, body: RawRequest['body'], pieces: RawRequest['pieces']) {
  // A short request in one write, as clients do.
  if (body !== undefined)
    await wire.send(Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body as Uint8Array)]))
  else await wire.send(head)
  if (pieces === undefined) return
  for await (const piece of pieces) if (!(await wire.sendChunk(piece))) return
  await wire.sendChunk('')
}

/** Sends a request and reads the complete reply. */
export async function request(address: Address, request: RawRequest = {}): Promise<WireReply> {
  const wire = await send(address, request)
  try {
    return await wire.reply(request.timeout)
  } finally {
    wire.close()
  }
}
