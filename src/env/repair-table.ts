/**
 * The repairs of the translator: what servers do to the meta-variables, and what an app gets instead. Data:
 * docs/environment.md lists it, CGIUP_REPAIRS is checked against it, tests go through it.
 */
import type { OptionalRepair, RepairName, SecurityRepair } from './repairs.js'

interface Row {
  /** Servers that were seen to do it. */
  readonly servers: string
  /** Where that is known from: a recording in test/fixtures/captures, a test with the real server, a text. */
  readonly source: string
  /** What arrives. */
  readonly seen: string
  /** What an app gets. */
  readonly done: string
}

export interface Repair extends Row {
  readonly name: RepairName
  /** What could happen without it: such a repair cannot be switched off. Null for one that can be. */
  readonly security: string | null
}

const optional: Readonly<Record<OptionalRepair, Row>> = {
  'lighttpd-query-rewritten': {
    servers: 'lighttpd',
    source: 'recording lighttpd-fcgi-root',
    seen: 'QUERY_STRING has other escapes than the query that was sent',
    done: 'the query is that of REQUEST_URI; its absence and its emptiness are told apart too',
  },
  'fragment-in-target': {
    servers: 'nginx, lighttpd',
    source: 'recording nginx-fcgi-split-app',
    seen: 'a "#" in REQUEST_URI; SCRIPT_NAME and PATH_INFO end before it',
    done: 'the path keeps it; the mount path is found without it',
  },
  'rewritten-script-name': {
    servers: 'Apache with .htaccess, Action, FallbackResource or DirectoryIndex; try_files, php_fastcgi',
    source: 'recording apache-cgid-event-rewrite-subdir',
    seen: 'SCRIPT_NAME is the file of the script, which the client never asked for',
    done: 'the mount path is what comes before PATH_INFO, or else the folder of that file',
  },
  'nginx-whole-path': {
    servers: 'nginx without fastcgi_split_path_info',
    source: 'recording nginx-fcgi-params-root',
    seen: 'SCRIPT_NAME is the whole path and there is no PATH_INFO',
    done: 'the mount path is the root',
  },
  'haproxy-whole-path': {
    servers: 'HAProxy where no path-info fits',
    source: 'test/servers/haproxy.test.ts',
    seen: 'SCRIPT_NAME is the whole path, with the index behind a slash, and there is no PATH_INFO',
    done: 'the mount path is the root',
  },
  'haproxy-request-uri': {
    servers: 'HAProxy',
    source: 'test/servers/haproxy.test.ts',
    seen: 'set-path and replace-path change REQUEST_URI itself, and SCRIPT_NAME is split from it by other rules',
    done: 'REQUEST_URI is the path that is served',
  },
  'h2o-whole-path': {
    servers: 'h2o',
    source: 'test/servers/h2o.test.ts',
    seen: 'PATH_INFO is the whole path, and SCRIPT_NAME is empty, or what setenv says behind an empty one',
    done: 'the SCRIPT_NAME of setenv is the mount path; without it the mount path is the root',
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
    seen: 'SCRIPT_NAME, PATH_INFO and DOCUMENT_URI empty: all of the path was cut off',
    done: 'the mount path is the whole path',
  },
  'apache-proxy-script-filename': {
    servers: 'Apache mod_proxy_fcgi, mod_proxy_scgi',
    source: 'recording apache-proxyfcgi-proxypass-prefix',
    seen: 'SCRIPT_FILENAME=proxy:fcgi://host:port/rest (GENERIC: /rest), the whole path in SCRIPT_NAME behind ProxyPass',
    done: 'the mount path is what comes before that rest, with or without a script in it; scriptFilename goes without proxy:fcgi://host:port',
  },
  'https-spellings': {
    servers: 'others than Apache, lighttpd, nginx, Caddy, h2o and Go, which send on',
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
    done: 'there is no Host header',
  },
  'go-server-name-port': {
    servers: 'Go net/http/cgi',
    source: 'recording gohost-cgi-app',
    seen: 'SERVER_NAME with a port',
    done: 'serverName is without it',
  },
  'lighttpd-bracketed-address': {
    servers: 'lighttpd',
    source: 'recording lighttpd-fcgi-root',
    seen: 'SERVER_ADDR=[::1]',
    done: 'addresses are without brackets',
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
    done: 'count as absent',
  },
  'invented-zero': {
    servers: 'lighttpd, mod_fcgid, Caddy, SCGI everywhere',
    source: 'recording lighttpd-fcgi-root',
    seen: 'CONTENT_LENGTH=0 for requests without a body',
    done: 'no Content-Length header for GET and HEAD, nor where a body came all the same',
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
    done: 'contentLength is null, as for everything that is not a plain number',
  },
  'go-unknown-length': {
    servers: 'Go net/http/cgi',
    source: 'recording gohost-cgi-app',
    seen: 'neither CONTENT_LENGTH nor a sign of chunks, and a body (HTTP/2)',
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
    seen: 'cookies of HTTP/2 joined with ";" alone',
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
    seen: 'blanks at the end of a header value',
    done: 'removed',
  },
  'redirect-authorization': {
    servers: 'Apache with `RewriteRule . - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]` or SetEnvIf',
    source: 'Apache mod_rewrite: each internal redirect adds a prefix',
    seen: 'REDIRECT_HTTP_AUTHORIZATION, once more REDIRECT_ for each internal redirect; or Authorization',
    done: 'is the Authorization header',
  },
}

