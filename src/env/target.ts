import type { Env } from '../core/exchange.js'
import { isRepairOn } from './repairs.js'
import { serverOf } from './server.js'
import { byteSet, isAlnum, percentDecode, percentEncode } from './text.js'

/** Forms of the request target (RFC 9112 section 3.2). */
export type TargetForm = 'origin' | 'absolute' | 'asterisk' | 'authority'

/** A request target, parsed. Nothing in it is decoded. */
export interface Target {
  readonly form: TargetForm
  /** `/…`; the target itself in asterisk- and authority-form. */
  readonly path: string
  /** The query without its `?`; null when there is none, '' when there is only the `?`. */
  readonly query: string | null
  /** Host and port of an absolute- or authority-form target; '' otherwise. */
  readonly authority: string
}

/** Parses a request target (RFC 9112 section 3.2). Never throws: text that matches no form becomes a path. */
export function parseTarget(target: string, method: string): Target {
  if (target.charCodeAt(0) === 47) return splitQuery('origin', target, '')
  if (target === '*') return { form: 'asterisk', path: target, query: null, authority: '' }
  if (method === 'CONNECT') return { form: 'authority', path: target, query: null, authority: target }
  const scheme = target.indexOf('://')
  if (scheme <= 0 || !isScheme(target, scheme)) return splitQuery('origin', `/${target}`, '')
  let end = scheme + 3
  while (end < target.length && !endsAuthority(target.charCodeAt(end))) end++
  const authority = target.slice(target.lastIndexOf('@', end - 1) + 1 || scheme + 3, end)
  const rest = target.slice(end)
  // RFC 9110 section 4.2.3: an empty path is the same as "/".
  return splitQuery('absolute', rest.startsWith('/') ? rest : `/${rest}`, authority)
}

function splitQuery(form: TargetForm, text: string, authority: string): Target {
  const mark = text.indexOf('?')
  if (mark < 0) return { form, path: text, query: null, authority }
  return { form, path: text.slice(0, mark), query: text.slice(mark + 1), authority }
}

/** `/`, `?` or `#`. */
function endsAuthority(code: number): boolean {
  return code === 47 || code === 63 || code === 35
}

/** RFC 3986 section 3.1: scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ). */
function isScheme(text: string, end: number): boolean {
  for (let i = 0; i < end; i++) {
    const code = text.charCodeAt(i)
    if (!isAlnum(code) && code !== 43 && code !== 45 && code !== 46) return false
  }
  const first = text.charCodeAt(0) | 32
  return first >= 97 && first <= 122
}

/**
 * The target for a server that sends no REQUEST_URI (RFC 3875 section 3.3: the Script-URI): SCRIPT_NAME and
 * PATH_INFO, encoded again, and QUERY_STRING. Details that decoding destroyed (`%2F`, merged slashes, an
 * empty query) cannot be restored.
 */
export function rebuildTarget(env: Env): string {
  return encodeTarget(servedPath(env) || '/', env.get('QUERY_STRING') ?? '')
}

/** The path that the server serves, decoded: SCRIPT_NAME and PATH_INFO. '' if the server sends neither. */
export function servedPath(env: Env): string {
  const script = env.get('SCRIPT_NAME') ?? ''
  const info = env.get('PATH_INFO') ?? ''
  // repair: nginx-document-uri. nginx's scgi_params send the path only here; Caddy sends it too, with what
  // handle_path left of the path.
  if (script === '' && info === '') return env.get('DOCUMENT_URI') ?? ''
  if (info !== '' && isH2oTold(script, env)) return info
  // repair: go-root-slash (SCRIPT_NAME ends in the slash that PATH_INFO begins with, or should begin with)
  return (script.endsWith('/') && info.startsWith('/') ? script.slice(0, -1) : script) + info
}

/**
 * repair: authorizer-path. The path that an Authorizer is asked about, decoded; '' if no variable has it.
 * lighttpd sends REQUEST_URI as rewritten; with Apache only the file shows where rewrites and subrequests
 * lead.
 */
export function authorizedPath(env: Env): string {
  if (!serverOf(env).authorizesFiles) return percentDecode(env.get('REDIRECT_URI')?.split('?', 1)[0] ?? '')
  const file = env.get('SCRIPT_FILENAME') ?? ''
  const root = (env.get('CONTEXT_DOCUMENT_ROOT') || env.get('DOCUMENT_ROOT') || '').replace(/\/+$/, '')
  if (root === '' || !file.startsWith(root)) return ''
  const below = file.slice(root.length)
  if (below !== '' && !below.startsWith('/')) return ''
  return `${(env.get('CONTEXT_PREFIX') ?? '').replace(/\/+$/, '')}${below}`
}

/**
 * If h2o has not mapped the path to a file, it sends the whole path as PATH_INFO, and a SCRIPT_NAME only if
 * its configuration sets one (`setenv`): that is the mount path.
 */
export function isH2oTold(script: string, env: Env): boolean {
  return (
    script !== '' &&
    serverOf(env).wholePathIn === 'PATH_INFO' &&
    env.get('SCRIPT_FILENAME') === undefined &&
    isRepairOn('h2o-whole-path')
  )
}

/** A request target made from a decoded path and a query; '' for none. */
export function encodeTarget(path: string, query: string): string {
  return withQuery(percentEncode(path.startsWith('/') ? path : `/${path}`, pathBytes), query)
}

/** @param path raw */
export function withQuery(path: string, query: string): string {
  return query === '' ? path : `${path}?${percentEncode(query, urlBytes)}`
}

/**
 * What may appear unescaped in the path or query of a URL: the characters of RFC 3986 section 2 without "#".
 * "[" and "]" may stay: WHATWG's parser does not change them.
 */
export const urlBytes = byteSet("!$%&'()*+,-./:;=?@[]_~")

/** RFC 3986 section 3.3: pchar or "/", without the "%" of an escape. */
const pathBytes = byteSet("!$&'()*+,-./:;=@_~")
