/** One interface to read a form from a fetch Request, a Node request or an Exchange. */

import type { Readable } from 'node:stream'
import { CgiupError, RequestError, UsageError } from '../core/errors.js'
import { afterwards, type Exchange, inFlight, type RequestEnd } from '../core/exchange.js'

/** The members of a fetch `Request` that a form needs. */
export interface RequestLike {
  readonly method?: string
  readonly headers: { get(name: string): string | null }
  readonly body: { getReader(): BodyReader } | null
  readonly bodyUsed?: boolean
  readonly signal?: AbortSignal | null
}

interface BodyReader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>
  cancel(reason?: unknown): Promise<unknown>
}

/** The members of an `http.IncomingMessage` that a form needs. */
export type NodeRequestLike = Readable & {
  readonly method?: string | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

export interface FormSource {
  readonly method: string | undefined
  readonly signal: AbortSignal | undefined
  /** A header of the request; undefined when it is absent or empty. */
  header(name: 'content-type' | 'content-length' | 'content-encoding'): string | undefined
  /** The next chunk of the body, null at its end. */
  read(): Promise<Uint8Array | null>
  /** Calls back when the request has ended; never, if that is unknown. */
  afterwards(task: () => void): void
  /** Stops reading: the rest of the body is discarded, without waiting for it. */
  cancel(): void
}

/** @throws UsageError FORM_SOURCE when `request` is not one of the three, or its body was already read. */
export function sourceOf(request: unknown): FormSource {
  if (isExchange(request)) return exchangeSource(request)
  if (isFetchRequest(request)) return fetchSource(request)
  if (isNodeRequest(request)) return nodeSource(request)
  throw new UsageError(
    'FORM_SOURCE',
    'form() was not passed a request. It accepts a fetch Request, a Node req or an Exchange; in Hono this is c.req.raw, in Koa ctx.req, in Fastify request.raw, in h3 event.req.',
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isExchange(value: unknown): value is Exchange {
  return isObject(value) && isObject(value.stdin) && isObject(value.env) && 'gateway' in value
}

function isFetchRequest(value: unknown): value is RequestLike {
  return (
    isObject(value) && isObject(value.headers) && typeof value.headers.get === 'function' && 'body' in value
  )
}

function isNodeRequest(value: unknown): value is NodeRequestLike {
  return isObject(value) && isObject(value.headers) && typeof value.read === 'function' && 'on' in value
}

function alreadyTaken(hint: string): UsageError {
  return new UsageError('FORM_SOURCE', `The body of this request was already read or is being read${hint}.`)
}

function exchangeSource(exchange: Exchange): FormSource {
  const { env, stdin } = exchange
  return {
    method: env.get('REQUEST_METHOD'),
    signal: exchange.signal,
    header(name) {
      if (name === 'content-encoding') return env.get('HTTP_CONTENT_ENCODING') || undefined
      if (name === 'content-length') return stdin.length === null ? undefined : String(stdin.length)
      return env.get('CONTENT_TYPE') || undefined
    },
    read: () => stdin.read(),
    afterwards: (task) => exchange[afterwards]?.(task),
    cancel: () => stdin.cancel(),
  }
}

function fetchSource(request: RequestLike): FormSource {
  if (request.bodyUsed) throw alreadyTaken(' (bodyUsed is true)')
  let reader: BodyReader | undefined
  return {
    method: request.method,
    signal: request.signal ?? undefined,
    header: (name) => request.headers.get(name) || undefined,
    async read() {
      if (request.body === null) return null
      reader ??= request.body.getReader()
      const { done, value } = await reader.read()
      return done || value === undefined ? null : value
    },
    afterwards: (task) => endOf(request, task),
    cancel() {
      if (request.body === null) return
      try {
        reader ??= request.body.getReader()
        reader.cancel().catch(() => {})
      } catch {
        // Another reader has locked the body and has to clean up.
      }
    },
  }
}

function nodeSource(req: NodeRequestLike): FormSource {
  // A body parser ran before (express.urlencoded() and the like): reading would hang.
  if (req.readableEnded || req.readableFlowing) throw alreadyTaken('; does a body parser run before form()?')
  return {
    method: req.method,
    signal: undefined,
    header(name) {
      const value = req.headers[name]
      return (Array.isArray(value) ? value[0] : value) || undefined
    },
    read: () => pull(req),
    afterwards: (task) => endOfNode(req, task),
    cancel() {
      // Not destroy(): that would reset the connection before the client has read the reply.
      req.on('error', () => {})
      if (!req.destroyed) req.resume()
    },
  }
}

/**
 * A copy of the platform's Request does not show which request it came from. It then counts as ended when all
 * current requests have ended.
 */
function endOf(request: object, task: () => void): void {
  if (afterwards in request) {
    ;(request as RequestEnd)[afterwards]?.(task)
    return
  }
  const candidates = [...inFlight()]
  let left = candidates.length
  for (const ending of candidates) {
    ending[afterwards]?.(() => {
      if (--left === 0) task()
    })
  }
}

/** How a Node request shows its end; http.Server keeps the response on the socket, http2 has a stream. */
interface NodeEnding {
  readonly socket?: (RequestEnd & { readonly _httpMessage?: NodeResponse | null }) | null
  readonly res?: NodeResponse
  readonly stream?: Partial<Pick<Readable, 'once' | 'closed'>>
}

type NodeResponse = Pick<Readable, 'once' | 'closed'> & { readonly req?: unknown }

/** Node apps: 'close' of the response. */
function endOfNode(req: NodeRequestLike, task: () => void): void {
  const { socket, res, stream } = req as NodeEnding
  if (socket && afterwards in socket) {
    socket[afterwards]?.(task)
    return
  }
  const current = socket?._httpMessage
  const ends = res ?? (current?.req === req ? current : undefined) ?? stream
  if (ends?.closed) task()
  else ends?.once?.('close', task)
}

/**
 * Maps a failed read to an error: our adapters throw our own errors, any other error means the client
 * disconnected.
 */
export function readFailure(error: unknown): CgiupError {
  if (error instanceof CgiupError) return error
  return new RequestError('REQUEST_ABORTED', 'The client disconnected while sending the form.', {
    cause: error,
  })
}

/**
 * The next chunk of a Node stream, null at its end; rejects when the stream fails or is destroyed. Unlike
 * `for await`, it does not destroy the stream when the reader stops.
 */
export function pull(stream: Readable): Promise<Uint8Array | null> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      stream.off('readable', look).off('end', look).off('error', fail).off('close', look)
      act()
    }
    const fail = (error: unknown) => settle(() => reject(error))
    const look = () => {
      const piece: Uint8Array | null = stream.read()
      if (piece !== null) settle(() => resolve(piece))
      else if (stream.readableEnded) settle(() => resolve(null))
      else if (stream.destroyed) fail(stream.errored ?? new Error('The stream was closed before its end'))
    }
    stream.on('readable', look).on('end', look).on('error', fail).on('close', look)
    look()
  })
}