const forSecurity: Readonly<Record<SecurityRepair, Row & { readonly security: string }>> = {
  'go-root-slash': {
    servers: 'Go net/http/cgi',
    source: 'Go net/http/cgi, Handler.Root',
    seen: 'SCRIPT_NAME "/", or ending in the slash that PATH_INFO lacks',
    done: 'counts as "" and as the path without that slash',
    security: 'an app would get `//host/path` for `/host/path`, and read another path out of it',
  },
  'nginx-document-uri': {
    servers: 'nginx',
    source: 'recording nginx-scgi-root',
    seen: 'scgi_params have the path in DOCUMENT_URI alone; fastcgi_param SCRIPT_NAME is what a configuration says',
    done: 'DOCUMENT_URI is the path that is served',
    security:
      'an app would get the path that the client wrote, not the one that access rules were applied to',
  },
  'merged-slashes': {
    servers: 'Apache, nginx, lighttpd',
    source: 'test/servers/targets.test.ts',
    seen: 'REQUEST_URI begins with several slashes; the server has merged them before its access rules',
    done: 'the URL of a Node app begins with one',
    security:
      'a Node app would read `//x/admin` as the path `/admin` of the host `x`, which no access rule has seen',
  },
  'authorizer-path': {
    servers: 'Apache, lighttpd',
    source: 'test/servers/authorizer.test.ts',
    seen: 'an Authorizer gets neither SCRIPT_NAME nor PATH_INFO',
    done: 'the path is that of SCRIPT_FILENAME below CONTEXT_DOCUMENT_ROOT, or REDIRECT_URI',
    security: 'another path would be authorized than the one that is served',
  },
  'unchecked-user': {
    servers: "nginx, HAProxy, Python's host",
    source: 'recording nginx-fcgi-params-root',
    seen: 'REMOTE_USER from whatever credentials were sent, nobody checked them; HAProxy sets AUTH_TYPE too',
    done: 'user is set only by nginx with AUTH_TYPE; env has REMOTE_USER as it came',
    security: 'any client could choose the name of the user',
  },
  'content-doubles': {
    servers: 'nginx, lighttpd, Caddy, h2o, Go',
    source: 'recording lighttpd-fcgi-root',
    seen: 'HTTP_CONTENT_LENGTH and HTTP_CONTENT_TYPE besides CONTENT_LENGTH and CONTENT_TYPE',
    done: 'dropped: the client may have made them from Content_Length',
    security: 'a client could contradict the length and type that the server has checked',
  },
  'decoded-transfer-encoding': {
    servers: 'Apache, nginx',
    source: 'RFC 3875 4.2; recording nginx-fcgi-params-root',
    seen: 'HTTP_TRANSFER_ENCODING=chunked although the chunks are taken apart',
    done: 'no such header',
    security: 'an app that forwards the request would announce chunks that are not there',
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
    seen: 'a variable twice',
    done: 'joined: cookies with "; ", other headers with ", "; of CGI variables the last one counts',
    security: 'of two header lines the app would see one, and the server may have checked the other',
  },
}

const named = <Name extends RepairName, Entry>(rows: Readonly<Record<Name, Entry>>) =>
  Object.entries(rows) as [Name, Entry][]

export const repairs: readonly Repair[] = [
  ...named(optional).map(([name, row]) => ({ name, ...row, security: null })),
  ...named(forSecurity).map(([name, row]) => ({ name, ...row })),
]

/** Names of the repairs that may be switched off. */
export const optionalRepairs = Object.keys(optional) as readonly OptionalRepair[]
