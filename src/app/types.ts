/** What `run()` accepts, and what it hands to apps: types only, but for the mark of a Handler. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Server as SecureServer } from 'node:https'
import type { Exchange, Gateway, Handler } from '../core/exchange.js'

/** What a fetch app gets as its third argument. */
export interface FetchContext {
  /** Keeps the process until the work is settled; the reply does not wait for it. */
  waitUntil(work: Promise<unknown>): void
  /** Does nothing; there so that programs written for other platforms run. */
  passThroughOnException(): void
  /** Empty; there so that programs written for other platforms run. */
  readonly props: Record<string, unknown>
  /** The request as the gateway handed it over: raw meta-variables, gateway, stderr. */
  readonly exchange: Exchange
  /** What carries the request: protocol, FastCGI role, whether there are other processes. */
  readonly gateway: Gateway
  /** FastCGI role Filter: the file to be filtered; to be read after the request's body. Null elsewhere. */
  readonly data: ReadableStream<Uint8Array> | null
  /** The mount path that `request.url` leaves out, such as `/cgi-bin/app.cgi`; `''` at the root. */
  readonly mount: string
  /** The absolute URL as the client asked for it, mount path included. */
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

/** A plain Node app; also what Express and Connect apps are. */
export type NodeListener = (req: IncomingMessage, res: ServerResponse) => unknown

/** Koa: has `callback()`. */
export interface KoaApp {
  callback(): NodeListener
}

/** A Fastify instance: made ready on first use, then asked through its `routing`. */
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

/** Says that a function is a {@link Handler}; a bare function is taken for a Node app. */
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
   * The mount path, such as `/cgi-bin/app.cgi`; `''` mounts the app at the root. Default: worked out
   * from SCRIPT_NAME where that can be trusted.
   */
  mount?: string
  /**
   * Which of the web server's variables tell the path. `'auto'`: REQUEST_URI where it agrees with them, else
   * what the server decided to serve (docs/environment.md has the table). `'request-uri'`: REQUEST_URI, but
   * for error pages of what the server has denied and for SSI: for a front controller whose name shows that
   * to nobody. `'script'`: SCRIPT_NAME and PATH_INFO. Default `'auto'`.
   */
  target?: 'auto' | 'request-uri' | 'script'
  /**
   * What path an app finds in `request.url` or `req.url`. `'relative'`: the path below the mount path,
   * so that the same routes work wherever the file lies; a fetch app finds the mount path in
   * `context.mount`, a Node app in `req.baseUrl`, and the whole path in `context.url` and
   * `req.originalUrl`. `'full'`: the whole path as the client sent it (`context.mount` and `req.baseUrl`
   * are then `''`). Default `'relative'`.
   */
  url?: 'relative' | 'full'
}
