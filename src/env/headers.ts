import type { Env, HeaderList } from '../core/exchange.js'
import { requestHost } from './authority.js'
import { Environment, joinValues } from './environment.js'
import { isRepairOn } from './repairs.js'
import { serverOf } from './server.js'
import { isDigits, isToken } from './text.js'

/**
 * The length of the request body according to CONTENT_LENGTH: null if it is unknown and a body may follow, 0
 * if there is no body.
 *
 * RFC 3875 section 4.1.2: "The server MUST set this meta-variable if and only if the request is
 * accompanied by a message-body entity." No server does exactly that.
 */
export function contentLengthOf(env: Env): number | null {
  const length = announcedLength(env)
  if (length === 0 || env.get('REDIRECT_REQUEST_METHOD') === undefined) return length
  // The body belonged to the request before the redirect.
  return isRepairOn('error-document-body') ? 0 : length
}

function announcedLength(env: Env): number | null {
  const text = env.get('CONTENT_LENGTH') ?? ''
  if (text !== '') return numberOf(text)
  if (env.get('CONTENT_LENGTH') === '' && !isRepairOn('empty-content-variables')) return null
  // Apache passes chunked uploads on without a length; nginx without request buffering sends ''.
  if (env.get('HTTP_TRANSFER_ENCODING') && isRepairOn('length-unknown')) return null
  return mayHaveBody(env) || isUnknownToGo(env) ? null : 0
}

/** Null for text that is not a number or too large to be exact: Caddy sends -1 for an unknown length. */
function numberOf(text: string): number | null {
  if (isDigits(text) && Number(text) <= Number.MAX_SAFE_INTEGER) return Number(text)
  return text.startsWith('-') && !isRepairOn('caddy-minus-one') ? 0 : null
}

/** Go indicates neither a body of unknown length nor HTTP/2. */
function isUnknownToGo(env: Env): boolean {
  if (!serverOf(env).hidesUnknownLength || env.get('HTTP_CONTENT_LENGTH') !== undefined) return false
  if (!isRepairOn('go-unknown-length')) return false
  const method = env.get('REQUEST_METHOD')
  return method === 'POST' || method === 'PUT' || method === 'PATCH'
}

/** HTTP/2 and later need neither a length nor a transfer coding for a body. */
function mayHaveBody(env: Env): boolean {
  const protocol = env.get('SERVER_PROTOCOL')
  if (protocol === undefined || !(protocol.startsWith('HTTP/2') || protocol.startsWith('HTTP/3')))
    return false
  const method = env.get('REQUEST_METHOD')
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS' && method !== 'TRACE'
}

/** CONTENT_TYPE; undefined when there is none. */
export function contentTypeOf(env: Env): string | undefined {
  const type = env.get('CONTENT_TYPE')
  if (type === '' && isRepairOn('empty-content-variables')) return undefined
  return type === undefined || isInventedType(env) ? undefined : type
}

/**
 * Caddy adds a form's Content-Type to every method but GET and HEAD; a type that the client sent also appears
 * as HTTP_CONTENT_TYPE.
 */
function isInventedType(env: Env): boolean {
  return (
    env.get('CONTENT_TYPE') === 'application/x-www-form-urlencoded' &&
    serverOf(env).inventsContentType &&
    env.get('HTTP_CONTENT_TYPE') === undefined &&
    isRepairOn('caddy-invented-type')
  )
}

/** The Authorization header, from any variable in which servers or configurations pass it. */
function authorizationOf(env: Env): string | undefined {
  const value = env.get('HTTP_AUTHORIZATION')
  if (value || !isRepairOn('redirect-authorization')) return value || undefined
  // Apache adds a REDIRECT_ prefix at each internal redirect.
  return (
    env.get('REDIRECT_HTTP_AUTHORIZATION') ||
    env.get('REDIRECT_REDIRECT_HTTP_AUTHORIZATION') ||
    env.get('REDIRECT_REDIRECT_REDIRECT_HTTP_AUTHORIZATION') ||
    env.get('Authorization') ||
    undefined
  )
}

/**
 * Content-Length as a header. Omitted for a length of 0 with GET and HEAD: lighttpd, mod_fcgid, Caddy and
 * SCGI send 0 for requests without a body, and body parsers would expect one.
 */
function lengthHeader(env: Env, bodyLength: number | null): string | undefined {
  if (bodyLength === null) return undefined
  if (bodyLength > 0) return String(bodyLength)
  const method = env.get('REQUEST_METHOD')
  const isInvented = method === 'GET' || method === 'HEAD' || env.get('HTTP_TRANSFER_ENCODING')
  if (isInvented && isRepairOn('invented-zero')) return undefined
  return isDigits(env.get('CONTENT_LENGTH') ?? '') ? '0' : undefined
}

