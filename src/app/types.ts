/** What `run()` accepts, and what it hands to apps: types only, except for the mark of a Handler. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Server as SecureServer } from 'node:https'
import type { Exchange, Gateway, Handler } from '../core/exchange.js'

/** The third argument of a fetch app. */
export interface FetchContext {
  /** Keeps the process alive until the work settles; the reply does not wait for it. */
  waitUntil(work: Promise<unknown>): void
  /** Does nothing; present so that programs written for other platforms run. */
  passThroughOnException(): void
  /** Empty; present so that programs written for other platforms run. */
  readonly props: Record<string, unknown>
  /** The request as received from the gateway: raw meta-variables, gateway, stderr. */
  readonly exchange: Exchange
  /** The gateway: protocol, FastCGI role, whether other processes serve the app. */
  readonly gateway: Gateway
  /** FastCGI role Filter: the file to filter; read it after the request's body. Null for other roles. */
  readonly data: ReadableStream<Uint8Array> | null
  /** The mount path, which `request.url` leaves out, such as `/cgi-bin/app.cgi`; `''` at the root. */
  readonly mount: string
  /** The absolute URL as the client requested it, including the mount path. */
  readonly url: string
}

/** Hono, h3, or any object with `fetch`. `env` holds the CGI meta-variables of the request. */
export interface FetchApp {
  fetch(
    request: Request,
    env: Readonly<Record<string, string>>,
    context: FetchContext,
  ): Response | PromiseLike<Response>
}

/** A plain Node app; Express and Connect apps are also of this type. */
export type NodeListener = (req: IncomingMessage, res: ServerResponse) => unknown

/** Koa: has `callback()`. */
export interface KoaApp {
  callback(): NodeListener
}

/** A Fastify instance: initialized on first use, then called through its `routing`. */
export interface FastifyApp {
  ready(): PromiseLike<unknown>
  routing(req: IncomingMessage, res: ServerResponse): void
}

/** Polka: has `handler` and `listen`. */
export interface PolkaApp {
  // A method, so that a parameter narrower than IncomingMessage (Polka's own Request) fits.
  handler(req: IncomingMessage, res: ServerResponse): unknown
  listen: (...args: never[]) => unknown
}

/** Apps that speak Node's `req` and `res`. */
export type NodeApp = NodeListener | KoaApp | FastifyApp | PolkaApp | Server | SecureServer

/** Marks a function as a {@link Handler}; an unmarked function is treated as a Node app. */
export const handlerMark: unique symbol = Symbol.for('cgiup.handler') as never

/** A {@link Handler} that was marked with {@link handler}. */
export type MarkedHandler = Handler & { readonly [handlerMark]: true }

/** One of the three shapes that `run()` accepts. */
type AppShape = FetchApp | NodeApp | MarkedHandler

/** What `run()` accepts: an app, or a module whose default export is one. */
export type App = AppShape | { readonly default: AppShape }

/** How an app sees the request. */
export interface AppOptions {
  /**
   * The mount path, such as `/cgi-bin/app.cgi`; `''` mounts the app at the root. Default: derived from
   * SCRIPT_NAME when that can be trusted.
   */
  mount?: string
  /**
   * Which of the web server's variables give the path. `'auto'`: REQUEST_URI when it agrees with the others,
   * else what the server decided to serve (docs/environment.md has the table). `'request-uri'`: REQUEST_URI,
   * except for error pages of denied requests and for SSI; use it for a front controller that cannot be
   * recognized by its name. `'script'`: SCRIPT_NAME and PATH_INFO. Default `'auto'`.
   */
  target?: 'auto' | 'request-uri' | 'script'
  /**
   * Which path an app finds in `request.url` or `req.url`. `'relative'`: the path below the mount path, so
   * that the same routes work at any location; a fetch app finds the mount path in `context.mount`, a Node
   * app in `req.baseUrl`, and the whole path in `context.url` and `req.originalUrl`. `'full'`: the whole path
   * as the client sent it (`context.mount` and `req.baseUrl` are then `''`). Default `'relative'`.
   */
  url?: 'relative' | 'full'
}
