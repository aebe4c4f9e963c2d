/** The `req` and `res` of one exchange: Node's own classes, over a {@link NodeConnection}. */

import { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Exchange, HeaderList } from '../../core/exchange.js'
import { nodePath } from '../../env/reading.js'
import type { CgiRequest } from '../../env/request.js'
import { NodeConnection } from './connection.js'

import { Incoming } from './incoming.js'

/** The additions of `req` to http.IncomingMessage. */
export interface NodeRequest extends IncomingMessage {
  /** The CGI meta-variables of the request: REMOTE_USER, SSL_*, and all others. Created on demand. */
  readonly env: Readonly<Record<string, string>>
  /** The whole request target, as the client sent it. */
  originalUrl: string
  /** The mount path; `''` at the root, and with the option `url: 'full'`. */
  baseUrl: string
}

export interface Pair {
  readonly req: NodeRequest
  readonly res: ServerResponse
  readonly connection: NodeConnection
}

/** Creates the pair. The body is not read before the app reads `req`. */
export function openPair(exchange: Exchange, request: CgiRequest, full: boolean): Pair {
  const { stdin } = exchange
  const connection = new NodeConnection(exchange, request)
  const req = new Request(connection as unknown as Socket, request, full)
  const res = new ServerResponse<IncomingMessage>(req)
  res.writeHead = writeHead as ServerResponse['writeHead']
  // The gateway frames the body and adds the date.
  res.useChunkedEncodingByDefault = false
  res.sendDate = false
  connection.carry(new Incoming(req, stdin, connection), res)
  return { req, res, connection }
}

/**
 * Express replaces the prototype, so the additions are own properties. The expensive ones are shared getters:
 * a closure per request would cost more than the rest of the request.
 */
class Request extends IncomingMessage implements NodeRequest {
  declare readonly env: Readonly<Record<string, string>>
  originalUrl: string
  baseUrl: string

  constructor(socket: Socket, request: CgiRequest, full: boolean) {
    super(socket)
    this.method = request.method
    const { env } = request
    const path = originalPath(request)
    const target = path === request.path ? request.target : withQuery(path, request)
    this.originalUrl = target
    this.baseUrl = full ? '' : nodePath(request.mount, env)
    this.url = full ? target : withQuery(nodePath(request.rest || '/', env), request)
    const { protocol } = request
    const known = protocol === 'HTTP/1.1' ? null : /^HTTP\/(\d)\.(\d)/.exec(protocol)
    this.httpVersionMajor = known ? Number(known[1]) : 1
    this.httpVersionMinor = known ? Number(known[2]) : 1
    this.httpVersion = known ? `${known[1]}.${known[2]}` : '1.1'
    for (const [name, property] of lazy) Object.defineProperty(this, name, property)
  }
}

/** The mount path and the rest, as the app sees them. */
function originalPath({ env, mount, rest, path }: CgiRequest): string {
  if (!rest.startsWith('//')) return nodePath(path, env)
  const below = nodePath(rest, env)
  return below === rest ? nodePath(path, env) : nodePath(mount, env) + below
}

// IncomingMessage sets it in its constructor; here the getter below replaces it.
Object.defineProperty(Request.prototype, 'rawHeaders', { configurable: true, get: () => [], set() {} })

const lazy: [string, PropertyDescriptor][] = [
  lazily('rawHeaders', (connection) => headerLines(connection)),
  lazily('headers', (connection) => headersObject(headerLines(connection))),
  lazily('headersDistinct', (connection) => headersDistinct(headerLines(connection))),
  lazily('env', (connection) => connection.env),
]
// Node 26: aborts when the client disconnects. Node's own would abort at the end of every response here.
if ('signal' in IncomingMessage.prototype) lazy.push(lazily('signal', (connection) => connection.signal))

/** A property that is computed on first read, and may be set. */
function lazily(name: string, make: (connection: NodeConnection) => unknown): [string, PropertyDescriptor] {
  const settle = (req: object, value: unknown) => {
    Object.defineProperty(req, name, { value, writable: true, enumerable: true, configurable: true })
    return value
  }
  return [
    name,
    {
      configurable: true,
      enumerable: true,
      get(this: IncomingMessage) {
        return settle(this, make(this.socket as unknown as NodeConnection))
      },
      set(this: IncomingMessage, value: unknown) {
        settle(this, value)
      },
    },
  ]
}

/** Body parsers check Transfer-Encoding when a body has no length, as over HTTP. */
function headerLines({ request, bodyLength }: NodeConnection): string[] {
  const list = [...request.headers]
  if (bodyLength === null) list.push('transfer-encoding', 'chunked')
  return list
}

function withQuery(path: string, { query }: CgiRequest): string {
  return query === null ? path : `${path}?${query}`
}

type HeadersArgument = Record<string, unknown> | unknown[] | undefined

/**
 * `res.writeHead`, which every response calls. Chunking and trailers belong to an HTTP connection: Node would
 * write its framing into the body, or throw.
 */
function writeHead(
  this: ServerResponse,
  status: number,
  reason?: string | HeadersArgument,
  given?: HeadersArgument,
): ServerResponse {
  if (this.hasHeader('transfer-encoding')) this.removeHeader('transfer-encoding')
  if (this.hasHeader('trailer')) this.removeHeader('trailer')
  if (this.hasHeader('content-disposition')) keepDisposition(this)
  const original = ServerResponse.prototype.writeHead as (...args: unknown[]) => ServerResponse
  if (typeof reason === 'string') return original.call(this, status, reason, withoutFraming(given))
  return original.call(this, status, withoutFraming(given ?? reason))
}

/** nodejs/node#46528: Node re-encodes Content-Disposition and loses bytes that are not UTF-8. */
function keepDisposition(res: ServerResponse): void {
  const value = res.getHeader('content-disposition')
  const beyondAscii = typeof value === 'string' && /[\x80-\xff]/.test(value)
  if (beyondAscii) (res.socket as unknown as NodeConnection).outgoing.disposition = value
}

const isFraming = (name: unknown): boolean => /^(?:transfer-encoding|trailer)$/i.test(String(name))

/** Headers passed to writeHead: an object, `name, value, …`, or pairs. */
function withoutFraming(given: HeadersArgument): HeadersArgument {
  if (given === undefined || given === null) return given
  if (!Array.isArray(given)) {
    const names = Object.keys(given)
    if (!names.some(isFraming)) return given
    return Object.fromEntries(names.filter((name) => !isFraming(name)).map((name) => [name, given[name]]))
  }
  if (Array.isArray(given[0])) return given.filter((pair) => !isFraming((pair as unknown[])[0]))
  return given.filter((_, i) => !isFraming(given[i - (i % 2)]))
}

type HeadersDistinct = Record<string, string[]>

/** `req.headers`: lower-case names; Set-Cookie, which no client should send, as an array. */
function headersObject(list: HeaderList): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {}
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string
    const value = list[i + 1] as string
    headers[name] = name === 'set-cookie' ? [value] : value
  }
  return headers
}

/** `req.headersDistinct`: each value in an array, without a prototype, as in Node. */
function headersDistinct(list: HeaderList): HeadersDistinct {
  const headers: HeadersDistinct = Object.create(null)
  for (let i = 0; i < list.length; i += 2) headers[list[i] as string] = [list[i + 1] as string]
  return headers
}
