/**
 * Cross-site requests that could change something here. Scripts written for a web server behind a login often
 * have no defence of their own, and any web page can reach a server on the same machine as the browser.
 */
import type { Exchange, Handler } from '../core/exchange.js'
import { logRefusal, reasonReply } from '../pages/page.js'
import { canonical, type HostRule, isPlainName } from './allowed-hosts.js'

/** RFC 9110 section 9.2.1: safe methods. All others may change something, WebDAV's included. */
const safe = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/**
 * Wraps a handler and refuses requests with an unsafe method that a browser sends for a page of another site.
 * Programs (curl, git) send neither Sec-Fetch-Site nor Origin, and pass.
 */
export function refuseCrossSite(handler: Handler, rule: HostRule): Handler {
  return (exchange) => {
    const other = otherSite(exchange, rule)
    if (other === null) return handler(exchange)
    const method = exchange.env.get('REQUEST_METHOD')
    const why = `This ${method} request was sent by ${other.who}, and could change data here. ${other.fix}`
    logRefusal(exchange, 403, why)
    return reasonReply(403, why)
  }
}

interface OtherSite {
  readonly who: string
  readonly fix: string
}

const passAll = 'To accept such requests from every site: --allow-cross-site.'

/** The other site whose page sent this request, in words; null for none. */
function otherSite({ env, peer }: Exchange, rule: HostRule): OtherSite | null {
  if (peer === undefined || safe.has(env.get('REQUEST_METHOD') ?? '')) return null
  const origin = env.get('HTTP_ORIGIN')
  const site = env.get('HTTP_SEC_FETCH_SITE')?.toLowerCase()
  if (site === 'cross-site') {
    const named = origin === undefined ? '' : `, Origin: ${shown(origin)}`
    return { who: `a page of another site (Sec-Fetch-Site: cross-site${named})`, fix: passAll }
  }
  // "none": the user started the request, for example from a bookmark.
  if (site === 'same-origin' || site === 'same-site' || site === 'none') return null
  if (origin === undefined) return null
  // Browsers send Sec-Fetch-Site to https and to this machine only (https://www.w3.org/TR/fetch-metadata/).
  const host = /^https?:\/\/([^/?#@]+)$/i.exec(origin)?.[1]
  if (host !== undefined && isOwn(host, env.get('HTTP_HOST') ?? '', rule)) return null
  const name = host === undefined ? null : canonical(host)
  return {
    who: `a page of another site (Origin: ${shown(origin)})`,
    fix:
      name && isPlainName(name)
        ? `If that is a name of this server, allow it: --allowed-host ${name}. ${passAll}`
        : passAll,
  }
}

/** The host of the request itself, on any port, or a trusted name. */
function isOwn(origin: string, host: string, rule: HostRule): boolean {
  const own = canonical(host)
  return rule.trusts(origin) || (own !== '' && own !== null && own === canonical(origin))
}

function shown(origin: string): string {
  return JSON.stringify(origin.length > 100 ? `${origin.slice(0, 99)}…` : origin)
}