/**
 * Variable name -> header name, '' for variables that are not headers. Holds only unambiguous names
 * (capitals, digits, `_`), and a limited number, since clients choose the names.
 */
const headerNames = new Map<string, string>()
const maxKnownNames = 500

/** Variables that look like header fields of the request but are not. */
const never = new Set([
  // httpoxy, CVE-2016-5385: a client could choose the proxy for our own requests. repair: httpoxy
  'HTTP_PROXY',
  // The server has checked CONTENT_LENGTH and CONTENT_TYPE; these duplicates may come from the client's
  // `Content_Length`. repair: content-doubles
  'HTTP_CONTENT_LENGTH',
  'HTTP_CONTENT_TYPE',
  // "As transfer-codings are not supported on the request-body, the server MUST remove any such codings"
  // (RFC 3875 section 4.2). repair: decoded-transfer-encoding
  'HTTP_TRANSFER_ENCODING',
  // The headers of these come first in the list, by separate rules.
  'HTTP_HOST',
  'HTTP_AUTHORIZATION',
])

/** The header name of a variable; '' if it is not a header. */
function headerName(variable: string): string {
  const name = variable.slice(5).toLowerCase().replaceAll('_', '-')
  const header = never.has(variable) || !isToken(name) ? '' : name
  if (headerNames.size < maxKnownNames && isPlain(variable)) headerNames.set(variable, header)
  return header
}

/** Capitals, digits and `_` only, so that no other such name maps to the same header. */
function isPlain(variable: string): boolean {
  for (let i = 5; i < variable.length; i++) {
    const code = variable.charCodeAt(i)
    if (!(code >= 65 && code <= 90) && !(code >= 48 && code <= 57) && code !== 95) return false
  }
  return true
}

/**
 * The header fields of the request: lower-case names, each once. Host, Authorization, Content-Type and
 * Content-Length come first, the others in the order of the environment.
 */
export function headerList(env: Env, bodyLength: number | null): HeaderList {
  const out: string[] = []
  add(out, 'host', requestHost(env))
  add(out, 'authorization', authorizationOf(env))
  add(out, 'content-type', contentTypeOf(env))
  add(out, 'content-length', lengthHeader(env, bodyLength))
  const list = env.list
  const first = out.length
  let isOnce = env instanceof Environment && !env.hasRepeats
  for (let i = 0; i + 1 < list.length; i += 2) {
    const variable = list[i] as string
    if (variable.charCodeAt(0) !== 72 || !variable.startsWith('HTTP_')) continue
    let name = headerNames.get(variable)
    if (name === undefined) {
      name = headerName(variable)
      if (isOnce) isOnce = isPlain(variable)
    }
    if (name === '') continue
    const value = trimmed(list[i + 1] as string)
    if (value === '' && isInventedEmpty(name, env)) continue
    out.push(name, name === 'cookie' ? spacedCookies(value, env) : value)
  }
  return isOnce ? out : joined(out, first)
}

/** Each name once, at its first position. */
function joined(fields: readonly string[], first: number): HeaderList {
  const out = fields.slice(0, first)
  const places = new Map<string, number>()
  for (let i = first; i < fields.length; i += 2) {
    const name = fields[i] as string
    const value = fields[i + 1] as string
    const place = places.get(name)
    if (place === undefined) {
      places.set(name, out.length)
      out.push(name, value)
    } else {
      out[place + 1] = joinValues(
        name === 'cookie' ? 'HTTP_COOKIE' : 'HTTP_',
        out[place + 1] as string,
        value,
      )
    }
  }
  return out
}

/** h2o joins the cookies of HTTP/2 with ";" and no space. */
function spacedCookies(value: string, env: Env): string {
  if (!serverOf(env).joinsCookiesBare || !isRepairOn('h2o-cookie-crumbs')) return value
  return value.replace(/;(?! )/g, '; ')
}

/**
 * nginx and h2o keep trailing whitespace. "A field value does not include leading or trailing whitespace"
 * (RFC 9110 section 5.5).
 */
function trimmed(value: string): string {
  let end = value.length
  while (end > 0 && isBlank(value.charCodeAt(end - 1))) end--
  return end === value.length || !isRepairOn('trailing-blanks') ? value : value.slice(0, end)
}

/** Space or tab. */
function isBlank(code: number): boolean {
  return code === 32 || code === 9
}

/** Go sends an empty User-Agent if the client sent none. */
function isInventedEmpty(name: string, env: Env): boolean {
  return name === 'user-agent' && serverOf(env).inventsUserAgent && isRepairOn('caddy-empty-user-agent')
}

function add(out: string[], name: string, value: string | undefined): void {
  if (value !== undefined) out.push(name, value)
}
