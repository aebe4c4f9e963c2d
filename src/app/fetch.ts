/** Fetch apps as Handlers: `fetch(request, env, context)` of Hono, h3 and plain objects. */

import type { Exchange, Handler } from '../core/exchange.js'
import type { CgiRequest } from '../env/request.js'
import { servedRequests, withStatusOf } from './decided-request.js'
import { Context, receiveRequest } from './fetch-request.js'
import { addServerProperties } from './platform-request.js'
import { replyFrom } from './response.js'
import type { AppOptions, FetchApp } from './types.js'
import { normalUrl } from './url.js'
import { lightWebIsInstalled } from './web/install.js'
import { streamOfBody } from './web/streams.js'

/**
 * Turns a fetch app into a Handler. The app gets the CGI meta-variables as `env`, a Request whose `signal` is
 * the exchange's, and a context with `waitUntil()`.
 *
 * The reply fails with AppError RESPONSE_INVALID when the app returns anything but a Response, and with
 * RequestError REQUEST_URL_INVALID when the request has no valid URL.
 */
export function fetchHandler(app: FetchApp, options: AppOptions = {}): Handler {
  const full = options.url === 'full'
  const served = servedRequests(options)
  return (exchange) => {
    const decision = served(exchange)
    const cgi = decision.request
    const request = requestFrom(cgi, exchange, full)
    const context = new Context(exchange, cgi, full)
    // Filled eagerly, even for apps that do not read it: see docs/decisions/env-object.md.
    const returned: unknown = app.fetch(request, exchange.env.toObject(), context)
    // A synchronous answer is passed on without promises, which are slow for a small request.
    if (typeof (returned as PromiseLike<unknown> | null | undefined)?.then !== 'function')
      return withStatusOf(decision, replyFrom(returned, exchange))
    const reply = Promise.resolve(returned as PromiseLike<unknown>).then((value) =>
      replyFrom(value, exchange),
    )
    return withStatusOf(decision, reply)
  }
}

function requestFrom(cgi: CgiRequest, exchange: Exchange, full: boolean): Request {
  if (lightWebIsInstalled()) return receiveRequest(exchange, cgi, full)
  const url = normalUrl(full ? cgi.url : cgi.relativeUrl)
  const request = platformRequestFrom(cgi.method, url, cgi.headers, exchange)
  addServerProperties(request, exchange)
  return request
}

/** Methods that the platform's Request constructor rejects; a gateway passes them on. */
const refused = /^(?:connect|trace|track)$/i

function platformRequestFrom(
  method: string,
  url: string,
  headers: readonly string[],
  exchange: Exchange,
): Request {
  const { stdin, signal } = exchange
  const pairs: [string, string][] = []
  for (let i = 0; i < headers.length; i += 2) pairs.push([headers[i] as string, headers[i + 1] as string])
  const body = stdin.length === 0 ? null : streamOfBody(stdin)
  // The platform's constructor also rejects a body with GET and HEAD.
  const unusual = refused.test(method) || (body !== null && /^(?:get|head)$/i.test(method))
  const init = { method: unusual ? 'POST' : method, headers: pairs, body, duplex: 'half', signal }
  const request = new Request(url, init as RequestInit)
  Object.defineProperty(request, 'signal', { value: signal, configurable: true })
  if (request.method !== method)
    Object.defineProperty(request, 'method', { value: method, configurable: true })
  return request
}
