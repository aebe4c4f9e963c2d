/** What the rows of the table (rows.ts) check about a request. Computed on demand. */
import type { Env } from '../core/exchange.js'
import { proxyPath } from './mount.js'
import { readingFault } from './reading.js'
import { isRepairOn } from './repairs.js'
import { serverOf } from './server.js'
import { authorizedPath, parseTarget, servedPath, type Target } from './target.js'
import { endsIn, sameSegments, standsAt, type Walk, walk } from './walk.js'

/**
 * Which of the server's variables determine the path: the table, REQUEST_URI, or SCRIPT_NAME with PATH_INFO.
 */
export type TargetMode = 'auto' | 'request-uri' | 'script'

export interface FactOptions {
  /** Default 'auto'. */
  readonly target?: TargetMode | undefined
  /** Whether a file system path is the app's own file. Default: it is not. */
  readonly isOwnFile?: ((file: string) => boolean) | undefined
  /** CGI: the server has started this process for SCRIPT_FILENAME. Default false. */
  readonly isCgi?: boolean | undefined
  /** FastCGI role Authorizer: neither SCRIPT_NAME nor PATH_INFO is sent. Default false. */
  readonly isAuthorizer?: boolean | undefined
  /** The handler resolves dot segments itself, as a web server does. Default false. */
  readonly resolvesDots?: boolean | undefined
}

/** File names of programs: a last segment of this form is a front controller, not the requested path. */
export const programName = /\.(?:cgi|fcgi|[cm]?[jt]s|pl|py|rb|sh|php)$/i

/**
 * How many of Apache's internal redirects have happened since an error document or a local redirect chose the
 * page, that one included: 1 if it was the last redirect, more if rewrites followed, 0 if there was none.
 * Only those two set the method again, and each redirect adds another REDIRECT_ prefix to it.
 */
export function redirectsOf(env: Env): number {
  if (env.get('REDIRECT_REQUEST_METHOD') !== undefined) return 1
  // Apache sets REDIRECT_URL on every internal redirect.
  if (env.get('REDIRECT_URL') === undefined) return 0
  let prefix = 'REDIRECT_'
  for (let count = 2; ; count++) {
    prefix += 'REDIRECT_'
    // One prefix per redirect (at most 10, LimitInternalRecursion).
    if (env.get(`${prefix}STATUS`) === undefined) return 0
    if (env.get(`${prefix}REQUEST_METHOD`) !== undefined) return count
  }
}

const lastSegment = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

export class Facts {
  readonly env: Env
  readonly mode: TargetMode
  /** REQUEST_URI; '' when it is absent. */
  readonly sent: string
  readonly script: string
  readonly info: string
  /** REDIRECT_STATUS; 0 when it is absent. */
  readonly status: number
  readonly #options: FactOptions
  #parts: Target | undefined
  #sentWalk: Walk | undefined
  #program: boolean | undefined
  #matches: boolean | undefined
  #fault: string | null | undefined
  #served: string | undefined

  constructor(env: Env, options: FactOptions) {
    this.env = env
    this.#options = options
    this.mode = options.target ?? 'auto'
    this.sent = env.get('REQUEST_URI') ?? ''
    this.script = env.get('SCRIPT_NAME') ?? ''
    this.info = env.get('PATH_INFO') ?? ''
    const status = env.get('REDIRECT_STATUS') ?? ''
    this.status = /^\d{3}$/.test(status) ? Number(status) : 0
  }

  /** REQUEST_URI, parsed. */
  get parts(): Target {
    this.#parts ??= parseTarget(this.sent, this.env.get('REQUEST_METHOD') || 'GET')
    return this.#parts
  }

  /** Why REQUEST_URI must not be passed to an app; null if it may be. */
  get fault(): string | null {
    if (this.#fault === undefined) {
      this.#fault = readingFault(this.sent, this.parts.path, this.env, this.#options.resolvesDots === true)
    }
    return this.#fault
  }

  /**
   * SCRIPT_NAME + PATH_INFO. nginx's scgi_params send the path only in DOCUMENT_URI, Authorizers get it in
   * other variables.
   */
  get served(): string {
    this.#served ??= servedPath(this.env) || (this.isAuthorizer ? authorizedPath(this.env) : '')
    return this.#served
  }

  get isAuthorizer(): boolean {
    return this.#options.isAuthorizer === true
  }

