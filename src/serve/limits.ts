/** The limits of FastCGI and SCGI servers, as their connections use them. */
import { RequestError } from '../core/errors.js'
import type { Exchange, Reply } from '../core/exchange.js'
import { type LimitOptions, type LimitValues, limitValues } from '../core/limits/limit.js'
import { httpLimits, requestLimits } from '../core/limits/requests.js'

export interface ServiceOptions extends LimitOptions<typeof requestLimits> {
  /** Creates the reply for an error of the handler. Default: a plain page. */
  readonly onError?: (error: unknown, exchange: Exchange) => Reply | Promise<Reply>
  /**
   * FastCGI: also write request errors, which go to the web server's log (FCGI_STDERR), to `stderr`. False if
   * both end in the same file. Default true.
   */
  readonly logErrors?: boolean
  /** Other processes may serve the same app at the same time; visible to apps. Default false. */
  readonly multiprocess?: boolean
  /** Where lines about connections and broken replies go. Default: `process.stderr`. */
  readonly stderr?: (text: string) => void
}

/** All limits, with defaults; times without a limit are Infinity. */
export type Limits = LimitValues<typeof requestLimits>

export function limitsFrom(options: ServiceOptions): Limits {
  const values: Record<string, unknown> = { ...limitValues(requestLimits, options) }
  for (const [name, { unit }] of Object.entries(requestLimits))
    if (unit === 'milliseconds') values[name] = timeLimit(values[name] as number)
  return values as Limits
}

/** Limits that also apply to HTTP, in every kind of process. */
const overHttp = Object.keys(httpLimits).filter((name) => name in requestLimits)

/** The limits for an HTTP server; its own defaults apply to those that are not set. */
export function limitsOverHttp(limits: ServiceOptions): LimitOptions<typeof httpLimits> {
  const given: Readonly<Record<string, unknown>> = { ...limits }
  return Object.fromEntries(
    overHttp.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]),
  )
}

/** 0 means no limit. */
export const timeLimit = (ms: number): number => (ms === 0 ? Number.POSITIVE_INFINITY : ms)

/** @param seen bytes received so far; @param ms the limit */
export const bodyTimeout = (seen: number, ms: number): RequestError =>
  new RequestError(
    'REQUEST_BODY_TIMEOUT',
    `The request body did not arrive within ${ms / 1000} s (bodyTimeoutMs); ${seen} bytes of it were received.`,
  )
