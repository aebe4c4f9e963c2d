/**
 * Warnings of a development HTTP server about clients that should not reach it. Loaded by HTTP servers only.
 */
import type { AddressInfo } from 'node:net'
import { isDevelopment } from '../core/development.js'
import type { Handler } from '../core/exchange.js'
import { isLoopback } from '../http/server/peer.js'

/**
 * Wraps a handler and logs one line for the first request from a proxy: the development server is then
 * public. Does nothing in production, or when the caller set the `development` option.
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

/** Advice when a request has the mark of a proxy: for the log, and for replies that refuse it. */
export function behindProxy(mark: string): string {
  return (
    `A request came through a proxy (${mark.slice(0, 60)}). Behind a proxy set NODE_ENV=production: without it, ` +
    'frameworks such as Express show stack traces to every client. Development pages of cgiup itself are not sent ' +
    'through a proxy; the option development (--development) shows them to everybody.'
  )
}

/** Warns when development pages are shown to everybody on an address that others can reach. */
export function warnOfPages(option: boolean | undefined, address: AddressInfo | string): void {
  if (option !== true || typeof address === 'string' || isLoopback(address.address)) return
  process.stderr.write(
    `cgiup: WARNING: everybody who can reach ${address.address} port ${address.port} can see development pages, ` +
      'with stack traces and environment. Without the option development (--development), only this machine can.\n',
  )
}