  get #sentPath(): Walk {
    this.#sentWalk ??= walk(this.parts.path, true)
    return this.#sentWalk
  }

  /** Whether the server serves the requested path, compared by segments. */
  get isSamePath(): boolean {
    this.#matches ??= this.#equals(this.served) || this.#isCutAtSlash
    return this.#matches
  }

  /** PATH_INFO without the slash that it should begin with. */
  get #isCutAtSlash(): boolean {
    const { script, info } = this
    return info !== '' && info.charCodeAt(0) !== 47 && script !== '' && this.#equals(`${script}/${info}`)
  }

  #equals(path: string): boolean {
    if (path === this.parts.path) return true
    return sameSegments(this.#sentPath, walk(path, false)) || sameSegments(this.#sentPath, walk(path, true))
  }

  /** Whether PATH_INFO is the end of the requested path: the server has cut off a mount path. */
  get endsInInfo(): boolean {
    const { info } = this
    // Caddy's handle_path /app* also cuts in the middle of a segment.
    if (info.charCodeAt(0) !== 47) return false
    return endsIn(this.#sentPath, walk(info, false)) || endsIn(this.#sentPath, walk(info, true))
  }

  /** With proxy-fcgi-pathinfo, PATH_INFO is the path at the back end. */
  get isProxied(): boolean {
    const filename = this.env.get('SCRIPT_FILENAME') ?? ''
    if (this.info === '' || !filename.startsWith('proxy:')) return false
    if (!isRepairOn('apache-proxy-script-filename')) return false
    const behind = walk(proxyPath(filename), true)
    const mount = walk(this.script, false)
    if (!sameSegments(behind, walk(this.info, false)) || !standsAt(this.#sentPath, mount, 0)) return false
    const rest = this.#sentPath.segments.slice(mount.segments.length)
    return standsAt(behind, { segments: rest, ends: [], slash: false }, behind.segments.length - rest.length)
  }

  /** HAProxy changes REQUEST_URI itself (set-path, replace-path). */
  get isSentRewritten(): boolean {
    return serverOf(this.env).rewritesRequestUri && isRepairOn('haproxy-request-uri')
  }

  /** h2o sends an absolute-form target as PATH_INFO. */
  get isAbsoluteInfo(): boolean {
    const isPart = this.parts.form === 'absolute' && this.info !== '' && this.sent.startsWith(this.info)
    return isPart && isRepairOn('h2o-absolute-path-info')
  }

  /** Whether the server runs one program file for any requested path: a front controller. */
  get isProgram(): boolean {
    this.#program ??= this.info === '' && this.#isProgram()
    return this.#program
  }

  #isProgram(): boolean {
    const { isCgi, isOwnFile } = this.#options
    if (isCgi && this.served !== '' && !serverOf(this.env).configuresScript && !this.isSamePath) return true
    const name = lastSegment(this.served)
    // `/v2/lib.js` for `/lib.js` is a rewrite; a front controller serves paths that do not end in its own
    // name.
    if (name === '' || name === this.#sentPath.segments.at(-1)) return false
    if (programName.test(name)) return true
    const filename = this.env.get('SCRIPT_FILENAME') ?? ''
    const file = filename.startsWith('proxy:') ? proxyPath(filename) : filename
    // nginx sends the configured value, the same for every path.
    const isNamed = lastSegment(file) === name
    if (isCgi) return isNamed
    return isOwnFile !== undefined && (isOwnFile(name) || (isNamed && isOwnFile(file)))
  }

  /**
   * repair: nginx-document-uri. nginx has not rewritten the requested path (DOCUMENT_URI). The configured
   * SCRIPT_NAME is a mount path without the rest, or REQUEST_URI is configured as PATH_INFO.
   */
  get isSentByNginx(): boolean {
    const uri = this.env.get('DOCUMENT_URI')
    if (uri === undefined || !serverOf(this.env).configuresScript || !this.#equals(uri)) return false
    if (this.info !== '') return this.info === this.sent
    return standsAt(this.#sentPath, walk(this.script, false), 0)
  }

  /**
   * repair: authorizer-path. Apache sends an Authorizer the file: the path without what would be PATH_INFO,
   * or with a DirectoryIndex added. A SCRIPT_NAME added by the configuration lacks PATH_INFO, too.
   */
  get isAuthorizedFile(): boolean {
    if (!this.isAuthorizer || (this.script === '' && !serverOf(this.env).authorizesFiles)) return false
    const [file, sent] = [walk(this.served, false), this.#sentPath]
    if (standsAt(sent, file, 0)) return true
    return sent.slash && file.segments.length === sent.segments.length + 1 && standsAt(file, sent, 0)
  }

  /** Error documents; in 'request-uri' mode only those of requests that the server denied. */
  get isErrorPage(): boolean {
    return this.status >= 400 && !this.isAuthorizer && (this.mode !== 'request-uri' || this.isDenied)
  }

  get isDenied(): boolean {
    return this.status === 401 || this.status === 403
  }

  get redirects(): number {
    return redirectsOf(this.env)
  }

  /** Apache answers such a path with 404 before it applies its access rules (AllowEncodedSlashes). */
  get isUnruled(): boolean {
    const { env } = this
    if (!/%(?:2f|5c|00)/i.test(this.parts.path)) return false
    return this.redirects > 0 || serverOf(env).refusesEncodedSlash
  }
}
