/**
 * Requests by which a page of another site would change something here. Scripts that were written for a web
 * server behind a log-in often have no defence of their own, and on a laptop any page can reach them.
 */
import type { Exchange, Handler } from '../core/exchange.js'
import { logRefusal, reasonReply } from '../pages/page.js'
import { canonical, type HostRule, isPlainName } from './allowed-hosts.js'

/** RFC 9110 section 9.2.1: they change nothing. All others may, those of WebDAV too. */
const safe = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/**
 * The handler, without requests that change something and that a browser sends for a page of another site.
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

/** Which other site's page sends this request, in words; null for none. */
function otherSite({ env, peer }: Exchange, rule: HostRule): OtherSite | null {
  if (peer === undefined || safe.has(env.get('REQUEST_METHOD') ?? '')) return null
  const origin = env.get('HTTP_ORIGIN')
  const site = env.get('HTTP_SEC_FETCH_SITE')?.toLowerCase()
  if (site === 'cross-site') {
    const named = origin === undefined ? '' : `, Origin: ${shown(origin)}`
    return { who: `a page of another site (Sec-Fetch-Site: cross-site${named})`, fix: passAll }
  }
  // "none": the person's own doing, such as a bookmark.
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

/** The host of the request itself, on whatever port, or a name that is trusted. */
function isOwn(origin: string, host: string, rule: HostRule): boolean {
  const own = canonical(host)
  return rule.trusts(origin) || (own !== '' && own !== null && own === canonical(origin))
}

function shown(origin: string): string {
  return JSON.stringify(origin.length > 100 ? `${origin.slice(0, 99)}…` : origin)
}
