/**
 * The repairs of the translator: what servers do to the meta-variables, and what an app gets instead.
 * docs/environment.md lists this data, CGIUP_REPAIRS is checked against it, tests iterate over it.
 */
import type { OptionalRepair, RepairName, SecurityRepair } from './repairs.js'

interface Row {
  /** Servers on which this was observed. */
  readonly servers: string
  /** The evidence: a recording in test/fixtures/captures, a test with the real server, or a document. */
  readonly source: string
  /** What arrives. */
  readonly seen: string
  /** What an app gets. */
  readonly done: string
}

export interface Repair extends Row {
  readonly name: RepairName
  /** What could happen without it; such a repair cannot be switched off. Null if it can be. */
  readonly security: string | null
}

const optional: Readonly<Record<OptionalRepair, Row>> = {
  'lighttpd-query-rewritten': {
    servers: 'lighttpd',
    source: 'recording lighttpd-fcgi-root',
    seen: 'the escapes in QUERY_STRING differ from those in the query that was sent',
    done: 'the query is that of REQUEST_URI, which also distinguishes an empty query from none',
  },
  'fragment-in-target': {
    servers: 'nginx, lighttpd',
    source: 'recording nginx-fcgi-split-app',
    seen: 'REQUEST_URI contains a "#"; SCRIPT_NAME and PATH_INFO end before it',
    done: 'the path keeps the "#"; it is ignored when the mount path is determined',
  },
  'rewritten-script-name': {
    servers: 'Apache with .htaccess, Action, FallbackResource or DirectoryIndex; try_files, php_fastcgi',
    source: 'recording apache-cgid-event-rewrite-subdir',
    seen: 'SCRIPT_NAME is the script file, which the client never requested',
    done: 'the mount path is what precedes PATH_INFO; without PATH_INFO, the directory of that file',
  },
  'nginx-whole-path': {
    servers: 'nginx without fastcgi_split_path_info',
    source: 'recording nginx-fcgi-params-root',
    seen: 'SCRIPT_NAME is the whole path and there is no PATH_INFO',
    done: 'the mount path is the root',
  },
  'haproxy-whole-path': {
    servers: 'HAProxy if no path-info matches',
    source: 'test/servers/haproxy.test.ts',
    seen: 'SCRIPT_NAME is the whole path, plus the index if the path ends in a slash, and there is no PATH_INFO',
    done: 'the mount path is the root',
  },
  'haproxy-request-uri': {
    servers: 'HAProxy',
    source: 'test/servers/haproxy.test.ts',
    seen: 'set-path and replace-path change REQUEST_URI itself, and SCRIPT_NAME is derived from it by separate rules',
    done: 'REQUEST_URI is the path that is served',
  },
  'h2o-whole-path': {
    servers: 'h2o',
    source: 'test/servers/h2o.test.ts',
    seen: 'PATH_INFO is the whole path, and SCRIPT_NAME is empty, or sent twice: empty, then the value from setenv',
    done: 'the SCRIPT_NAME from setenv is the mount path; without setenv it is the root',
  },
  'h2o-absolute-path-info': {
    servers: 'h2o',
    source: 'test/servers/targets-matrix.test.ts',
    seen: 'an absolute-form target is the whole PATH_INFO',
    done: 'the target is that of REQUEST_URI',
  },
  'caddy-stripped-path': {
    servers: 'Caddy with handle_path',
    source: 'test/servers/caddy.test.ts',
    seen: 'SCRIPT_NAME, PATH_INFO and DOCUMENT_URI empty: the whole path was cut off',
    done: 'the mount path is the whole path',
  },
  'apache-proxy-script-filename': {
    servers: 'Apache mod_proxy_fcgi, mod_proxy_scgi',
    source: 'recording apache-proxyfcgi-proxypass-prefix',
    seen: 'SCRIPT_FILENAME=proxy:fcgi://host:port/rest (GENERIC: /rest), and behind ProxyPass SCRIPT_NAME is the whole path',
    done: 'the mount path is what precedes that rest, with or without a script in it; scriptFilename omits proxy:fcgi://host:port',
  },
  'https-spellings': {
    servers: 'servers other than Apache, lighttpd, nginx, Caddy, h2o and Go, which send "on"',
    source: 'de facto: IIS, suEXEC and proxies',
    seen: 'HTTPS=1, https, true or yes; only REQUEST_SCHEME; or REDIRECT_HTTPS',
    done: 'the scheme is https',
  },
  'nginx-host-port': {
    servers: "nginx with Debian's fastcgi_params or scgi_params, before 1.30",
    source: 'recording nginx-fcgi-params-root',
    seen: 'HTTP_HOST is $host: no port',
    done: 'authority and url get SERVER_PORT when it is neither 80 nor 443; the header stays as it is',
  },
  'h2o-default-host': {
    servers: 'h2o',
    source: 'recording h2o-fcgi-app',
    seen: 'HTTP_HOST=default when the client sent no Host',
    done: 'the Host header is absent',
  },
  'go-server-name-port': {
    servers: 'Go net/http/cgi',
    source: 'recording gohost-cgi-app',
    seen: 'SERVER_NAME with a port',
    done: 'serverName has no port',
  },
  'lighttpd-bracketed-address': {
    servers: 'lighttpd',
    source: 'recording lighttpd-fcgi-root',
    seen: 'SERVER_ADDR=[::1]',
    done: 'addresses have no brackets',
  },
  'nginx-empty-protocol': {
    servers: 'nginx',
    source: 'recording nginx-fcgi-params-root',
    seen: 'SERVER_PROTOCOL empty for HTTP/0.9',
    done: 'protocol is HTTP/0.9',
  },
  'h2o-protocol': {
    servers: 'h2o',
    source: 'recording h2o-fcgi-app',
    seen: 'SERVER_PROTOCOL=HTTP/2',
    done: 'protocol is HTTP/2.0',
  },
  'empty-content-variables': {
    servers: 'nginx, Caddy',
    source: 'recording nginx-fcgi-params-root',
    seen: 'CONTENT_LENGTH or CONTENT_TYPE empty',
    done: 'they count as absent',
  },
  'invented-zero': {
    servers: 'lighttpd, mod_fcgid, Caddy, SCGI everywhere',
    source: 'recording lighttpd-fcgi-root',
    seen: 'CONTENT_LENGTH=0 for requests without a body',
    done: 'no Content-Length header for GET and HEAD, or if a body arrived anyway',
  },
  'length-unknown': {
    servers: 'Apache CGI and mod_proxy_fcgi; others without request buffering',
    source: 'recording apache-cgid-event-scriptalias',
    seen: 'CONTENT_LENGTH absent or empty, HTTP_TRANSFER_ENCODING=chunked, and a body',
    done: 'contentLength is null: a body of unknown length',
  },
  'caddy-minus-one': {
    servers: 'Caddy',
    source: 'recording caddy-fcgi-root',
    seen: 'CONTENT_LENGTH=-1 for chunked bodies',
    done: 'contentLength is null, as for anything that is not a plain number',
  },
  'go-unknown-length': {
    servers: 'Go net/http/cgi',
    source: 'recording gohost-cgi-app',
    seen: 'a body (HTTP/2), but neither CONTENT_LENGTH nor HTTP_TRANSFER_ENCODING',
    done: 'contentLength is null for POST, PUT and PATCH without HTTP_CONTENT_LENGTH',
  },
  'error-document-body': {
    servers: 'Apache with ErrorDocument',
    source: 'test/servers/targets.test.ts',
    seen: 'REQUEST_METHOD=GET and REDIRECT_REQUEST_METHOD=POST, CONTENT_LENGTH of the POST, and no body',
    done: 'no body',
  },
  'caddy-invented-type': {
    servers: 'Caddy',
    source: 'recording caddy-fcgi-root',
    seen: 'CONTENT_TYPE=application/x-www-form-urlencoded when the client sent no type',
    done: 'no Content-Type, unless HTTP_CONTENT_TYPE shows that one was sent',
  },
  'h2o-cookie-crumbs': {
    servers: 'h2o',
    source: 'recording h2o-fcgi-app',
    seen: 'HTTP/2 cookies joined with ";" and no space',
    done: 'joined with "; "',
  },
  'caddy-empty-user-agent': {
    servers: 'Caddy',
    source: 'recording caddy-fcgi-root',
    seen: 'HTTP_USER_AGENT empty when the client sent none',
    done: 'no User-Agent header',
  },
  'trailing-blanks': {
    servers: 'nginx, h2o',
    source: 'recording nginx-fcgi-params-root',
    seen: 'whitespace at the end of a header value',
    done: 'removed',
  },
  'redirect-authorization': {
    servers: 'Apache with `RewriteRule . - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]` or SetEnvIf',
    source: 'Apache mod_rewrite: each internal redirect adds a prefix',
    seen: 'REDIRECT_HTTP_AUTHORIZATION, with one more REDIRECT_ prefix per internal redirect; or Authorization',
    done: 'it becomes the Authorization header',
  },
}

