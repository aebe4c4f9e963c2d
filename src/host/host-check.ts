/**
 * Requests for another host than this server has: refused. A site that a browser has open can give its own name
 * the address of this machine (DNS rebinding), and then read every page of a development server.
 */
import { logLine } from '../cgi/codec/error-text.js'
import { reasonPhrase } from '../cgi/codec/status.js'
import { isDevelopment } from '../core/development.js'
import type { Handler, Reply } from '../core/exchange.js'
import { escapeHtml, htmlReply } from '../pages/page.js'
import { canonical, type HostRule, hostRule, hostsVariable, isPlainName } from './allowed-hosts.js'
import { behindProxy } from './development-notice.js'

/** Hosts that are logged; then no more, as a stranger chooses them. */
const mostLogged = 20

export interface HostCheckOptions {
  readonly allowedHosts?: readonly string[]
  /** The name or address that is listened on. */
  readonly host?: string
  /** Path of the Unix socket that is listened on. */
  readonly path?: string
  /** What the caller said. */
  readonly development?: boolean
}

/** The handler, behind the check of hosts where this is a development server over TCP. */
export function withHostCheck(handler: Handler, options: HostCheckOptions): Handler {
  const { allowedHosts, host, path, development } = options
  // Wrong names are reported in production too.
  const rule = hostRule(allowedHosts, host)
  return path === undefined && isDevelopment('http', development) ? checkHosts(handler, rule) : handler
}

/**
 * The handler, behind a check of the host each request is for. A request that did not come to this process as
 * the HTTP server itself (from a web server in front, over a socket that was handed over) passes.
 */
function checkHosts(handler: Handler, rule: HostRule): Handler {
  const logged = new Set<string>()
  return (exchange) => {
    // That of an absolute target, else of the Host field: one, and valid (http/head-check.ts).
    const host = exchange.env.get('HTTP_HOST') ?? ''
    if (exchange.peer === undefined || rule.allows(host)) return handler(exchange)
    const advice = adviceFor(host)
    if (!logged.has(host) && logged.size < mostLogged) {
      logged.add(host)
      exchange.stderr(logLine(exchange.env, `421: the host is ${shown(host)}. ${advice}`))
    }
    // Its line has been logged by then (noticeProxies).
    const mark = exchange.peer.proxyMark
    return misdirected(host, mark === undefined ? [advice] : [behindProxy(mark), advice])
  }
}

/** How to allow it. */
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
