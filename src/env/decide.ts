/** Determines from the meta-variables which request the server decided to serve, and whether to allow it. */
import type { Env } from '../core/exchange.js'
import { type FactOptions, Facts, programName, redirectsOf } from './facts.js'
import { hasDotSegment, isPlainTarget, isReadAsOne } from './reading.js'
import { isRepairOn } from './repairs.js'
import { CgiRequest, type TranslateOptions } from './request.js'
import { type Row, rows } from './rows.js'
import { serverOf } from './server.js'
import { encodeTarget, parseTarget, withQuery } from './target.js'
import { percentDecode } from './text.js'
import { endsIn, walk } from './walk.js'

export interface DecideOptions extends TranslateOptions, FactOptions {}

/** Why the app is not called, and what the client gets instead. */
interface Refusal {
  readonly status: 400 | 401 | 403 | 404
  /** What was seen, in one or two sentences. */
  readonly why: string
}

/** The request that the app receives. */
export interface Decision {
  /** Name of the table row that matched (rows.ts). */
  readonly row: string
  readonly request: CgiRequest
  /** Null if the app may be called. */
  readonly refused: Refusal | null
  /** The status of an error document, which replaces a reply status of 200. 0: no replacement. */
  readonly status: number
}

/** Determines from the meta-variables which request the server decided to serve. Never throws. */
export function decide(env: Env, options: DecideOptions = {}): Decision {
  const plain = options.target === 'script' || options.isAuthorizer ? null : plainRow(env)
  if (plain !== null) return { row: plain, request: new CgiRequest(env, options), refused: null, status: 0 }
  const facts = new Facts(env, options)
  const row = rows.find(({ fits }) => fits(facts)) as Row
  const target = targetOf(row, facts)
  const request = new CgiRequest(env, target === null ? options : servedOptions(row, facts, target, options))
  return {
    row: row.name,
    request,
    refused: refusalOf(row, facts, request, options),
    status: row.keepsStatus && facts.status < 600 ? facts.status : 0,
  }
}

/**
 * Handles nearly every request without the table: the target is unambiguous, nothing was redirected, and the
 * server's variables match the target as sent, or name a front controller. Null for all others.
 */
function plainRow(env: Env): 'as-sent' | 'front-controller' | null {
  const sent = env.get('REQUEST_URI')
  if (sent === undefined || !isPlainTarget(sent) || env.get('SERVER_PROTOCOL') === 'INCLUDED') return null
  const status = env.get('REDIRECT_STATUS')
  // nginx and lighttpd always send 200.
  if (status !== undefined && (status !== '200' || redirectsOf(env) > 0)) return null
  const mark = sent.indexOf('?')
  const length = mark < 0 ? sent.length : mark
  const query = env.get('QUERY_STRING') ?? ''
  if (query !== '' && (query.length !== sent.length - length - 1 || !sent.endsWith(query))) return null
  const script = env.get('SCRIPT_NAME') ?? ''
  const info = env.get('PATH_INFO') ?? (script === '' ? env.get('DOCUMENT_URI') : undefined) ?? ''
  if (
    script.length + info.length === length &&
    sent.startsWith(script) &&
    sent.startsWith(info, script.length)
  )
    return 'as-sent'
  if (info !== '' || !programName.test(script)) return null
  return sent.slice(0, length).endsWith(script.slice(script.lastIndexOf('/'))) ? null : 'front-controller'
}

/** The target that replaces REQUEST_URI; null if REQUEST_URI is used. */
function targetOf({ takes }: Row, facts: Facts): string | null {
  if (takes === 'refused' || facts.sent === '') return null
  if (takes === 'sent') return sentTarget(facts)
  const query = facts.env.get('QUERY_STRING') ?? ''
  if (takes === 'redirected' && facts.redirects > 1) {
    const url = facts.env.get('REDIRECT_URL') ?? ''
    // With Apache's QualifyRedirectURL, REDIRECT_URL is an absolute URL, already encoded.
    const isWhole = /^https?:\/\//.test(url)
    const path = isWhole ? parseTarget(url, 'GET').path : url
    // Otherwise the rewrite leads to a path within the app.
    if (path !== '' && (facts.info === '' || endsIn(walk(path, isWhole), walk(facts.info, false)))) {
      return isWhole ? withQuery(path, query) : encodeTarget(path, query)
    }
  }
  // Apache SSI: SCRIPT_NAME ends in PATH_INFO.
  const { script, info } = facts
  if (facts.env.get('SERVER_PROTOCOL') === 'INCLUDED' && info !== '' && script.endsWith(info)) {
    return encodeTarget(script, query)
  }
  return encodeTarget(facts.served || '/', query)
}

