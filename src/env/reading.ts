/**
 * One reading of a path. Access rules are applied by the web server, routes by the app: a path that the two
 * read differently leads past the rules.
 */
import type { Env } from '../core/exchange.js'
import { serverOf } from './server.js'
import { urlBytes } from './target.js'
import { percentDecode, percentEncode } from './text.js'

/** The path as the URL class has it, and so every app: dot segments removed, empty segments kept. */
function urlPath(path: string): string {
  return new URL(`http://h${percentEncode(path, urlBytes)}`).pathname
}

/**
 * A path as apps get it. Routers compare text: what has a dot segment gets the spelling that the URL class
 * gives it, so that `app.use('/admin')` does not run for `/admin/../pub`, and a `\\` stays none when it is parsed
 * again. Others stay as they were sent.
 */
export function resolvedPath(path: string): string {
  return hasDotSegment(path) || path.includes('\\') ? urlPath(path) : path
}

/**
 * repair: merged-slashes. The path as a Node app gets it, which often reads it with `new URL(req.url, base)`: that takes the `x` of
 * `//x/admin` for a host, and the app sees /admin. Behind servers that have merged the slashes before their
 * access rules saw the path, only one is left at its beginning; of others the path stays as it was sent.
 */
export function nodePath(path: string, env: Env): string {
  const resolved = resolvedPath(path)
  return resolved.startsWith('//') && mergesSlashes(env) ? resolved.replace(/^\/+/, '/') : resolved
}

/** Whether a segment is `.` or `..`, in any spelling, behind an encoded slash too. */
export function hasDotSegment(path: string): boolean {
  return /(?:^|\/|%2F)\.\.?(?:$|\/|%2F)/i.test(percentDecode(path))
}

/**
 * What counts as a slash: none that is encoded (Apache with AllowEncodedSlashes NoDecode, HAProxy), those that
 * decoding once shows (nginx, lighttpd, h2o, Caddy), and those that an app may decode again.
 */
const splits: readonly ((segment: string) => string[])[] = [
  (segment) => [percentDecode(segment)],
  (segment) => percentDecode(segment).split('/'),
  (segment) => percentDecode(segment).split(/\/|%2F/i),
]

/**
 * Whether servers and the URL class, which is how apps read it, find the same path, whatever the server takes
 * for a slash, and whether it merges them first (most do; h2o does not, nor does the URL class). For nginx
 * `/admin/y%252fz%2f../../pub` is /pub, and for the URL class /admin/pub; `/%2F/../admin` is //admin for h2o.
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

/** Without dot segments; the last one leaves a slash at the end, `..` at the root stays there (RFC 3986 section 5.2.4). */
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

/** Whether nothing in a target can be read in two ways: no escape in its path, no dot segment, no `\` or `#`. */
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

/** What forbids to give a target to an app: one sentence; null for nothing. The rules are in docs/environment.md. */
export function readingFault(target: string, path: string, env: Env, mayHaveDots: boolean): string | null {
  if (isPlainTarget(target)) return null
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are looked for
  const odd = /[\0-\x1f\x7f#]/.exec(target)
  if (odd) {
    // RFC 9112 section 3.2: a request target has neither. nginx and lighttpd resolve what comes before the "#".
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

/** Whether the server's own variables show that it has removed dot segments before it chose this app. */
function isResolved(env: Env): boolean {
  const served = `${env.get('SCRIPT_NAME') ?? ''}${env.get('PATH_INFO') ?? ''}`
  const uri = env.get('DOCUMENT_URI') ?? ''
  return served + uri !== '' && !hasDotSegment(served) && !hasDotSegment(uri)
}

/** Whether the server is one that merges slashes, by its name and by what it says it serves. */
function mergesSlashes(env: Env): boolean {
  if (['SCRIPT_NAME', 'PATH_INFO', 'DOCUMENT_URI'].some((name) => env.get(name)?.includes('//'))) return false
  return serverOf(env).mergesSlashes
}
