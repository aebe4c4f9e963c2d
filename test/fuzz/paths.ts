/**
 * How web servers read a request target before they apply access rules, in the simplest form, and the
 * variables that they derive from it. Written without code of the product.
 */

/** The path to which access rules apply, segment by segment, and the path as the server passes it on. */
export interface Served {
  readonly segments: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** A server that denies a path and everything below it; null: the server answers the request itself. */
export type ServerModel = (target: string, denied: string) => Served | null

/** Decoded once; null if it has a NUL or an invalid escape. */
export const decoded = (path: string): string | null => {
  let out = ''
  for (let at = 0; at < path.length; at++) {
    if (path[at] !== '%') {
      out += path[at]
      continue
    }
    const hex = path.slice(at + 1, at + 3)
    if (!/^[0-9a-f]{2}$/i.test(hex) || hex === '00') return null
    out += String.fromCharCode(Number.parseInt(hex, 16))
    at += 2
  }
  return out
}

/** Slashes merged, then dot segments removed; null if the path leads above the root. */
const resolved = (path: string): readonly string[] | null => {
  const out: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue
    if (segment !== '..') out.push(segment)
    else if (out.pop() === undefined) return null
  }
  return out
}

/** Dot segments removed according to the URL standard, in which an empty segment counts as a segment. */
const withoutDots = (path: string): string => {
  const out: string[] = []
  const segments = path.split('/').slice(1)
  for (const [i, segment] of segments.entries()) {
    const isDot = segment === '.' || segment === '..'
    if (segment === '..') out.pop()
    if (!isDot) out.push(segment)
    else if (i === segments.length - 1) out.push('')
  }
  return `/${out.join('/')}`
}

/** The resolved segments as text, with the trailing slash of the original path. */
const textOf = (segments: readonly string[], path: string): string => {
  const slash = segments.length > 0 && /(?:^|\/)\.{0,2}$/.test(path)
  return `/${segments.join('/')}${slash ? '/' : ''}`
}

const partsOf = (target: string): { path: string; query: string } => {
  const mark = target.indexOf('?')
  return mark < 0
    ? { path: target, query: '' }
    : { path: target.slice(0, mark), query: target.slice(mark + 1) }
}

const isBelow = (segments: readonly string[], path: string): boolean =>
  `/${segments.join('/')}/`.startsWith(`${path}/`)

interface Read {
  readonly text: string
  readonly segments: readonly string[]
  readonly query: string
}

/** Reads a target as {@link resolved} does. */
const read = (target: string, denied: string): Read | null => {
  const { path, query } = partsOf(target)
  const text = decoded(path)
  const segments = text === null ? null : resolved(text)
  if (text === null || segments === null || isBelow(segments, denied)) return null
  return { text: textOf(segments, text), segments, query }
}

const base = { REQUEST_METHOD: 'GET', SERVER_PROTOCOL: 'HTTP/1.1', HTTP_HOST: 'h', SERVER_PORT: '80' }

/** The part after a "#" is not part of the path. */
const nginx: ServerModel = (target, denied) => {
  const mark = target.indexOf('#')
  const found = read(mark < 0 ? target : target.slice(0, mark), denied)
  if (found === null) return null
  const { text, segments, query } = found
  const own = {
    SERVER_SOFTWARE: 'nginx/1.22.1',
    SCRIPT_NAME: text,
    DOCUMENT_URI: text,
    REDIRECT_STATUS: '200',
  }
  return { segments, env: { ...base, ...own, REQUEST_URI: target, QUERY_STRING: query } }
}

/** nginx with try_files and a front controller. */
const nginxFront: ServerModel = (target, denied) => {
  const found = nginx(target, denied)
  const script = { SCRIPT_NAME: '/index.mjs', DOCUMENT_URI: '/index.mjs', SCRIPT_FILENAME: '/srv/index.mjs' }
  return found && { ...found, env: { ...found.env, ...script } }
}

const lighttpd: ServerModel = (target, denied) => {
  const found = nginx(target, denied)
  if (found === null) return null
  const { SCRIPT_NAME: text = '', REQUEST_URI = '', QUERY_STRING = '' } = found.env
  const own = { SERVER_SOFTWARE: 'lighttpd/1.4.69', SCRIPT_NAME: '', PATH_INFO: text, REDIRECT_STATUS: '200' }
  return { segments: found.segments, env: { ...base, ...own, REQUEST_URI, QUERY_STRING } }
}

