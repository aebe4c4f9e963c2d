import type { Env } from '../core/exchange.js'
import { translate } from './request.js'
import { serverOf } from './server.js'
import { standsAt, walk } from './walk.js'

/**
 * What servers do to the meta-variables, and what the translator makes of it. Data: the code names the
 * row beside each repair, docs/environment.md lists them, a test holds both to this table.
 */
export interface Quirk {
  readonly name: string
  /** Servers that were seen to do it. */
  readonly servers: string
  /** What arrives. */
  readonly seen: string
  /** What an app gets. */
  readonly done: string
  /** Whether these variables show it. */
  readonly isSeen: (env: Env) => boolean
}

const has = (env: Env, name: string): boolean => env.get(name) !== undefined
const isFrom = (env: Env, name: string): boolean => serverOf(env).name === name
const isGetOrHead = (env: Env): boolean => /^(GET|HEAD)$/.test(env.get('REQUEST_METHOD') ?? 'GET')
const isEmpty = (env: Env, ...names: string[]): boolean => names.some((name) => env.get(name) === '')

/** Whether a name, or the header it stands for, is there twice. */
function hasRepeats(env: Env): boolean {
  const names = env.list.filter((_, i) => i % 2 === 0)
  return new Set(names).size < names.length
}

export const quirks: readonly Quirk[] = [
  // The target
  {
    name: 'lighttpd-query-rewritten',
    servers: 'lighttpd',
    seen: 'QUERY_STRING has other escapes than the query that was sent',
    done: 'the query is that of REQUEST_URI; its absence and its emptiness are told apart too',
    isSeen: (env) => {
      const target = env.get('REQUEST_URI')
      if (target === undefined) return false
      const mark = target.indexOf('?')
      return (mark < 0 ? '' : target.slice(mark + 1)) !== (env.get('QUERY_STRING') ?? '')
    },
  },
  {
    name: 'fragment-in-target',
    servers: 'nginx, lighttpd',
    seen: 'a "#" in REQUEST_URI; SCRIPT_NAME and PATH_INFO end before it',
    done: 'the path keeps it; the mount path is found without it',
    isSeen: (env) => env.get('REQUEST_URI')?.includes('#') === true,
  },
  {
    name: 'go-root-slash',
    servers: 'Go net/http/cgi',
    seen: 'SCRIPT_NAME "/", or ending in the slash that PATH_INFO lacks',
    done: 'counts as "" and as the path without that slash',
    isSeen: (env) => env.get('SCRIPT_NAME')?.endsWith('/') === true && Boolean(env.get('PATH_INFO')),
  },
  // The mount path
  {
    name: 'rewritten-script-name',
    servers: 'Apache with .htaccess, Action, FallbackResource or DirectoryIndex; try_files, php_fastcgi',
    seen: 'SCRIPT_NAME is the file of the script, which the client never asked for',
    done: 'the mount path is what stands before PATH_INFO, or else the folder of that file',
    isSeen: (env) => {
      const script = walk(env.get('SCRIPT_NAME') ?? '', false)
      const { form, path } = translate(env)
      return form !== 'authority' && has(env, 'REQUEST_URI') && !standsAt(walk(path, true), script, 0)
    },
  },
  {
    name: 'nginx-whole-path',
    servers: 'nginx without fastcgi_split_path_info',
    seen: 'SCRIPT_NAME is the whole path and there is no PATH_INFO',
    done: 'the mount path is the root',
    isSeen: (env) => has(env, 'DOCUMENT_URI') && !has(env, 'PATH_INFO') && !has(env, 'FCGI_ROLE'),
  },
  {
    name: 'haproxy-whole-path',
    servers: 'HAProxy where no path-info fits',
    seen: 'SCRIPT_NAME is the whole path, with the index behind a slash, and there is no PATH_INFO',
    done: 'the mount path is the root',
    isSeen: (env) => isFrom(env, 'HAProxy') && !has(env, 'PATH_INFO') && !has(env, 'FCGI_ROLE'),
  },
  {
    name: 'h2o-whole-path',
    servers: 'h2o',
    seen: 'PATH_INFO is the whole path, and SCRIPT_NAME is empty, or what setenv says behind an empty one',
    done: 'the SCRIPT_NAME of setenv is the mount path; without it the mount path is the root',
    isSeen: (env) => isFrom(env, 'h2o') && has(env, 'SCRIPT_NAME') && !has(env, 'SCRIPT_FILENAME'),
  },
  {
    name: 'apache-proxy-script-filename',
    servers: 'Apache mod_proxy_fcgi, mod_proxy_scgi',
    seen: 'SCRIPT_FILENAME=proxy:fcgi://host:port/rest (GENERIC: /rest), the whole path in SCRIPT_NAME behind ProxyPass',
    done: 'the mount path is what stands before that rest, with or without a script in it; scriptFilename goes without proxy:fcgi://host:port',
    isSeen: (env) => env.get('SCRIPT_FILENAME')?.startsWith('proxy:') === true,
  },
  // Scheme, names and addresses
  {
    name: 'https-spellings',
    servers: 'Apache, lighttpd, nginx, Caddy, h2o, Go: on; others 1, https, off',
    seen: 'HTTPS in several spellings, or only REQUEST_SCHEME',
    done: 'on, 1, https, true and yes in any case mean https; without HTTPS, REQUEST_SCHEME tells',
    isSeen: (env) => has(env, 'HTTPS') || has(env, 'REDIRECT_HTTPS'),
  },
  {
    name: 'nginx-host-port',
    servers: "nginx with Debian's fastcgi_params or scgi_params, before 1.30",
    seen: 'HTTP_HOST is $host: no port',
    done: 'authority and url get SERVER_PORT when it is neither 80 nor 443; the header stays as it is',
    isSeen: (env) => {
      const at = env.list.indexOf('HTTP_HOST')
      return (
        at >= 2 &&
        /^(REDIRECT_STATUS|SERVER_NAME)$/.test(env.list[at - 2] as string) &&
        !env.get('HTTP_HOST')?.endsWith(`:${env.get('SERVER_PORT')}`)
      )
    },
  },
  {
    name: 'h2o-default-host',
    servers: 'h2o',
    seen: 'HTTP_HOST=default when the client sent no Host',
    done: 'there is no Host header',
    isSeen: (env) => env.get('HTTP_HOST') === 'default' && env.get('SERVER_NAME') === 'default',
  },
  {
    name: 'go-server-name-port',
    servers: 'Go net/http/cgi',
    seen: 'SERVER_NAME with a port',
    done: 'serverName is without it',
    isSeen: (env) => /[^:]:\d+$/.test(env.get('SERVER_NAME') ?? ''),
  },
  {
    name: 'lighttpd-bracketed-address',
    servers: 'lighttpd',
    seen: 'SERVER_ADDR=[::1]',
    done: 'addresses are without brackets',
    isSeen: (env) => env.get('SERVER_ADDR')?.startsWith('[') === true,
  },
  {
    name: 'nginx-empty-protocol',
    servers: 'nginx',
    seen: 'SERVER_PROTOCOL empty for HTTP/0.9',
    done: 'protocol is HTTP/0.9',
    isSeen: (env) => env.get('SERVER_PROTOCOL') === '',
  },
  {
    name: 'h2o-protocol',
    servers: 'h2o',
    seen: 'SERVER_PROTOCOL=HTTP/2',
    done: 'protocol is HTTP/2.0',
    isSeen: (env) => /^HTTP\/\d$/.test(env.get('SERVER_PROTOCOL') ?? ''),
  },
  {
    name: 'unchecked-user',
    servers: "nginx, HAProxy, Python's host",
    seen: 'REMOTE_USER from whatever credentials were sent, nobody checked them; HAProxy sets AUTH_TYPE too',
    done: 'user is set only by nginx with AUTH_TYPE; env has REMOTE_USER as it came',
    isSeen: (env) =>
      Boolean(env.get('REMOTE_USER')) &&
      (isFrom(env, 'HAProxy') || (isFrom(env, 'nginx') && !env.get('AUTH_TYPE'))),
  },
  // The body
  {
    name: 'empty-content-variables',
    servers: 'nginx, Caddy',
    seen: 'CONTENT_LENGTH or CONTENT_TYPE empty',
    done: 'count as absent',
    isSeen: (env) => isEmpty(env, 'CONTENT_LENGTH', 'CONTENT_TYPE'),
  },
  {
    name: 'invented-zero',
    servers: 'lighttpd, mod_fcgid, Caddy, SCGI everywhere',
    seen: 'CONTENT_LENGTH=0 for requests without a body',
    done: 'no Content-Length header for GET and HEAD, nor where a body came all the same',
    isSeen: (env) => env.get('CONTENT_LENGTH') === '0' && isGetOrHead(env),
  },
  {
    name: 'length-unknown',
    servers: 'Apache CGI and mod_proxy_fcgi; others without request buffering',
    seen: 'CONTENT_LENGTH absent or empty, HTTP_TRANSFER_ENCODING=chunked, and a body',
    done: 'contentLength is null: a body of unknown length',
    isSeen: (env) => !env.get('CONTENT_LENGTH') && has(env, 'HTTP_TRANSFER_ENCODING'),
  },
  {
    name: 'caddy-minus-one',
    servers: 'Caddy',
    seen: 'CONTENT_LENGTH=-1 for chunked bodies',
    done: 'contentLength is null, as for everything that is not a plain number',
    isSeen: (env) => env.get('CONTENT_LENGTH')?.startsWith('-') === true,
  },
  {
    name: 'go-unknown-length',
    servers: 'Go net/http/cgi',
    seen: 'neither CONTENT_LENGTH nor a sign of chunks, and a body (HTTP/2)',
    done: 'contentLength is null for POST, PUT and PATCH without HTTP_CONTENT_LENGTH',
    isSeen: (env) =>
      isFrom(env, 'Go') &&
      !has(env, 'CONTENT_LENGTH') &&
      !has(env, 'HTTP_CONTENT_LENGTH') &&
      /^(POST|PUT|PATCH)$/.test(env.get('REQUEST_METHOD') ?? ''),
  },
  {
    name: 'error-document-body',
    servers: 'Apache with ErrorDocument',
    seen: 'REQUEST_METHOD=GET and REDIRECT_REQUEST_METHOD=POST, CONTENT_LENGTH of the POST, and no body',
    done: 'no body',
    isSeen: (env) => has(env, 'REDIRECT_REQUEST_METHOD'),
  },
  {
    name: 'caddy-invented-type',
    servers: 'Caddy',
    seen: 'CONTENT_TYPE=application/x-www-form-urlencoded when the client sent no type',
    done: 'no Content-Type, unless HTTP_CONTENT_TYPE shows that one was sent',
    isSeen: (env) =>
      isFrom(env, 'Caddy') && Boolean(env.get('CONTENT_TYPE')) && !has(env, 'HTTP_CONTENT_TYPE'),
  },
  // Header fields
  {
    name: 'content-doubles',
    servers: 'nginx, lighttpd, Caddy, h2o, Go',
    seen: 'HTTP_CONTENT_LENGTH and HTTP_CONTENT_TYPE besides CONTENT_LENGTH and CONTENT_TYPE',
    done: 'dropped: the client may have made them from Content_Length',
    isSeen: (env) => has(env, 'HTTP_CONTENT_LENGTH') || has(env, 'HTTP_CONTENT_TYPE'),
  },
  {
    name: 'decoded-transfer-encoding',
    servers: 'Apache, nginx',
    seen: 'HTTP_TRANSFER_ENCODING=chunked although the chunks are taken apart',
    done: 'no such header',
    isSeen: (env) => has(env, 'HTTP_TRANSFER_ENCODING'),
  },
  {
    name: 'httpoxy',
    servers: 'nginx, Caddy, h2o',
    seen: 'HTTP_PROXY, from a request header Proxy (CVE-2016-5385)',
    done: 'dropped, always',
    isSeen: (env) => has(env, 'HTTP_PROXY'),
  },
  {
    name: 'repeated-variables',
    servers: 'nginx, h2o, lighttpd; fcgiwrap',
    seen: 'a variable twice',
    done: 'joined: cookies with "; ", other headers with ", "; of CGI variables the last one counts',
    isSeen: hasRepeats,
  },
  {
    name: 'h2o-cookie-crumbs',
    servers: 'h2o',
    seen: 'cookies of HTTP/2 joined with ";" alone',
    done: 'joined with "; "',
    isSeen: (env) => isFrom(env, 'h2o') && /;(?! )/.test(env.get('HTTP_COOKIE') ?? ''),
  },
  {
    name: 'caddy-empty-user-agent',
    servers: 'Caddy',
    seen: 'HTTP_USER_AGENT empty when the client sent none',
    done: 'no User-Agent header',
    isSeen: (env) => isFrom(env, 'Caddy') && isEmpty(env, 'HTTP_USER_AGENT'),
  },
  {
    name: 'trailing-blanks',
    servers: 'nginx, h2o',
    seen: 'blanks at the end of a header value',
    done: 'removed',
    isSeen: (env) =>
      env.list.some(
        (text, i) => i % 2 === 1 && /[ \t]$/.test(text) && (env.list[i - 1] as string).startsWith('HTTP_'),
      ),
  },
  {
    name: 'redirect-authorization',
    servers: 'Apache with `RewriteRule . - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]` or SetEnvIf',
    seen: 'REDIRECT_HTTP_AUTHORIZATION, once more REDIRECT_ for each internal redirect; or Authorization',
    done: 'is the Authorization header',
    isSeen: (env) =>
      has(env, 'Authorization') ||
      env.list.some((text, i) => i % 2 === 0 && /^(REDIRECT_)+HTTP_AUTHORIZATION$/.test(text)),
  },
]

/** Names of the quirks that these variables show, in the order of the table. */
export function seenQuirks(env: Env): string[] {
  return quirks.filter((quirk) => quirk.isSeen(env)).map((quirk) => quirk.name)
}
