/** What an HTTP server in development says of those it is not meant for. Loaded by HTTP servers alone. */
import type { AddressInfo } from 'node:net'
import { isDevelopment } from '../core/development.js'
import type { Handler } from '../core/exchange.js'
import { isLoopback } from '../http/server/peer.js'

/**
 * The handler, with one line on stderr for the first request that a proxy sent: a development server is
 * in public then. Nothing where the caller said what it is, or in production.
 */
export function noticeProxies(handler: Handler, option: boolean | undefined): Handler {
  if (option !== undefined || !isDevelopment('http', undefined)) return handler
  let said = false
  return (exchange) => {
    if (!said) {
      const mark = exchange.peer?.proxyMark
      if (mark !== undefined) {
        said = true
        exchange.stderr(`cgiup: ${behindProxy(mark)}\n`)
      }
    }
    return handler(exchange)
  }
}

/** What to do where a request bears the mark of a proxy: for the log, and for replies that refuse it. */
export function behindProxy(mark: string): string {
  return (
    `A request came through a proxy (${mark.slice(0, 60)}). Behind a proxy set NODE_ENV=production: without it, ` +
    'frameworks such as Express show stack traces to every client. Development pages of cgiup itself are not sent ' +
    'through a proxy; the option development (--development) shows them to everybody.'
  )
}

/** Development pages for everybody, on an address that others can reach. */
export function warnOfPages(option: boolean | undefined, address: AddressInfo | string): void {
  if (option !== true || typeof address === 'string' || isLoopback(address.address)) return
  process.stderr.write(
    `cgiup: WARNING: everybody who can reach ${address.address} port ${address.port} can see development pages, ` +
      'with stack traces and environment. Without the option development (--development), only this machine does.\n',
  )
}
