import type { Env, HeaderList } from '../core/exchange.js'
import { effectiveAuthority, serverName, unbracketed } from './authority.js'
import { contentLengthOf, contentTypeOf, headerList } from './headers.js'
import { configuredMountLength, mountLength, proxyPath } from './mount.js'
import { isRepairOn } from './repairs.js'
import { serverOf } from './server.js'
import { parseTarget, rebuildTarget, type Target, type TargetForm, urlBytes } from './target.js'
import { isDigits, percentEncode } from './text.js'

export interface TranslateOptions {
  /**
   * The mount path, as clients write it (`/app`; `''` for the root), if the environment does not show it or
   * shows a wrong one (docs/environment.md). A request that is not below it is treated as one at the root.
   * Default: derived from the environment.
   */
  readonly mount?: string | undefined
  /**
   * Length of the request body in bytes, if the adapter knows it better than CONTENT_LENGTH: 0 for none, null
   * for unknown. `exchange.stdin.length` is suitable.
   */
  readonly bodyLength?: number | null
  /** The request target that replaces REQUEST_URI: the one that the server decided to serve. */
  readonly servedTarget?: string | undefined
}

/** Converts the meta-variables of a request back to the HTTP request they were made from. */
export function translate(env: Env, options?: TranslateOptions): CgiRequest {
  return new CgiRequest(env, options)
}

/**
 * An HTTP request, whose properties are derived from meta-variables on demand. Never throws: missing or
 * contradictory variables get the most harmless interpretation (docs/environment.md has the rules). Strings
 * are Latin-1, one character per byte.
 */
export class CgiRequest {
  readonly env: Env
  readonly #options: TranslateOptions | undefined
  #target: string | undefined
  #parts: Target | undefined
  #mountLength = -1
  #headers: HeaderList | undefined
  #authority: string | undefined
  #contentLength: number | null | undefined

  constructor(env: Env, options?: TranslateOptions) {
    this.env = env
    this.#options = options
  }

  /** REQUEST_METHOD, case kept (RFC 3875 section 4.1.12); `GET` when it is missing. */
  get method(): string {
    return this.env.get('REQUEST_METHOD') || 'GET'
  }

  /**
   * The request target as the client sent it, as far as the server kept it (REQUEST_URI); or `servedTarget`.
   */
  get target(): string {
    this.#target ??= this.#options?.servedTarget || this.env.get('REQUEST_URI') || rebuildTarget(this.env)
    return this.#target
  }

