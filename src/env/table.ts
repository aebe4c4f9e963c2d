/**
 * Every meta-variable: those that RFC 3875 defines and those that servers send besides. The script
 * environment, the lint, the tests and docs/environment.md use this data.
 */
export interface MetaVariable {
  /** A trailing `*` matches any ending. */
  readonly name: string
  /** Section that defines it; a number alone means RFC 3875. */
  readonly clause: string
  /** What the defining text requires of the server. */
  readonly level: 'must' | 'should' | 'may'
  /** Which servers send it, in words. */
  readonly sent: string
  /** How repeats are handled: the last one wins, or they are joined. */
  readonly repeats: 'last' | ', ' | '; '
  /** What the request object derives from it; '' if only the variable itself is available. */
  readonly request: string
  /**
   * What happens to it for a script under the local host: computed by the host; passed on from the request;
   * withheld unless requested; dropped.
   */
  readonly script: 'computed' | 'passed' | 'withheld' | 'dropped'
}

type Row = readonly [
  name: string,
  clause: string,
  level: MetaVariable['level'],
  sent: string,
  request: string,
  script: MetaVariable['script'],
]

/** RFC 3875 section 4.1. */
const standard: readonly Row[] = [
  ['AUTH_TYPE', '4.1.1', 'must', 'with server-side authentication; never by nginx', '', 'passed'],
  [
    'CONTENT_LENGTH',
    '4.1.2',
    'must',
    'all; some send "0", "" or "-1"',
    'contentLength, content-length',
    'computed',
  ],
  [
    'CONTENT_TYPE',
    '4.1.3',
    'must',
    'all; "" from nginx, invented by Caddy',
    'contentType, content-type',
    'passed',
  ],
  ['GATEWAY_INTERFACE', '4.1.4', 'must', 'all but h2o; not by Apache and nginx over SCGI', '', 'computed'],
  [
    'PATH_INFO',
    '4.1.5',
    'should',
    'all, decoded; absent behind nginx and ProxyPass',
    'mount and rest',
    'computed',
  ],
  ['PATH_TRANSLATED', '4.1.6', 'should', 'Apache, lighttpd, Caddy', '', 'computed'],
  [
    'QUERY_STRING',
    '4.1.7',
    'must',
    'all; lighttpd rewrites its escapes',
    'query, without REQUEST_URI',
    'computed',
  ],
  ['REMOTE_ADDR', '4.1.8', 'must', 'all', 'remoteAddress', 'passed'],
  ['REMOTE_HOST', '4.1.9', 'should', 'Go and Caddy, the address', '', 'passed'],
  ['REMOTE_IDENT', '4.1.10', 'may', 'Caddy, empty', '', 'dropped'],
  ['REMOTE_USER', '4.1.11', 'must', 'with authentication; nginx also without', 'user', 'passed'],
  ['REQUEST_METHOD', '4.1.12', 'must', 'all', 'method', 'passed'],
  ['SCRIPT_NAME', '4.1.13', 'must', 'all but nginx over SCGI; often not the mount path', 'mount', 'computed'],
  ['SERVER_NAME', '4.1.14', 'must', 'Host, or a configured name', 'serverName; authority', 'passed'],
  ['SERVER_PORT', '4.1.15', 'must', 'the real port, or that of Host', 'serverPort; authority', 'passed'],
  ['SERVER_PROTOCOL', '4.1.16', 'must', 'all', 'protocol', 'passed'],
  ['SERVER_SOFTWARE', '4.1.17', 'must', 'all but nginx over SCGI', 'how the server is treated', 'passed'],
  ['HTTP_*', '4.1.18', 'should', 'all', 'the header of that name', 'passed'],
]

