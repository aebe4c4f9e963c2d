import type { Env } from '../core/exchange.js'
import { metaVariable } from './table.js'

/** Where a request leads, as determined by the host of CGI scripts. */
export interface ScriptFacts {
  /** SCRIPT_NAME: the URL path that leads to the script, decoded; '' or `/…`. */
  readonly scriptName: string
  /** PATH_INFO: the rest of the path, decoded once; '' when there is none. */
  readonly pathInfo: string
  /** PATH_TRANSLATED: the file path of PATH_INFO below the document root. Omitted without PATH_INFO. */
  readonly pathTranslated?: string | undefined
  /** SCRIPT_FILENAME: absolute path of the script. */
  readonly scriptFilename: string
  readonly documentRoot?: string | undefined
  /** QUERY_STRING; taken from the request if absent. */
  readonly queryString?: string | undefined
  /** Bytes of the body after its transfer coding was removed; 0 for none, null when unknown. */
  readonly contentLength: number | null
  /**
   * Pass Authorization and Proxy-Authorization to the script. Default false, as RFC 3875 section 4.1.18
   * advises: otherwise any script sees passwords.
   */
  readonly passAuthorization?: boolean | undefined
  /** Further variables (configuration, PATH). They never replace variables that the server computed. */
  readonly extra?: Readonly<Record<string, string | undefined>> | undefined
  /** Variables that replace computed ones. */
  readonly override?: Readonly<Record<string, string | undefined>> | undefined
}

/**
 * The environment of a CGI script (RFC 3875 section 4.1): the request variables that the table allows, and
 * nothing from the environment of this process.
 * @returns `name, value, …`; values are Latin-1 strings, except those of `extra` and `override`, which stay
 * as given
 */
export function scriptEnv(request: Env, facts: ScriptFacts): string[] {
  const env = new Map<string, string>()
  for (let i = 0; i + 1 < request.list.length; i += 2) {
    const name = request.list[i] as string
    if (isPassed(name, facts)) env.set(name, request.get(name) as string)
  }
  compute(env, request, facts)
  for (const [name, value] of Object.entries(facts.extra ?? {})) {
    // CVE-2025-65082: configured variables must not take precedence over those of CGI.
    if (value !== undefined && !env.has(name) && metaVariable(name)?.script !== 'computed')
      env.set(name, value)
  }
  for (const [name, value] of Object.entries(facts.override ?? {})) {
    if (value === undefined) env.delete(name)
    else env.set(name, value)
  }
  return [...env].flat()
}

function isPassed(name: string, facts: ScriptFacts): boolean {
  const row = metaVariable(name)
  if (row === undefined || (name.startsWith('HTTP_') && !isPlainName(name))) return false
  return row.script === 'passed' || (row.script === 'withheld' && facts.passAuthorization === true)
}

/** Whether a header name has no characters that would let it be mistaken for another. */
function isPlainName(name: string): boolean {
  for (let i = 5; i < name.length; i++) {
    const code = name.charCodeAt(i)
    const plain = (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 95
    if (!plain) return false
  }
  return name.length > 5
}

function compute(env: Map<string, string>, request: Env, facts: ScriptFacts): void {
  env.set('GATEWAY_INTERFACE', 'CGI/1.1')
  env.set('SCRIPT_NAME', facts.scriptName)
  env.set('SCRIPT_FILENAME', facts.scriptFilename)
  env.set('QUERY_STRING', facts.queryString ?? request.get('QUERY_STRING') ?? '')
  // php-cgi built with force-cgi-redirect refuses to run without it. A web server in front may have set its
  // own.
  const status = request.get('REDIRECT_STATUS') ?? ''
  env.set('REDIRECT_STATUS', /^[1-5]\d\d$/.test(status) ? status : '200')
  if (facts.documentRoot !== undefined) env.set('DOCUMENT_ROOT', facts.documentRoot)
  if (facts.pathInfo !== '') {
    env.set('PATH_INFO', facts.pathInfo)
    // RFC 3875 section 4.1.6: only with PATH_INFO.
    if (facts.pathTranslated !== undefined) env.set('PATH_TRANSLATED', facts.pathTranslated)
  }
  // "The server MUST set this meta-variable if and only if the request is accompanied by a message-body
  // entity" (RFC 3875 section 4.1.2), by its length without transfer coding.
  if (facts.contentLength !== null && facts.contentLength > 0) {
    env.set('CONTENT_LENGTH', String(facts.contentLength))
  }
  // RFC 3875 section 4.1.3: omitted if the request has no type.
  if (env.get('CONTENT_TYPE') === '') env.delete('CONTENT_TYPE')
}
