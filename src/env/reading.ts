/**
 * Unambiguous paths. The web server applies access rules, the app routes: a path that the two interpret
 * differently bypasses the rules.
 */
import type { Env } from '../core/exchange.js'
import { serverOf, unknownServer } from './server.js'
import { urlBytes } from './target.js'
import { percentDecode, percentEncode } from './text.js'

/** The path as the URL class, and so every app, resolves it: dot segments removed, empty segments kept. */
function urlPath(path: string): string {
  return new URL(`http://h${percentEncode(path, urlBytes)}`).pathname
}

/**
 * A path as apps get it. Routers compare text, so a path with a dot segment is spelled as the URL class
 * would, so that `app.use('/admin')` does not run for `/admin/../pub`, and a `\\` does not become a slash
 * when it is parsed again. Other paths stay as sent.
 */
export function resolvedPath(path: string): string {
  return hasDotSegment(path) || path.includes('\\') ? urlPath(path) : path
}

/**
 * repair: merged-slashes. The path as a Node app gets it. Many apps parse it with `new URL(req.url, base)`,
 * which treats the `x` of `//x/admin` as a host, so that the app sees /admin. If the server merged slashes
 * before it applied its access rules, leading slashes are reduced to one; otherwise the path stays as sent.
 */
export function nodePath(path: string, env: Env): string {
  const resolved = resolvedPath(path)
  return resolved.startsWith('//') && mergesSlashes(path, env) ? resolved.replace(/^\/+/, '/') : resolved
}

/** Whether a segment is `.` or `..`, in any spelling, after an encoded slash too. */
export function hasDotSegment(path: string): boolean {
  return /(?:^|\/|%2F)\.\.?(?:$|\/|%2F)/i.test(percentDecode(path))
}

/**
 * What counts as a slash: no encoded slash (Apache with AllowEncodedSlashes NoDecode, HAProxy), those found
 * by decoding once (nginx, lighttpd, h2o, Caddy), and those that an app finds by decoding again.
 */
const splits: readonly ((segment: string) => string[])[] = [
  (segment) => [percentDecode(segment)],
  (segment) => percentDecode(segment).split('/'),
  (segment) => percentDecode(segment).split(/\/|%2F/i),
]

/**
 * Whether servers and the URL class, which apps use, resolve the path identically, whatever the server counts
 * as a slash, and whether or not it merges slashes first (most do; h2o and the URL class do not).
 * `/admin/y%252fz%2f../../pub` is /pub for nginx and /admin/pub for the URL class; `/%2F/../admin` is //admin
 * for h2o.
 */
export function isReadAsOne(path: string): boolean {
  if (!hasDotSegment(path)) return true
  const sent = path.split('/').slice(1)
  const routed = urlPath(path).split('/').slice(1)
  return splits.every((split) => {
    const [served, seen] = [sent.flatMap(split), routed.flatMap(split)]
    return isSame(resolved(served), seen) && isSame(merged(resolved(merged(served))), merged(seen))
  })
}

const merged = (segments: readonly string[]): string[] => segments.filter((segment) => segment !== '')

/**
 * Removes dot segments. A final one leaves a slash at the end, `..` at the root has no effect (RFC 3986
 * section 5.2.4).
 */
function resolved(segments: readonly string[]): string[] {
  const out: string[] = []
  for (const [i, segment] of segments.entries()) {
    if (segment === '..') out.pop()
    if (segment !== '..' && segment !== '.') out.push(segment)
    else if (i === segments.length - 1) out.push('')
  }
  return out
}

const isSame = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((segment, i) => segment === other[i])

/** Whether a target is certainly unambiguous: no escape in its path, no dot segment, no `\` or `#`. */
export function isPlainTarget(target: string): boolean {
  let before = 0
  let inQuery = false
  for (let i = 0; i < target.length; i++) {
    const code = target.charCodeAt(i)
    if (code < 33 || code === 35 || code === 127) return false
    if (inQuery) continue
    if (code === 63) inQuery = true
    else if (code === 37 || code === 92 || (code === 46 && before === 47)) return false
    before = code
  }
  return target.charCodeAt(0) === 47
}

const quoted = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)

/**
 * Why a target must not be passed to an app, in one sentence; null if it may be. The rules are in
 * docs/environment.md.
 */
export function readingFault(target: string, path: string, env: Env, mayHaveDots: boolean): string | null {
  if (isPlainTarget(target)) return null
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this finds them
  const odd = /[\0-\x1f\x7f#]/.exec(target)
  if (odd) {
    // RFC 9112 section 3.2: a request target contains neither. nginx and lighttpd end the path at the "#".
    const what = odd[0] === '#' ? 'a "#"' : 'a control character'
    return `The request target ${quoted(target)} has ${what}, which servers and apps interpret differently.`
  }
  if (!isReadAsOne(path)) {
    return `Web servers and apps resolve the path ${quoted(path)} differently, so that access rules may not have seen what it leads to.`
  }
  if (!mayHaveDots && hasDotSegment(path) && !isResolved(env)) {
    return `The path ${quoted(path)} has a dot segment that the server in front did not resolve, so that its access rules may not have seen what it leads to.`
  }
  return null
}

/** Whether the server's own variables show that it removed dot segments before it chose this app. */
function isResolved(env: Env): boolean {
  const served = `${env.get('SCRIPT_NAME') ?? ''}${env.get('PATH_INFO') ?? ''}`
  const uri = env.get('DOCUMENT_URI') ?? ''
  return served + uri !== '' && !hasDotSegment(served) && !hasDotSegment(uri)
}

/**
 * Whether the server merges slashes, judged by its name and by the path that it reports. A server whose name
 * was changed (lighttpd's server.tag) merges them if it reports the path that was sent with its slashes merged.
 */
function mergesSlashes(path: string, env: Env): boolean {
  const [script = '', info = '', uri = ''] = ['SCRIPT_NAME', 'PATH_INFO', 'DOCUMENT_URI'].map((name) =>
    env.get(name),
  )
  if ([script, info, uri].some((reported) => reported.includes('//'))) return false
  const server = serverOf(env)
  if (server !== unknownServer) return server.mergesSlashes
  return percentDecode(path).replace(/\/{2,}/g, '/') === (script + info || uri)
}
