/** Runs a Node app on one exchange in memory, and on a real http.Server, for tests to compare. */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { nodeHandler } from '../../src/app/node.js'
import type { AppOptions, NodeApp } from '../../src/app/types.js'
import type { Exchange, Reply } from '../../src/core/exchange.js'
import { environmentOf, MemoryExchange, type ServerFacts } from '../../src/memory/exchange.js'
import { readRequest, type TestInit } from '../../src/memory/request.js'

export interface Call extends TestInit, ServerFacts {
  env?: Record<string, string | undefined>
  options?: AppOptions
}

/** An exchange, with its stderr output and the promises passed to waitUntil. */
export interface OpenExchange extends Exchange {
  abort(): void
  readonly log: string[]
  readonly work: Promise<unknown>[]
}

export async function openExchange(target: string, call: Call = {}): Promise<OpenExchange> {
  const request = await readRequest(target, call)
  const log: string[] = []
  const work: Promise<unknown>[] = []
  const owner = {
    stderr: (text: string) => void log.push(text),
    waitUntil: (promise: Promise<unknown>) => void work.push(promise),
  }
  const exchange = new MemoryExchange(environmentOf(request, call), request, owner)
  return Object.assign(exchange, { log, work })
}

/** The chunks of a streamed body. */
export const iterate = (reply: Reply) => (reply.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()

/** The reply of a Node app to one request. */
export async function replyTo(app: NodeApp, target = '/', call: Call = {}): Promise<Reply> {
  const handler = await nodeHandler(app, call.options ?? {})
  return handler(await openExchange(target, call))
}

export async function readBody(reply: Reply): Promise<Buffer> {
  const { body } = reply
  if (body === null) return Buffer.alloc(0)
  if (typeof body === 'string') return Buffer.from(body)
  if (body instanceof Uint8Array) return Buffer.from(body)
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(piece)
  return Buffer.concat(pieces)
}

export const text = async (reply: Reply): Promise<string> => (await readBody(reply)).toString()

export interface Seen {
  status: number
  reason: string
  /** Sorted `name: value` lines without the fields about the connection. */
  headers: string[]
  body: string
}

/** The reply of a Node app through cgiup. */
export async function seenThroughUs(app: NodeApp, target: string, call: Call = {}): Promise<Seen> {
  const reply = await replyTo(app, target, call)
  const lines: string[] = []
  for (let i = 0; i < reply.headers.length; i += 2) lines.push(`${reply.headers[i]}: ${reply.headers[i + 1]}`)
  const body = await readBody(reply)
  return {
    status: reply.status,
    reason: reply.reason ?? '',
    headers: shown(lines),
    body: body.toString('latin1'),
  }
}

/** The reply of the same app on http.Server. */
export async function seenOverHttp(
  app: http.RequestListener,
  target: string,
  call: Call = {},
): Promise<Seen> {
  const server = http.createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = server.address() as AddressInfo
    const request = await readRequest(target, call)
    const req = http.request({ port, host: '127.0.0.1', path: target, method: request.method, agent: false })
    for (let i = 0; i < request.headers.length; i += 2) {
      if (request.headers[i]?.toLowerCase() !== 'host') {
        req.setHeader(request.headers[i] as string, request.headers[i + 1] as string)
      }
    }
    if (request.body instanceof Uint8Array) req.write(request.body)
    else if (request.body) for await (const piece of request.body) req.write(piece)
    req.end()
    const [res] = (await once(req, 'response')) as [http.IncomingMessage]
    const lines: string[] = []
    for (let i = 0; i < res.rawHeaders.length; i += 2)
      lines.push(`${res.rawHeaders[i]}: ${res.rawHeaders[i + 1]}`)
    const pieces: Buffer[] = []
    for await (const piece of res) pieces.push(piece)
    return {
      status: res.statusCode ?? 0,
      reason: res.statusMessage ?? '',
      headers: shown(lines),
      body: Buffer.concat(pieces).toString('latin1'),
    }
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

/** Without Content-Length, which the gateway computes from the body. */
function shown(lines: string[]): string[] {
  return lines
    .filter((line) => !/^(date|connection|keep-alive|transfer-encoding|content-length|trailer):/i.test(line))
    .sort()
}