/** Request headers with special rules. */
const headers: readonly Row[] = [
  ['HTTP_AUTHORIZATION', '4.1.18', 'may', 'all but Apache', 'authorization', 'withheld'],
  ['HTTP_CONNECTION', '4.1.18', 'may', 'all but Caddy', 'connection', 'dropped'],
  [
    'HTTP_CONTENT_LENGTH',
    '4.1.18',
    'may',
    'nginx, lighttpd, Caddy, Go, besides CONTENT_LENGTH',
    '',
    'dropped',
  ],
  ['HTTP_CONTENT_TYPE', '4.1.18', 'may', 'nginx, lighttpd, Caddy, Go, besides CONTENT_TYPE', '', 'dropped'],
  ['HTTP_COOKIE', '4.1.18', 'should', 'all', 'cookie', 'passed'],
  ['HTTP_HOST', '4.1.18', 'should', 'all; Debian nginx without the port', 'host; authority', 'passed'],
  ['HTTP_KEEP_ALIVE', '4.1.18', 'may', 'all but Caddy', 'keep-alive', 'dropped'],
  ['HTTP_PROXY', 'CVE-2016-5385', 'may', 'nginx, Caddy, h2o: a request header', '', 'dropped'],
  ['HTTP_PROXY_AUTHORIZATION', '4.1.18', 'may', 'all but Apache', 'proxy-authorization', 'withheld'],
  ['HTTP_PROXY_CONNECTION', '4.1.18', 'may', 'all', 'proxy-connection', 'dropped'],
  ['HTTP_TE', '4.1.18', 'may', 'all but Caddy', 'te', 'dropped'],
  ['HTTP_TRAILER', '4.1.18', 'may', 'all but Caddy', 'trailer', 'dropped'],
  ['HTTP_TRANSFER_ENCODING', '4.2', 'may', 'Apache and nginx', 'contentLength is unknown', 'dropped'],
  ['HTTP_UPGRADE', '4.1.18', 'may', 'most', 'upgrade', 'dropped'],
]