  get #split(): Target {
    this.#parts ??= parseTarget(this.target, this.method)
    return this.#parts
  }

  /** Form of the request target (RFC 9112 section 3.2). */
  get form(): TargetForm {
    return this.#split.form
  }

  /** Raw path: begins with `/`, except for `*` and the `host:port` of CONNECT. */
  get path(): string {
    return this.#split.path
  }

  /** Raw query without its `?`; null when there is none. */
  get query(): string | null {
    return this.#split.query
  }

  get #prefix(): number {
    if (this.#mountLength >= 0) return this.#mountLength
    const { form, path } = this.#split
    const mount = this.#options?.mount
    if (form === 'asterisk' || form === 'authority') this.#mountLength = 0
    else if (mount !== undefined) this.#mountLength = configuredMountLength(path, mount)
    else this.#mountLength = mountLength(path, this.env)
    return this.#mountLength
  }

  /** The part of {@link path} that led to this app, raw; '' at the root. Never ends in an extra slash. */
  get mount(): string {
    return this.path.slice(0, this.#prefix)
  }

  /** What follows the mount path, raw; '' when the path ends there. `mount + rest` is always `path`. */
  get rest(): string {
    return this.path.slice(this.#prefix)
  }

  /** From HTTPS, else REQUEST_SCHEME. */
  get scheme(): 'http' | 'https' {
    return isHttps(this.env) ? 'https' : 'http'
  }

  /** `host[:port]`, valid in a URL: from the target, else Host, else SERVER_NAME and SERVER_PORT. */
  get authority(): string {
    this.#authority ??= effectiveAuthority(this.#split.authority, this.env, this.scheme)
    return this.#authority
  }

  /**
   * The absolute URL. Bytes that are not allowed in a URL are encoded, nothing else is changed: slashes, dot
   * segments and escapes are as the client sent them.
   */
  get url(): string {
    return this.#absolute(this.#split.path)
  }

  /** {@link url} without the mount path: the URL as if the app were at the root. */
  get relativeUrl(): string {
    return this.#absolute(this.rest || '/')
  }

  #absolute(path: string): string {
    const { form, query } = this.#split
    const origin = `${this.scheme}://${this.authority}`
    // RFC 9110 section 7.1: the asterisk stands for the whole server; CONNECT has no path.
    if (form === 'asterisk' || form === 'authority') return origin
    const url = origin + percentEncode(path, urlBytes)
    return query === null ? url : `${url}?${percentEncode(query, urlBytes)}`
  }

  /**
   * The header fields: lower-case names, each once, values as received. Without `Proxy`, `Transfer-Encoding`
   * and names that are not tokens.
   */
  get headers(): HeaderList {
    this.#headers ??= headerList(this.env, this.contentLength)
    return this.#headers
  }

  /** The value of one header; undefined when it is absent. @param name in lower case */
  header(name: string): string | undefined {
    const headers = this.headers
    for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return headers[i + 1]
    return undefined
  }

  /** Length of the body in bytes; 0 when there is none, null when it is unknown. */
  get contentLength(): number | null {
    if (this.#contentLength === undefined) {
      const known = this.#options?.bodyLength
      this.#contentLength = known === undefined ? contentLengthOf(this.env) : known
    }
    return this.#contentLength
  }

  /** Content-Type; undefined when there is none. */
  get contentType(): string | undefined {
    return contentTypeOf(this.env)
  }

  /** Whether a body follows, or may follow. */
  get hasBody(): boolean {
    return this.contentLength !== 0
  }

  /** REMOTE_ADDR: the client, or the proxy that connected to the server. */
  get remoteAddress(): string | undefined {
    return address(this.env.get('REMOTE_ADDR'))
  }

  get remotePort(): number | undefined {
    return port(this.env.get('REMOTE_PORT'))
  }

  /** SERVER_ADDR: the server address of the connection. */
  get serverAddress(): string | undefined {
    return address(this.env.get('SERVER_ADDR'))
  }

  /** SERVER_NAME without a port: the client's Host on some servers, a configured name on others. */
  get serverName(): string | undefined {
    const name = isRepairOn('go-server-name-port') ? serverName(this.env) : this.env.get('SERVER_NAME')
    return name || undefined
  }

  /** SERVER_PORT: on some servers the port that the client named, on others the real one. */
  get serverPort(): number | undefined {
    return port(this.env.get('SERVER_PORT'))
  }

  /** SERVER_PROTOCOL, `HTTP/1.1`. */
  get protocol(): string {
    const protocol = this.env.get('SERVER_PROTOCOL')
    if (protocol === '' && isRepairOn('nginx-empty-protocol')) return 'HTTP/0.9'
    const isShort = protocol === 'HTTP/2' || protocol === 'HTTP/3'
    return isShort && isRepairOn('h2o-protocol') ? `${protocol}.0` : (protocol ?? 'HTTP/1.0')
  }

  /**
   * REMOTE_USER, if the server has authenticated the client.
   * repair: unchecked-user (nginx, HAProxy and Python's server set it from unverified credentials; only nginx
   * with AUTH_TYPE is trusted, which a configuration sets next to `auth_basic`).
   */
  get user(): string | undefined {
    const user = this.env.get('REMOTE_USER') || this.env.get('REDIRECT_REMOTE_USER')
    return user && !isUncheckedUser(this.env) ? user : undefined
  }

  /** SCRIPT_FILENAME as a file system path. */
  get scriptFilename(): string | undefined {
    const filename = this.env.get('SCRIPT_FILENAME')
    if (!filename?.startsWith('proxy:') || !isRepairOn('apache-proxy-script-filename'))
      return filename || undefined
    return proxyPath(filename) || undefined
  }
}

/** HTTPS is on, 1, https, true or yes; IIS sends `off`. */
function isHttps(env: Env): boolean {
  if (!isRepairOn('https-spellings')) return env.get('HTTPS')?.toLowerCase() === 'on'
  const https = env.get('HTTPS') || env.get('REDIRECT_HTTPS')
  if (!https) return env.get('REQUEST_SCHEME') === 'https'
  const value = https.length > 5 ? https : https.toLowerCase()
  return value === 'on' || value === '1' || value === 'https' || value === 'true' || value === 'yes'
}

function isUncheckedUser(env: Env): boolean {
  const { checksUser } = serverOf(env)
  return checksUser !== 'always' && (checksUser === 'never' || !env.get('AUTH_TYPE'))
}

function address(value: string | undefined): string | undefined {
  return value && isRepairOn('lighttpd-bracketed-address') ? unbracketed(value) : value || undefined
}

function port(value: string | undefined): number | undefined {
  return value !== undefined && isDigits(value) && Number(value) <= 65535 ? Number(value) : undefined
}