const forSecurity: Readonly<Record<SecurityRepair, Row & { readonly security: string }>> = {
  'go-root-slash': {
    servers: 'Go net/http/cgi',
    source: 'Go net/http/cgi, Handler.Root',
    seen: 'SCRIPT_NAME is "/", or ends in the slash that PATH_INFO lacks',
    done: 'it counts as "", or as the path without that slash',
    security: 'an app would get `//host/path` instead of `/host/path`, and parse a different path from it',
  },
  'nginx-document-uri': {
    servers: 'nginx',
    source: 'recording nginx-scgi-root',
    seen: 'scgi_params send the path only in DOCUMENT_URI; SCRIPT_NAME is whatever fastcgi_param sets',
    done: 'the path is DOCUMENT_URI, which is what the server serves',
    security:
      'an app would get the path that the client sent, not the one that the access rules were applied to',
  },
  'merged-slashes': {
    servers: 'Apache, nginx, lighttpd, and others that report the merged path',
    source: 'test/servers/targets.test.ts',
    seen: 'REQUEST_URI begins with several slashes; the server merged them before it applied its access rules',
    done: 'the URL of a Node app begins with one',
    security:
      'a Node app would read `//x/admin` as the path `/admin` of the host `x`, which no access rule has checked',
  },
  'authorizer-path': {
    servers: 'Apache, lighttpd',
    source: 'test/servers/authorizer.test.ts',
    seen: 'an Authorizer gets neither SCRIPT_NAME nor PATH_INFO',
    done: 'the path is that of SCRIPT_FILENAME below CONTEXT_DOCUMENT_ROOT, or REDIRECT_URI',
    security: 'the authorized path would differ from the one that is served',
  },
  'unchecked-user': {
    servers: "nginx, HAProxy, Python's http.server",
    source: 'recording nginx-fcgi-params-root',
    seen: 'REMOTE_USER is taken from credentials that nobody checked; HAProxy sets AUTH_TYPE too',
    done: 'user is not set, except behind nginx if AUTH_TYPE is set; env keeps REMOTE_USER as received',
    security: 'any client could choose the user name',
  },
  'content-doubles': {
    servers: 'nginx, lighttpd, Caddy, h2o, Go',
    source: 'recording lighttpd-fcgi-root',
    seen: 'HTTP_CONTENT_LENGTH and HTTP_CONTENT_TYPE in addition to CONTENT_LENGTH and CONTENT_TYPE',
    done: 'they are dropped: they may come from a header Content_Length or Content_Type',
    security: 'a client could contradict the length and type that the server has checked',
  },
  'decoded-transfer-encoding': {
    servers: 'Apache, nginx',
    source: 'RFC 3875 4.2; recording nginx-fcgi-params-root',
    seen: 'HTTP_TRANSFER_ENCODING=chunked although the server has decoded the chunks',
    done: 'the header is dropped',
    security: 'an app that forwards the request would announce chunks that it does not send',
  },
  httpoxy: {
    servers: 'nginx, Caddy, h2o',
    source: 'CVE-2016-5385; recording nginx-fcgi-params-root',
    seen: 'HTTP_PROXY, from a request header Proxy (CVE-2016-5385)',
    done: 'dropped, always',
    security: 'a client could choose the proxy of requests that the app makes',
  },
  'repeated-variables': {
    servers: 'nginx, h2o, lighttpd; fcgiwrap',
    source: 'RFC 3875 4.1.18; recording nginx-fcgi-params-root',
    seen: 'a variable appears twice',
    done: 'cookies are joined with "; ", other headers with ", "; for CGI variables the last one wins',
    security: 'the app would see only one of two header lines, and the server may have checked the other',
  },
}

const named = <Name extends RepairName, Entry>(rows: Readonly<Record<Name, Entry>>) =>
  Object.entries(rows) as [Name, Entry][]

export const repairs: readonly Repair[] = [
  ...named(optional).map(([name, row]) => ({ name, ...row, security: null })),
  ...named(forSecurity).map(([name, row]) => ({ name, ...row })),
]

/** Names of the repairs that can be switched off. */
export const optionalRepairs = Object.keys(optional) as readonly OptionalRepair[]