/** Variables that no RFC defines but servers send. */
const deFacto: readonly Row[] = [
  ['REQUEST_URI', 'de facto', 'may', 'all but Python and IIS', 'target, and so path and query', 'passed'],
  ['REQUEST_SCHEME', 'de facto', 'may', 'Apache, lighttpd, nginx, Caddy', 'scheme', 'passed'],
  ['HTTPS', 'de facto', 'may', 'all, over TLS; IIS: off', 'scheme', 'passed'],
  [
    'DOCUMENT_ROOT',
    'de facto',
    'may',
    'Apache, lighttpd, nginx, Caddy',
    'mount, behind ProxyPass',
    'computed',
  ],
  ['DOCUMENT_URI', 'de facto', 'may', 'nginx, Caddy', 'path, if no other variable has it', 'dropped'],
  [
    'SCRIPT_FILENAME',
    'de facto',
    'may',
    'all but h2o; Apache: proxy:fcgi://',
    'scriptFilename; mount',
    'computed',
  ],
  ['SCRIPT_URI', 'de facto', 'may', 'Apache mod_rewrite', '', 'dropped'],
  ['SCRIPT_URL', 'de facto', 'may', 'Apache mod_rewrite', '', 'dropped'],
  ['SERVER_ADDR', 'de facto', 'may', 'Apache, lighttpd, nginx, h2o', 'serverAddress', 'passed'],
  ['SERVER_ADMIN', 'de facto', 'may', 'Apache', '', 'passed'],
  ['SERVER_SIGNATURE', 'de facto', 'may', 'Apache', '', 'dropped'],
  ['REMOTE_PORT', 'de facto', 'may', 'all but Python', 'remotePort', 'passed'],
  [
    'CONTEXT_PREFIX',
    'de facto',
    'may',
    'Apache: prefix of Alias or ScriptAlias',
    'mount, behind ProxyPass',
    'dropped',
  ],
  ['CONTEXT_DOCUMENT_ROOT', 'de facto', 'may', 'Apache: directory of that alias', '', 'dropped'],
  ['UNIQUE_ID', 'de facto', 'may', 'Apache mod_unique_id', '', 'passed'],
  [
    'REDIRECT_STATUS',
    'de facto',
    'may',
    'Apache after an internal redirect; nginx, lighttpd: 200',
    '',
    'computed',
  ],
  ['REDIRECT_URL', 'de facto', 'may', 'Apache: the path before the redirect, decoded', '', 'dropped'],
  ['REDIRECT_URI', 'de facto', 'may', 'lighttpd: the target, normalised', '', 'dropped'],
  ['REDIRECT_QUERY_STRING', 'de facto', 'may', 'Apache: the query before the redirect', '', 'dropped'],
  [
    'REDIRECT_REQUEST_METHOD',
    'de facto',
    'may',
    'Apache: the method before ErrorDocument',
    'contentLength: no body',
    'dropped',
  ],
  [
    'REDIRECT_HTTP_AUTHORIZATION',
    'de facto',
    'may',
    'Apache with RewriteRule E=',
    'authorization',
    'withheld',
  ],
  ['REDIRECT_REMOTE_USER', 'de facto', 'may', 'Apache after an internal redirect', 'user', 'passed'],
  ['REDIRECT_HTTPS', 'de facto', 'may', 'Apache after an internal redirect', 'scheme', 'passed'],
  ['REDIRECT_*', 'de facto', 'may', 'Apache: variables from before the redirect', '', 'dropped'],
  ['SSL_*', 'de facto', 'may', 'Apache mod_ssl, lighttpd, Caddy: TLS and client certificate', '', 'passed'],
  ['HTTP2', 'de facto', 'may', 'Apache mod_http2: on', '', 'dropped'],
  ['H2PUSH', 'de facto', 'may', 'Apache mod_http2', '', 'dropped'],
  ['H2_*', 'de facto', 'may', 'Apache mod_http2: stream and push', '', 'dropped'],
  ['Authorization', 'de facto', 'may', 'Apache with SetEnvIf', 'authorization', 'withheld'],
  ['FCGI_ROLE', 'FastCGI 6', 'may', 'fcgiwrap (libfcgi)', 'mount, behind nginx', 'dropped'],
  ['FCGI_WEB_SERVER_ADDRS', 'FastCGI 3.2', 'may', 'whatever starts the process', '', 'dropped'],
  ['FCGI_DATA_LENGTH', 'FastCGI 6.4', 'may', 'filter role', '', 'dropped'],
  ['FCGI_DATA_LAST_MOD', 'FastCGI 6.4', 'may', 'filter role', '', 'dropped'],
  ['SCGI', 'SCGI', 'must', 'all, over SCGI: 1', '', 'dropped'],
  ['PHP_FCGI_CHILDREN', 'de facto', 'may', 'lighttpd, to processes it starts', '', 'dropped'],
  ['GATEWAY_*', 'de facto', 'may', 'configuration', '', 'dropped'],
  ['proxy-nokeepalive', 'de facto', 'may', 'Apache SetHandler proxy:fcgi', '', 'dropped'],
  ['AUTH_USER', 'de facto', 'may', 'IIS: as REMOTE_USER', '', 'dropped'],
  ['AUTH_PASSWORD', 'de facto', 'may', 'IIS', '', 'dropped'],
  ['PATH', 'process', 'may', 'CGI of Apache and Go; fcgiwrap', '', 'dropped'],
  ['TZ', 'process', 'may', 'CGI of Apache', '', 'dropped'],
]

function repeatsOf(name: string): MetaVariable['repeats'] {
  if (name === 'HTTP_COOKIE') return '; '
  return name.startsWith('HTTP_') ? ', ' : 'last'
}

export const metaVariables: readonly MetaVariable[] = [...standard, ...headers, ...deFacto].map(
  ([name, clause, level, sent, request, script]) => ({
    name,
    clause,
    level,
    sent,
    repeats: repeatsOf(name),
    request,
    script,
  }),
)

const exact = new Map(metaVariables.map((row) => [row.name, row]))
const prefixes = metaVariables.filter((row) => row.name.endsWith('*'))

/** The row of a variable: an exact match, else its prefix; undefined for an unknown variable. */
export function metaVariable(name: string): MetaVariable | undefined {
  return exact.get(name) ?? prefixes.find((row) => name.startsWith(row.name.slice(0, -1)))
}
