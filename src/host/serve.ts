/** The server of the local host: HTTP for one machine, with the checks of a development server. */
import type { Handler } from '../core/exchange.js'
import { type HttpOptions, type HttpServer, serveHttp } from '../http/server/server.js'
import { withHostCheck } from './host-check.js'

export interface ServeOptions extends HttpOptions {
  /**
   * Names by which this server may be asked for, besides localhost, names below it, addresses, this machine's
   * name and `host`: `app.example`, `*.example` (all names below it), or `*` for all. Requests for others get
   * 421. The variable CGIUP_ALLOWED_HOSTS adds to them. Not checked with NODE_ENV=production, and on a Unix
   * socket.
   */
  readonly allowedHosts?: readonly string[]
}

/**
 * Serves a handler over HTTP/1.1. Resolves when it listens.
 *
 * @throws UsageError LISTEN_TAKEN, LISTEN_FAILED, USAGE
 */
export async function serve(handler: Handler, options: ServeOptions = {}): Promise<HttpServer> {
  return serveHttp(withHostCheck(handler, options), options)
}
