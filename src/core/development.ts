/**
 * Development or production: the one place where it is decided, for every gateway and every page.
 *
 * Production behind every gateway, unless the option or NODE_ENV=development says otherwise. HTTP on a laptop
 * is development; its pages are for the person there alone.
 */
import type { Exchange, Gateway } from './exchange.js'

/**
 * Whether the reply to this request may hold development pages: stacks, environment, lists.
 *
 * @param option what the caller said: true shows them to everybody who can connect, false to nobody.
 *   Undefined: behind a gateway (CGI, FastCGI, SCGI, a socket that was handed over) only with
 *   NODE_ENV=development; over HTTP, unless NODE_ENV is `production`, to loopback peers of this user whose
 *   request has no mark of a proxy
 */
export function showsDevelopment(exchange: Exchange, option: boolean | undefined): boolean {
  if (option !== undefined || !isUnmarked(exchange)) return option === true
  if (exchange.peer === undefined || exchange.peer.isLocal) return true
  if (!saidWithheld) {
    saidWithheld = true
    exchange.stderr(
      'cgiup: A client got no development page, because it is not a program of this user on this machine. ' +
        'The option development (--development) shows these pages to everybody who can connect.\n',
    )
  }
  return false
}

let saidWithheld = false

/**
 * Whether a process is in development: what it keeps for pages, how often it looks for changed files. Who
 * may see its pages is {@link showsDevelopment}.
 *
 * @param protocol what carries its requests; `http` means a server of its own, that nobody handed over
 */
export function isDevelopment(protocol: Gateway['protocol'], option: boolean | undefined): boolean {
  if (option !== undefined) return option
  const { NODE_ENV } = process.env
  // In memory there are tests only.
  return protocol === 'http' || protocol === 'memory' ? NODE_ENV !== 'production' : NODE_ENV === 'development'
}

/**
 * As {@link showsDevelopment}, for each script that is started: cheap, and does not ask whose process the
 * client on this machine is.
 */
export function developsScripts(exchange: Exchange, option: boolean | undefined): boolean {
  return option ?? (isUnmarked(exchange) && exchange.peer?.isLoopback !== false)
}

function isUnmarked({ peer, gateway }: Exchange): boolean {
  if (!isDevelopment(peer === undefined ? gatewayOf(gateway) : 'http', undefined)) return false
  return peer?.proxyMark === undefined
}

/** HTTP without a known peer comes over a socket that a launcher handed over: a gateway is in front. */
function gatewayOf({ protocol }: Gateway): Gateway['protocol'] {
  return protocol === 'http' ? 'fastcgi' : protocol
}