/**
 * The path of a program that is served directly is its mount path, whatever the server sends; but not under
 * a local host, which sends the right one.
 */
function servedOptions({ takes }: Row, facts: Facts, target: string, options: DecideOptions): DecideOptions {
  const { mount, resolvesDots } = options
  if (
    takes === 'sent' ||
    mount !== undefined ||
    resolvesDots ||
    !facts.isProgram ||
    target !== encodeTarget(facts.served || '/', facts.env.get('QUERY_STRING') ?? '')
  ) {
    return { ...options, servedTarget: target }
  }
  return { ...options, servedTarget: target, mount: target.split('?', 1)[0] }
}

/** REQUEST_URI, with the query that a rewrite rule set. */
function sentTarget({ env, sent, parts }: Facts): string | null {
  const query = env.get('QUERY_STRING') ?? ''
  if (query === '' || isSameQuery(query, parts.query ?? '')) return null
  const mark = sent.indexOf('?')
  return withQuery(mark < 0 ? sent : sent.slice(0, mark), query)
}

/** Whether two queries are equal once their escapes are decoded. */
function isSameQuery(one: string, other: string): boolean {
  if (one === other || !isRepairOn('lighttpd-query-rewritten')) return one === other
  const pairs = (query: string) => query.split('&').map(percentDecode)
  const sent = pairs(other)
  const served = pairs(one)
  return served.length === sent.length && served.every((pair, i) => pair === sent[i])
}

const pathOf = ({ parts }: Facts): string => JSON.stringify(parts.path.slice(0, 80))

function refusalOf(row: Row, facts: Facts, request: CgiRequest, options: DecideOptions): Refusal | null {
  if (row.name === 'refused') return { status: 400, why: facts.fault as string }
  if (row.name === 'denied') {
    const why = `The web server denied ${pathOf(facts)}, and requests the same path as its error page.`
    return { status: facts.status as 401 | 403, why }
  }
  if (row.name === 'not-found-controller' && facts.isUnruled) {
    const why = `The web server answers paths with an encoded slash, such as ${pathOf(facts)}, with 404 before it applies its access rules.`
    return { status: 404, why }
  }
  if (request.form !== 'origin' && request.form !== 'absolute') return null
  if (row.takes !== 'sent') return servedRefusal(row, facts, request.path, options)
  const shows = row.name === 'as-sent' && (facts.isSamePath || facts.endsInInfo)
  if (shows || options.resolvesDots || !hasDotSegment(request.path)) return null
  // The variables of a front controller do not show whether the server resolved the dot segment.
  if (serverOf(facts.env).resolvesDots) return null
  const why = `The path ${pathOf(facts)} has a dot segment, and the server in front is not known to have resolved it.`
  return { status: 400, why }
}

/** The server's own path must be unambiguous, too. */
function servedRefusal(
  row: Row,
  facts: Facts,
  path: string,
  { resolvesDots }: DecideOptions,
): Refusal | null {
  if (row.name !== 'rebuilt' && row.name !== 'included' && isCutInName(facts)) {
    const why = `The web server serves ${JSON.stringify(facts.served.slice(0, 80))}, which is not a path: it was split in the middle of a name.`
    return { status: 400, why }
  }
  if (isReadAsOne(path) && (resolvesDots || !hasDotSegment(path))) return null
  const why = `The path ${JSON.stringify(path.slice(0, 80))} that the web server serves is interpreted differently by apps.`
  return { status: 400, why }
}

/** Caddy's handle_path /app* leaves `admin` of /appadmin; its split may fall inside a name (CVE-2026-27590). */
function isCutInName({ served, script, info }: Facts): boolean {
  if (served.charCodeAt(0) !== 47) return true
  return info !== '' && info.charCodeAt(0) !== 47 && !script.endsWith('/')
}