/** Refuses "#" and encoded slashes. */
const apache =
  (variables: (text: string) => Record<string, string>): ServerModel =>
  (target, denied) => {
    if (/#|%2f/i.test(target)) return null
    const found = read(target, denied)
    if (found === null) return null
    const { text, segments, query } = found
    const own = { SERVER_SOFTWARE: 'Apache/2.4.71 (Debian)', ...variables(text) }
    return { segments, env: { ...base, ...own, REQUEST_URI: target, QUERY_STRING: query } }
  }

/** Latin-1: one character per byte. */
const escaped = (text: string): string =>
  text.replace(/[^\w/.~!$&'()*+,;=:@-]/g, (char) => {
    const hex = char.charCodeAt(0).toString(16)
    return `%${hex.length < 2 ? '0' : ''}${hex}`
  })

const apacheProxy = apache((text) => ({
  SCRIPT_NAME: text,
  SCRIPT_FILENAME: `proxy:fcgi://127.0.0.1:9000${escaped(text)}`,
}))

const apacheFront = apache((text) => ({
  SCRIPT_NAME: '/app.cgi',
  SCRIPT_FILENAME: '/srv/app.cgi',
  REDIRECT_STATUS: '200',
  REDIRECT_URL: text,
}))

const apacheFrontInfo = apache((text) => ({
  SCRIPT_NAME: '/app.cgi',
  PATH_INFO: text,
  SCRIPT_FILENAME: '/srv/app.cgi',
  REDIRECT_STATUS: '200',
  REDIRECT_URL: text,
}))

/** Access rules see the resolved path; the app gets the path as sent. */
const caddy: ServerModel = (target, denied) => {
  const { path, query } = partsOf(target)
  const text = decoded(path)
  if (text === null) return null
  // A path above the root becomes the root.
  const segments = resolved(withoutDots(text.replace(/\/{2,}/g, '/'))) as readonly string[]
  if (isBelow(segments, denied)) return null
  const own = { SERVER_SOFTWARE: 'Caddy/2.6.2', SCRIPT_NAME: '', DOCUMENT_URI: '', PATH_INFO: text }
  const uri = target.replaceAll('#', '%23')
  return { segments, env: { ...base, ...own, REQUEST_URI: uri, QUERY_STRING: query } }
}

/** Removes dot segments, and does not merge slashes. */
const h2o: ServerModel = (target, denied) => {
  const { path, query } = partsOf(target)
  const text = decoded(path)
  if (text === null) return null
  const clean = withoutDots(text)
  if (`${clean}/`.startsWith(`${denied}/`)) return null
  const env = { ...base, SERVER_SOFTWARE: 'h2o/2.2.5', SCRIPT_NAME: '', PATH_INFO: clean }
  return {
    segments: clean.split('/').filter(Boolean),
    env: { ...env, REQUEST_URI: target, QUERY_STRING: query },
  }
}

/** Resolves nothing; `path,url_dec` in its rule. */
const haproxy: ServerModel = (target, denied) => {
  if (target.includes('#')) return null
  const { path, query } = partsOf(target)
  const text = decoded(path)
  if (text === null || text.startsWith(denied)) return null
  const segments = resolved(text)
  const env = {
    ...base,
    SERVER_SOFTWARE: 'HAProxy 2.6.12',
    SCRIPT_NAME: text,
    SCRIPT_FILENAME: `/srv${text}`,
  }
  return { segments: segments ?? [], env: { ...env, REQUEST_URI: target, QUERY_STRING: query } }
}

/** Relays and clients that set only REQUEST_URI; our own HTTP server is one of them. */
const relay: ServerModel = (target) => {
  const { path, query } = partsOf(target)
  const text = decoded(path)
  const segments = text === null ? null : resolved(text)
  if (segments === null) return null
  return { segments, env: { ...base, REQUEST_URI: target, QUERY_STRING: query } }
}

export const servers: Readonly<Record<string, ServerModel>> = {
  nginx,
  nginxFront,
  lighttpd,
  apacheProxy,
  apacheFront,
  apacheFrontInfo,
  caddy,
  h2o,
  haproxy,
  relay,
}

/** Keeps only requests below /app, and puts their path into the variables of an app mounted there. */
const cut = (model: ServerModel, variables: (rest: string) => Record<string, string>): ServerModel => {
  return (target, denied) => {
    const found = model(target, denied)
    const text = found && (found.env.PATH_INFO || found.env.SCRIPT_NAME || '')
    if (!found || !text || !`${text}/`.startsWith('/app/')) return null
    return { ...found, env: { ...found.env, ...variables(text.slice('/app'.length)) } }
  }
}

const split = (rest: string) => ({ SCRIPT_NAME: '/app', ...(rest === '' ? {} : { PATH_INFO: rest }) })

/** The same servers, with an app mounted at /app. */
export const mountedServers: Readonly<Record<string, ServerModel>> = {
  'nginx, fastcgi_split_path_info': cut(nginx, (rest) => ({
    SCRIPT_NAME: '/app',
    PATH_INFO: rest,
    DOCUMENT_URI: `/app${rest}`,
  })),
  'lighttpd, "/app"': cut(lighttpd, (rest) => ({ SCRIPT_NAME: '/app', PATH_INFO: rest })),
  'Apache, ScriptAlias': cut(apacheProxy, (rest) => ({ ...split(rest), SCRIPT_FILENAME: '/srv/app' })),
  'Apache, ProxyPass': cut(apacheProxy, (rest) => ({
    SCRIPT_FILENAME: `proxy:fcgi://127.0.0.1:9000${escaped(rest)}`,
  })),
  'Caddy, handle_path': cut(caddy, (rest) => ({ PATH_INFO: rest })),
  'h2o, setenv': cut(h2o, () => ({ SCRIPT_NAME: '/app' })),
  'HAProxy, path-info': cut(haproxy, split),
}
