/** Handlers by path prefix. */

import { UsageError } from '../core/errors.js'
import type { Exchange, Handler, Reply } from '../core/exchange.js'
import { Environment } from '../env/environment.js'
import { plainReply } from '../pages/page.js'
import { asHost } from './as-host.js'
import { changeVariables, DerivedExchange, routeOf, setRoute } from './derived-exchange.js'
import { joined, type PathPlace, placeOf, resolvePath, setPlace } from './path.js'

interface Entry {
  readonly segments: readonly string[]
  readonly handler: Handler
}

/**
 * Routes by path: `mount({ '/cgi-bin': cgiBin('cgi-bin'), '/': files('htdocs') })`. The longest prefix wins.
 * Prefixes match whole segments of the decoded and resolved path: `/%63gi-bin/x` and `/a/../cgi-bin/x` are
 * below `/cgi-bin`. The handler sees its prefix as SCRIPT_NAME and the rest as PATH_INFO. No match: 404.
 *
 * @throws UsageError USAGE when a prefix does not begin with "/"
 */
export function mount(table: Readonly<Record<string, Handler>>): Handler {
  const entries = Object.entries(table).map(([prefix, handler]) => ({
    segments: prefixSegments(prefix),
    handler,
  }))
  entries.sort((a, b) => b.segments.length - a.segments.length)
  const mounted: Handler = asHost((exchange) => {
    const place = placeOf(exchange)
    if ('refused' in place) return plainReply(400)
    const entry = entries.find((entry) => leads(entry.segments, place.segments))
    return entry ? enter(entry, exchange, place, mounted) : plainReply(404)
  })
  return mounted
}

function prefixSegments(prefix: string): string[] {
  const path = resolvePath(prefix)
  if (!prefix.startsWith('/') || 'refused' in path) {
    throw new UsageError(
      'USAGE',
      `The mount prefix ${JSON.stringify(prefix)} is not a path; write it as ${prefix.startsWith('/') ? 'a plain path: "/cgi-bin"' : JSON.stringify(`/${prefix}`)}.`,
    )
  }
  return path.segments.filter((segment) => segment !== '')
}

/** Empty segments before the end of the prefix (`//cgi-bin`) are skipped. */
function leads(prefix: readonly string[], segments: readonly string[]): boolean {
  return taken(prefix, segments) >= 0
}

/** How many segments of the path the prefix covers; -1 when it does not match. */
function taken(prefix: readonly string[], segments: readonly string[]): number {
  let at = 0
  for (const wanted of prefix) {
    while (at < segments.length - 1 && segments[at] === '') at++
    if (segments[at] !== wanted) return -1
    at++
  }
  return at
}

function enter(entry: Entry, exchange: Exchange, place: PathPlace, root: Handler): Reply | Promise<Reply> {
  const route = routeOf(exchange, root)
  if (entry.segments.length === 0) {
    setPlace(exchange, place)
    return entry.handler(exchange)
  }
  const rest = place.segments.slice(taken(entry.segments, place.segments))
  const prefix = place.mount + joined(entry.segments)
  const env = changeVariables(exchange.env.list, {
    SCRIPT_NAME: prefix,
    PATH_INFO: rest.length > 0 ? joined(rest) : undefined,
  })
  const inner = new DerivedExchange(exchange, new Environment(env))
  setPlace(inner, { mount: prefix, segments: rest })
  setRoute(inner, route)
  return entry.handler(inner)
}
