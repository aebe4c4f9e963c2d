/**
 * Refuses requests for hosts that are not this server. A site open in the browser can point its own name at
 * this machine (DNS rebinding), and then read every page of a development server.
 */
import { logLine } from '../cgi/codec/error-text.js'
import { reasonPhrase } from '../cgi/codec/status.js'
import { isDevelopment } from '../core/development.js'
import type { Handler, Reply } from '../core/exchange.js'
import { escapeHtml, htmlReply } from '../pages/page.js'
import { canonical, type HostRule, hostRule, hostsVariable, isPlainName } from './allowed-hosts.js'
import { behindProxy } from './development-notice.js'

/** Maximum number of hosts that are logged: clients choose them, so there must be a limit. */
const mostLogged = 20

export interface HostCheckOptions {
  readonly allowedHosts?: readonly string[]
  /** The name or address that the server listens on. */
  readonly host?: string
  /** Path of the Unix socket that the server listens on. */
  readonly path?: string
  /** The caller's `development` option. */
  readonly development?: boolean
}

/** Adds the host check to a handler if this is a development server over TCP. */
export function withHostCheck(handler: Handler, options: HostCheckOptions): Handler {
  const { allowedHosts, host, path, development } = options
  // Invalid names are reported in production too.
  const rule = hostRule(allowedHosts, host)
  return path === undefined && isDevelopment('http', development) ? checkHosts(handler, rule) : handler
}

/**
 * Adds a check of the request's host to a handler. Requests that reach this process through a gateway or over
 * an inherited socket pass unchecked.
 */
function checkHosts(handler: Handler, rule: HostRule): Handler {
  const logged = new Set<string>()
  return (exchange) => {
    // The host of an absolute target, else of the Host field: exactly one, and valid (http/head-check.ts).
    const host = exchange.env.get('HTTP_HOST') ?? ''
    if (exchange.peer === undefined || rule.allows(host)) return handler(exchange)
    const advice = adviceFor(host)
    if (!logged.has(host) && logged.size < mostLogged) {
      logged.add(host)
      exchange.stderr(logLine(exchange.env, `421: the host is ${shown(host)}. ${advice}`))
    }
    // noticeProxies has already logged the proxy.
    const mark = exchange.peer.proxyMark
    return misdirected(host, mark === undefined ? [advice] : [behindProxy(mark), advice])
  }
}

/** How to allow the host. */
function adviceFor(host: string): string {
  const name = canonical(host) ?? ''
  const value = isPlainName(name) ? name : 'NAME'
  return `If that is a name of this machine, allow it: --allowed-host ${value}, or ${hostsVariable}=${value}, or the option allowedHosts: ['${value}'].`
}

function misdirected(host: string, advice: readonly string[]): Reply {
  const title = `421 ${reasonPhrase(421)}`
  const paragraphs = [
    `This request is for the host ${shown(host)}, which this development server does not accept: otherwise a web site could read from it by making its own host name resolve to this machine (DNS rebinding).`,
    ...advice,
  ]
  const text = paragraphs.map((one) => `<p>${escapeHtml(one)}</p>`).join('\n')
  return htmlReply(421, title, `<h1>${title}</h1>\n${text}`)
}

function shown(host: string): string {
  return JSON.stringify(host.length > 100 ? `${host.slice(0, 99)}…` : host)
}
