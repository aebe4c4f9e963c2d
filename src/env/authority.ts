import type { Env } from '../core/exchange.js'
import { isRepairOn } from './repairs.js'
import { serverOf } from './server.js'
import { byteSet, hexValue, isDigits } from './text.js'

/** Length of the host in `host[:port]`, brackets of an IPv6 address included; -1 if the text is malformed. */
function hostLength(authority: string): number {
  if (authority.charCodeAt(0) === 91) {
    const end = authority.indexOf(']') + 1
    return end > 0 && (end === authority.length || authority.charCodeAt(end) === 58) ? end : -1
  }
  const colon = authority.indexOf(':')
  return colon < 0 ? authority.length : colon
}

/** The host of `host[:port]`. */
export function hostOf(authority: string): string {
  const end = hostLength(authority)
  return end < 0 ? authority : authority.slice(0, end)
}

/** The port of `host[:port]`, as text; '' when there is none. */
export function portOf(authority: string): string {
  const end = hostLength(authority)
  return end < 0 ? '' : authority.slice(end + 1)
}

let lastValid = ''

/**
 * Whether `host[:port]` can appear in a URL: RFC 3986 section 3.2 without userinfo and escapes, and without
 * hosts that WHATWG's parser rejects (a number that is not an address).
 */
export function isAuthority(authority: string): boolean {
  // Most requests name one of a few hosts.
  if (authority === lastValid) return authority !== ''
  const end = hostLength(authority)
  if (end <= 0) return false
  const port = authority.slice(end + 1)
  if (port !== '' && !(isDigits(port) && Number(port) <= 65535)) return false
  const host = authority.slice(0, end)
  if (!(host.charCodeAt(0) === 91 ? isIPv6(host.slice(1, -1)) : isName(host))) return false
  lastValid = authority
  return true
}

// RFC 3986 section 3.2.2: reg-name = *( unreserved / pct-encoded / sub-delims ).
const nameBytes = byteSet("-._~!$&'()*+,;=")

function isName(host: string): boolean {
  for (let i = 0; i < host.length; i++) {
    if (nameBytes[host.charCodeAt(i)] !== 1) return false
  }
  const bare = host.endsWith('.') ? host.slice(0, -1) : host
  const last = bare.slice(bare.lastIndexOf('.') + 1)
  return bare !== '' && (endsInNumber(last) ? isIPv4(bare) : true)
}

/** WHATWG URL, "ends in a number": such a host must be an IPv4 address. */
function endsInNumber(label: string): boolean {
  return isDigits(label) || /^0x[0-9a-f]*$/i.test(label)
}

function isIPv4(host: string): boolean {
  const parts = host.split('.')
  return (
    parts.length === 4 && parts.every((part) => isDigits(part) && part.length <= 3 && Number(part) <= 255)
  )
}

function isIPv6(address: string): boolean {
  const halves = address.split('::')
  if (halves.length > 2) return false
  let groups = 0
  for (const half of halves) {
    if (half === '') continue
    const parts = half.split(':')
    for (const [i, part] of parts.entries()) {
      if (part.includes('.') && half === halves.at(-1) && i === parts.length - 1 && isIPv4(part)) groups += 2
      else if (isHexGroup(part)) groups += 1
      else return false
    }
  }
  return halves.length === 2 ? groups < 8 : groups === 8
}

function isHexGroup(part: string): boolean {
  if (part === '' || part.length > 4) return false
  for (let i = 0; i < part.length; i++) if (hexValue(part.charCodeAt(i)) < 0) return false
  return true
}

/**
 * An address as written in a URL: IPv6 in brackets, which RFC 3875 section 4.1.14 also requires in
 * SERVER_NAME.
 */
export function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}

/** An address as sockets use it: without brackets. */
export function unbracketed(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
}

/**
 * `host[:port]` of the request: from the target (RFC 9112 section 3.2.2: it replaces Host), else from Host,
 * else from SERVER_NAME and SERVER_PORT. Values that a URL cannot contain are ignored.
 */
export function effectiveAuthority(target: string, env: Env, scheme: string): string {
  if (target !== '' && isAuthority(target)) return target
  const host = requestHost(env)
  if (host !== undefined && isAuthority(host)) {
    return isPortMissing(host, env) ? `${hostOf(host)}:${env.get('SERVER_PORT')}` : host
  }
  return serverAuthority(env, scheme)
}

/** The Host header; undefined when there is none. */
export function requestHost(env: Env): string | undefined {
  const host = env.get('HTTP_HOST')
  if (host !== 'default' || env.get('SERVER_NAME') !== 'default') return host
  // h2o sends `default` if the client sent no Host.
  return isRepairOn('h2o-default-host') ? undefined : host
}

function serverAuthority(env: Env, scheme: string): string {
  const name = bracketed(serverName(env))
  const host = isAuthority(name) ? name : bracketed(unbracketed(env.get('SERVER_ADDR') ?? ''))
  const port = env.get('SERVER_PORT') ?? ''
  const known = isAuthority(host) ? hostOf(host) : 'localhost'
  if (!isDigits(port) || Number(port) > 65535 || port === (scheme === 'https' ? '443' : '80')) return known
  return `${known}:${port}`
}

/** SERVER_NAME without a port. */
export function serverName(env: Env): string {
  const name = env.get('SERVER_NAME') ?? ''
  return isAuthority(name) ? hostOf(name) : name
}

/**
 * Debian's fastcgi_params and scgi_params end in `HTTP_HOST $host`, which has no port. If the server listens
 * on a port other than 80 and 443, the client must have sent one. nginx 1.30 and later has
 * `$is_request_port`: there, a host without a port was sent without one.
 */
function isPortMissing(host: string, env: Env): boolean {
  if (!serverOf(env).dropsHostPort || !isRepairOn('nginx-host-port')) return false
  const port = env.get('SERVER_PORT') ?? ''
  if (port === '80' || port === '443' || !isDigits(port) || Number(port) > 65535) return false
  return hostLength(host) === host.length && isStockHost(env.list)
}

/** Whether HTTP_HOST is at its position in those two files, not where the Host header itself would be. */
function isStockHost(list: readonly string[]): boolean {
  for (let i = 2; i < list.length; i += 2) {
    if (list[i] !== 'HTTP_HOST') continue
    return list[i - 2] === 'REDIRECT_STATUS' || list[i - 2] === 'SERVER_NAME'
  }
  return false
}
