/** Converts a test's request to the facts that an HTTP server would have. */
import { UsageError } from '../core/errors.js'
import type { HeaderList } from '../core/exchange.js'
import { type FilterFile, type RoleName, readFile, roleOf } from './role.js'

type PlatformBody = ConstructorParameters<typeof Response>[0]
type PlatformHeaders = ConstructorParameters<typeof Headers>[0]

export interface TestInit {
  /** Default GET, or POST if there is a body. */
  method?: string
  /** Any `HeadersInit`, or a flat list `name, value, …` that is sent unchanged. */
  headers?: PlatformHeaders | HeaderList
  /**
   * Anything `fetch()` accepts, or chunks. A body that is not in chunks is sent with its Content-Length;
   * chunks are sent without a length, as in a chunked upload.
   */
  body?: PlatformBody | Uint8Array | AsyncIterable<Uint8Array | string> | null
  /** Aborts the request, as a client that disconnects does. */
  signal?: AbortSignal
  /** Meta-variables of this request that override the computed ones; undefined removes one. */
  env?: Record<string, string | undefined>
  /**
   * FastCGI 1.0 section 6: `authorizer` asks whether the request may pass, and sends no body (section 6.3).
   * Default: `filter` where there is `data`, else that of the server.
   */
  role?: RoleName
  /**
   * The file that a Filter receives (FastCGI 1.0 section 6.4). FCGI_DATA_LENGTH is its length,
   * FCGI_DATA_LAST_MOD the `lastModified` of a `File`, else the time of the request.
   */
  data?: string | Uint8Array | Blob
}

/** A request as it would be on the wire. */
export interface TestRequest {
  readonly method: string
  /** Request target, raw. */
  readonly target: string
  readonly scheme: 'http' | 'https'
  /** Flat, with Latin-1 values; Host, Content-Type and Content-Length are added if missing. */
  readonly headers: string[]
  readonly body: Uint8Array | AsyncIterable<Uint8Array | string> | null
  readonly role: RoleName
  /** For a Filter. */
  readonly file: FilterFile | null
}

/**
 * @param path a request target (`/a//b?c`, sent as it is) or an absolute http(s) URL, which sets scheme and Host.
 * @param usualRole the role if the request names none
 * @throws UsageError USAGE for anything else
 */
export async function readRequest(
  path: string | URL,
  init: TestInit,
  usualRole?: RoleName,
): Promise<TestRequest> {
  const role = roleOf(init.role, usualRole, init.data !== undefined)
  const { scheme, host, target } = readPath(String(path))
  const headers = readHeaders(init.headers)
  const has = (name: string) => headers.some((item, i) => i % 2 === 0 && item.toLowerCase() === name)
  const { body, type } = await readBody(init.body)
  if (!has('host')) headers.unshift('Host', host)
  if (type && !has('content-type')) headers.push('Content-Type', type)
  if (body instanceof Uint8Array && !has('content-length') && !has('transfer-encoding'))
    headers.push('Content-Length', String(body.length))
  else if (body && !(body instanceof Uint8Array) && !has('content-length') && !has('transfer-encoding'))
    headers.push('Transfer-Encoding', 'chunked')
  const method = init.method ?? (body ? 'POST' : 'GET')
  const file = role === 'filter' ? await readFile(init.data) : null
  return { method, target, scheme, headers, body, role, file }
}

function readPath(path: string): { scheme: 'http' | 'https'; host: string; target: string } {
  const [, scheme, host, target] = /^(https?):\/\/([^/?#]+)([^#]*)/.exec(path) ?? []
  if (host !== undefined && target !== undefined) {
    const slash = target.startsWith('/') ? '' : '/'
    return { scheme: scheme as 'http' | 'https', host, target: slash + target }
  }
  if (!path.startsWith('/') && path !== '*') {
    throw new UsageError(
      'USAGE',
      `${JSON.stringify(path)} is neither a path that begins with "/" nor an http URL.`,
    )
  }
  if (/[\0-\x20\x7f]|[^\0-\xff]/.test(path)) {
    throw new UsageError(
      'USAGE',
      `${JSON.stringify(path)} is not valid in a request line; percent-encode it.`,
    )
  }
  return { scheme: 'http', host: 'localhost', target: path }
}

function readHeaders(headers: TestInit['headers']): string[] {
  if (headers === undefined) return []
  if (Array.isArray(headers)) return headers.flat().map(String)
  if (headers instanceof Headers) return [...headers].flat()
  return Object.entries(headers as Record<string, string>).flat()
}

async function readBody(
  body: TestInit['body'],
): Promise<{ body: TestRequest['body']; type?: string | null | undefined }> {
  if (body === undefined || body === null) return { body: null }
  if (typeof body === 'string') return { body: Buffer.from(body), type: 'text/plain;charset=UTF-8' }
  if (body instanceof Uint8Array) return { body }
  if (Symbol.asyncIterator in body) return { body: body as AsyncIterable<Uint8Array | string> }
  // The platform determines the bytes and the type of forms, blobs and search parameters.
  const request = new Response(body as PlatformBody)
  return { body: new Uint8Array(await request.arrayBuffer()), type: request.headers.get('content-type') }
}
