import type { HeaderList } from '../core/exchange.js'
import { bracketed, hostOf, isAuthority } from './authority.js'
import { joinValues } from './environment.js'
import { parseTarget } from './target.js'
import { isAlnum, percentDecode } from './text.js'

/** What an HTTP server knows about a request. Strings are Latin-1, one character per byte. */
export interface HttpFacts {
  readonly method: string
  /** The request target as received. */
  readonly target: string
  /** `1.1`, `2.0` */
  readonly httpVersion: string
  /** Header fields as received: names in any case, repeats kept. */
  readonly headers: HeaderList
  readonly scheme: 'http' | 'https'
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly serverAddress?: string | undefined
  readonly serverPort?: number | undefined
  /** SERVER_SOFTWARE; `cgiup` when absent. */
  readonly software?: string | undefined
}

/**
 * The meta-variables of an HTTP request whose app is mounted at the root, as a flat list for
 * `new Environment()`: SCRIPT_NAME is empty, and PATH_INFO is the whole path, decoded once.
 *
 * Header fields that could be mistaken for others are dropped: names with characters other than letters,
 * digits and "-" (`X_Forwarded_For` would become HTTP_X_FORWARDED_FOR), and Proxy (httpoxy).
 */
export function buildEnv(facts: HttpFacts): string[] {
  const { form, path, query, authority } = parseTarget(facts.target, facts.method)
  const fields = headerVariables(facts.headers)
  if (form === 'absolute') fields.set('HTTP_HOST', authority)
  const port = facts.serverPort ?? (facts.scheme === 'https' ? 443 : 80)
  const env = [
    // "MUST be set to the dialect of CGI being used" (RFC 3875 section 4.1.4)
    'GATEWAY_INTERFACE',
    'CGI/1.1',
    'SERVER_SOFTWARE',
    facts.software ?? 'cgiup',
    'SERVER_NAME',
    serverNameFor(fields.get('HTTP_HOST'), facts.serverAddress),
    'SERVER_PORT',
    String(port),
    'SERVER_PROTOCOL',
    `HTTP/${facts.httpVersion}`,
    // "is case-sensitive" (RFC 3875 section 4.1.12)
    'REQUEST_METHOD',
    facts.method,
    'REQUEST_URI',
    facts.target,
    'REQUEST_SCHEME',
    facts.scheme,
    'SCRIPT_NAME',
    '',
    'PATH_INFO',
    form === 'origin' || form === 'absolute' ? percentDecode(path) : '',
    // "The server MUST set this variable; if the Script-URI does not include a query component, the
    // QUERY_STRING MUST be defined as an empty string" (RFC 3875 section 4.1.7)
    'QUERY_STRING',
    query ?? '',
  ]
  if (facts.scheme === 'https') env.push('HTTPS', 'on')
  if (facts.serverAddress) env.push('SERVER_ADDR', plainAddress(facts.serverAddress))
  // "MUST be set" (RFC 3875 section 4.1.8); a Unix socket has no address.
  const remote = plainAddress(facts.remoteAddress ?? '')
  env.push('REMOTE_ADDR', remote, 'REMOTE_HOST', remote)
  if (facts.remotePort !== undefined) env.push('REMOTE_PORT', String(facts.remotePort))
  for (const [name, value] of fields) env.push(name, value)
  return env
}

function headerVariables(headers: HeaderList): Map<string, string> {
  const fields = new Map<string, string>()
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = variableOf(headers[i] as string)
    if (name === '') continue
    const value = headers[i + 1] as string
    const earlier = fields.get(name)
    fields.set(name, earlier === undefined ? value : joinValues(name, earlier, value))
  }
  return fields
}

/** The variable for a header field; '' if the field is dropped. */
export function variableOf(header: string): string {
  for (let i = 0; i < header.length; i++) {
    const code = header.charCodeAt(i)
    if (!isAlnum(code) && code !== 45) return ''
  }
  const name = header.toUpperCase().replaceAll('-', '_')
  if (name === 'CONTENT_TYPE' || name === 'CONTENT_LENGTH') return name
  return name === '' || name === 'PROXY' ? '' : `HTTP_${name}`
}

/**
 * RFC 3875 section 4.1.14: the name of the server host to which the request is directed, without a port; an
 * IPv6 address is in brackets.
 */
function serverNameFor(host: string | undefined, serverAddress: string | undefined): string {
  if (host !== undefined && isAuthority(host)) return hostOf(host)
  return bracketed(plainAddress(serverAddress ?? '')) || 'localhost'
}

/** An IPv4 address that arrived on an IPv6 socket (`::ffff:…`), in IPv4 form. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
