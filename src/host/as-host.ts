/**
 * Handlers that resolve paths themselves. If the web server serves another path than the requested one, they get
 * the variables of the served request.
 */

import type { Exchange, Handler } from '../core/exchange.js'
import { Environment } from '../env/environment.js'
import type { CgiRequest } from '../env/request.js'
import { percentDecode } from '../env/text.js'
import { changeVariables, DerivedExchange } from './derived-exchange.js'

/**
 * Marks a handler that resolves dot segments and reads the variables itself; src/app/decided-request.ts
 * checks for it.
 */
const hostMark = Symbol.for('cgiup.host')

export function asHost(handler: Handler): Handler {
  return Object.defineProperty(handler, hostMark, { value: asServed })
}

/**
 * The exchange with the variables of the request that is served, when that differs from the request as sent.
 */
function asServed(exchange: Exchange, { target, mount, rest, query }: CgiRequest): Exchange {
  const { env } = exchange
  if (target === (env.get('REQUEST_URI') ?? target)) return exchange
  const changes = {
    REQUEST_URI: target,
    SCRIPT_NAME: percentDecode(mount),
    PATH_INFO: percentDecode(rest),
    QUERY_STRING: query ?? '',
    REDIRECT_STATUS: undefined,
    REDIRECT_REQUEST_METHOD: undefined,
    REDIRECT_REDIRECT_REQUEST_METHOD: undefined,
  }
  return new DerivedExchange(exchange, new Environment(changeVariables(env.list, changes)))
}
