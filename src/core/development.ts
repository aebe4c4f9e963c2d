/**
 * Development or production: decided here for every gateway and every page.
 *
 * Production behind every gateway, unless the option or NODE_ENV=development says otherwise. HTTP on a laptop
 * is development; only the person at that machine sees its pages.
 */
import type { Exchange, Gateway } from './exchange.js'

/**
 * Whether the reply to this request may contain development pages: stack traces, environment, directory
 * listings.
 *
 * @param option set by the caller: true shows them to everybody who can connect, false to nobody.
 * Undefined: behind a gateway (CGI, FastCGI, SCGI, an inherited socket) only with NODE_ENV=development. Over
 * HTTP, unless NODE_ENV is `production`, to loopback peers of this user whose request shows no sign of a
 * proxy
 */
export function showsDevelopment(exchange: Exchange, option: boolean | undefined): boolean {
  if (option !== undefined || !isUnmarked(exchange)) return option === true
  if (exchange.peer === undefined || exchange.peer.isLocal) return true
  if (!saidWithheld) {
    saidWithheld = true
    exchange.stderr(
      'cgiup: A client did not get the development page, because the client is not running on this machine as this user. ' +
        'The option development (--development) shows such pages to everybody who can connect.\n',
    )
  }
  return false
}

let saidWithheld = false

/**
 * Whether a process is in development: what it keeps for pages, how often it checks for changed files. {@link
 * showsDevelopment} decides who may see its pages.
 *
 * @param protocol what carries its requests; `http` means a socket that this process opened itself
 */
export function isDevelopment(protocol: Gateway['protocol'], option: boolean | undefined): boolean {
  if (option !== undefined) return option
  const { NODE_ENV } = process.env
  // Only tests run in memory.
  return protocol === 'http' || protocol === 'memory' ? NODE_ENV !== 'production' : NODE_ENV === 'development'
}

/**
 * As {@link showsDevelopment}, for each started script: cheap, because it does not check which user owns the
 * client's process.
 */
export function developsScripts(exchange: Exchange, option: boolean | undefined): boolean {
  return option ?? (isUnmarked(exchange) && exchange.peer?.isLoopback !== false)
}

function isUnmarked({ peer, gateway }: Exchange): boolean {
  if (!isDevelopment(peer === undefined ? gatewayOf(gateway) : 'http', undefined)) return false
  return peer?.proxyMark === undefined
}

/** HTTP without a known peer comes over an inherited socket: a gateway is in front. */
function gatewayOf({ protocol }: Gateway): Gateway['protocol'] {
  return protocol === 'http' ? 'fastcgi' : protocol
}
