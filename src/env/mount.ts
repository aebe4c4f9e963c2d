import type { Env } from '../core/exchange.js'
import { hasDotSegment } from './reading.js'
import { isRepairOn } from './repairs.js'
import { serverOf } from './server.js'
import { isH2oTold } from './target.js'
import { textToBytes } from './text.js'
import { sameEnd, standsAt, type Walk, walk } from './walk.js'

/**
 * Finds how much of the raw path is the mount path: the part that led to this app.
 *
 * SCRIPT_NAME cannot be stripped as text: `//app`, `/%61pp` and `/x/../app` all reach `/app`, and after an
 * internal rewrite SCRIPT_NAME is the script file, which the client never requested. So the path is resolved
 * as the server did, and SCRIPT_NAME is the mount path only if SCRIPT_NAME + PATH_INFO is the result.
 * @returns length of the raw prefix; 0 at the root, and if nothing matches.
 */
export function mountLength(path: string, env: Env): number {
  const script = withoutSlash(env.get('SCRIPT_NAME') ?? '')
  const info = env.get('PATH_INFO') ?? ''
  if (info === '' && isHaproxyUnsplit(env)) return 0
  if (script === '') {
    // Caddy's handle_path has removed the whole path, from DOCUMENT_URI too.
    const isStripped = info === '' && env.get('PATH_INFO') === '' && env.get('DOCUMENT_URI') === ''
    if (isStripped && isRepairOn('caddy-stripped-path')) return path === '/' ? 0 : path.length
    if (info === '' || info === path) return 0
  } else if (info !== '' && path.length === script.length + info.length) {
    // Nearly every request: nothing to decode, nothing rewritten.
    if (info.charCodeAt(0) === 47 && path.startsWith(script) && path.endsWith(info)) return script.length
  } else if (info === '' && script === path && !/[%#]/.test(path) && isUnsplit(env)) {
    // nginx without fastcgi_split_path_info: SCRIPT_NAME is the whole path, so the app is at the root.
    if (env.get('SCRIPT_FILENAME')?.startsWith('proxy:') !== true) return 0
  }
  const found = resolve(path, script, info, env)
  if (found > 0 || path.indexOf('#') < 0 || !isRepairOn('fragment-in-target')) return found
  // nginx and lighttpd resolve only the part before the "#".
  const length = resolve(path.slice(0, path.indexOf('#')), script, info, env)
  return path.charCodeAt(length) === 47 ? length : 0
}

/**
 * How much of the raw path the configured mount path covers; 0 if the path is not below it.
 * @param mount as a person writes it, with or without escapes.
 */
export function configuredMountLength(path: string, mount: string): number {
  const text = textToBytes(withoutSlash(mount))
  if (text === '') return 0
  const isBelow =
    path.startsWith(text) && (path.length === text.length || path.charCodeAt(text.length) === 47)
  // `/app/../app/x` is below the second `/app`.
  if (isBelow && !hasDotSegment(path)) {
    return text.length
  }
  const whole = walk(path, true)
  const part = walk(text, true)
  return standsAt(whole, part, 0) ? endOf(whole, part.segments.length) : 0
}

function resolve(path: string, script: string, info: string, env: Env): number {
  const whole = walk(path, true)
  if (info !== '') {
    const name = walk(script, false)
    if (isH2oTold(script, env) && standsAt(whole, name, 0)) return endOf(whole, name.segments.length)
    const found = withInfo(whole, name, walk(info, false))
    return found > 0 ? found : Math.max(0, proxiedMount(path, whole, env))
  }
  const proxied = proxiedMount(path, whole, env)
  if (proxied >= 0) return proxied
  const name = walk(script, false)
  if (name.segments.length === whole.segments.length && standsAt(whole, name, 0)) {
    return isUnsplit(env) ? 0 : endOf(whole, name.segments.length)
  }
  if (!isRepairOn('rewritten-script-name')) return 0
  // A front controller without PATH_INFO (`RewriteRule ^ app.cgi`, FallbackResource, DirectoryIndex,
  // try_files): the app is mounted at the directory of its file if the client's path leads through there.
  const directory = name.segments.length - 1
  const folder: Walk = { segments: name.segments.slice(0, directory), ends: [], slash: false }
  return directory > 0 && standsAt(whole, folder, 0) ? endOf(whole, directory) : 0
}

function withInfo(whole: Walk, script: Walk, info: Walk): number {
  const mounted = script.segments.length
  if (mounted + info.segments.length === whole.segments.length && whole.slash === info.slash) {
    if (standsAt(whole, script, 0) && standsAt(whole, info, mounted)) return endOf(whole, mounted)
  }
  if (!isRepairOn('rewritten-script-name')) return 0
  // PATH_INFO is still what the server left for the app, so the mount path is what precedes it
  // (`RewriteRule ^(.*)$ app.cgi/$1`, Action, Caddy's handle_path).
  const before = whole.segments.length - info.segments.length
  return whole.slash === info.slash && standsAt(whole, info, before) ? endOf(whole, before) : 0
}

/**
 * With ProxyPass, SCRIPT_NAME is the whole path. The rest is only in SCRIPT_FILENAME: as
 * `proxy:fcgi://host:port/rest`, or after the script that ProxyPass names.
 * @returns -1 if SCRIPT_FILENAME does not show it
 */
function proxiedMount(path: string, whole: Walk, env: Env): number {
  const filename = env.get('SCRIPT_FILENAME') ?? ''
  const marked = filename.startsWith('proxy:')
  if (!marked && !isGeneric(filename, env)) return -1
  if (!isRepairOn('apache-proxy-script-filename')) return -1
  const target = marked ? proxyPath(filename) : filename
  if (target === '') return 0
  const root = env.get('DOCUMENT_ROOT') ?? ''
  // SetHandler: a file below the document root or an Alias.
  if ((root.length > 1 && target.startsWith(root)) || env.get('CONTEXT_PREFIX')) return -1
  const rest = walk(target, true)
  const same = sameEnd(whole, rest)
  if (same < rest.segments.length && (same === 0 || !marked)) return -1
  const before = whole.segments.length - same
  if (same > 0 || before === 0) return endOf(whole, before)
  return whole.slash ? endOf(whole, before) : path.length
}

/**
 * `ProxyFCGIBackendType GENERIC`: the same without the `proxy:` prefix. Files that Apache runs are below the
 * document root or an Alias.
 */
function isGeneric(filename: string, env: Env): boolean {
  return filename.startsWith('/') && env.get('PATH_INFO') === undefined && serverOf(env).sendsBareProxyPath
}

/** The path in `proxy:fcgi://host:port/path` and `proxy:unix:/socket|fcgi://host/path`, without a query. */
export function proxyPath(filename: string): string {
  const authority = filename.indexOf('://', filename.lastIndexOf('|') + 1)
  const start = authority < 0 ? -1 : filename.indexOf('/', authority + 3)
  if (start < 0) return ''
  const query = filename.indexOf('?', start)
  return filename.slice(start, query < 0 ? filename.length : query)
}

/**
 * Without fastcgi_split_path_info nginx sends the whole path as SCRIPT_NAME, which then names no script, and
 * no PATH_INFO. DOCUMENT_URI identifies nginx (Caddy sends it too, but always with a PATH_INFO). FCGI_ROLE
 * identifies fcgiwrap, which runs only files that exist: there SCRIPT_NAME does name a script.
 */
function isUnsplit(env: Env): boolean {
  return (
    env.get('PATH_INFO') === undefined &&
    env.get('DOCUMENT_URI') !== undefined &&
    env.get('FCGI_ROLE') === undefined &&
    isRepairOn('nginx-whole-path')
  )
}

/**
 * If no `path-info` matches, HAProxy sends the whole path as SCRIPT_NAME; if it ends in a slash, its `index`
 * is appended.
 */
function isHaproxyUnsplit(env: Env): boolean {
  return (
    env.get('PATH_INFO') === undefined &&
    serverOf(env).wholePathIn === 'SCRIPT_NAME' &&
    env.get('FCGI_ROLE') === undefined &&
    isRepairOn('haproxy-whole-path')
  )
}

/** The raw offset after the first `count` segments; 0 if they end inside an escape. */
function endOf(whole: Walk, count: number): number {
  return count === 0 ? 0 : Math.max(0, whole.ends[count - 1] as number)
}

function withoutSlash(path: string): string {
  let end = path.length
  while (end > 0 && path.charCodeAt(end - 1) === 47) end--
  return path.slice(0, end)
}
