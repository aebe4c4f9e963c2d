/** The server of the local host: HTTP for one machine, with the checks of a development server. */
import type { Handler } from '../core/exchange.js'
import { checkLimits, namesOf } from '../core/limits/check.js'
import { httpLimits } from '../core/limits/requests.js'
import { type HttpOptions, type HttpServer, serveHttp } from '../http/server/server.js'
import { checkPlace } from '../socket/check-place.js'
import { withHostCheck } from './host-check.js'

export interface ServeOptions extends HttpOptions {
  /**
   * Host names that this server answers to, besides localhost and names below it, addresses, this machine's
   * name and `host`: `app.example`, `*.example` (all names below it), or `*` for all. Requests for other
   * hosts get 421. The variable CGIUP_ALLOWED_HOSTS adds to them. Not checked with NODE_ENV=production or on
   * a Unix socket.
   */
  readonly allowedHosts?: readonly string[]
}

/** The options that are not limits. */
const ownNames = namesOf<Omit<ServeOptions, keyof typeof httpLimits>>({
  host: true,
  port: true,
  path: true,
  socketMode: true,
  socketGroup: true,
  backlog: true,
  fd: true,
  ownPath: true,
  share: true,
  allow: true,
  allowedHosts: true,
  onError: true,
  log: true,
  stderr: true,
  multiprocess: true,
  handedOver: true,
})

/**
 * Serves a handler over HTTP/1.1. Resolves when it listens.
 *
 * @throws UsageError LISTEN_TAKEN, LISTEN_FAILED, USAGE
 */
export async function serve(handler: Handler, options: ServeOptions = {}): Promise<HttpServer> {
  checkPlace(options)
  checkLimits('serve()', httpLimits, options, ownNames)
  return serveHttp(withHostCheck(handler, options), options)
}
