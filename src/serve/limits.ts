/** The limits of FastCGI and SCGI servers: names, units, defaults. */
import { RequestError } from '../core/errors.js'
import type { Exchange, Reply } from '../core/exchange.js'

export interface ServiceOptions {
  /** Bytes of all parameters of one request; larger ones get 431. Default 1 MiB. */
  readonly maxParamsBytes?: number
  /** Parameters of one request; more get 431. Default 1000. */
  readonly maxParams?: number
  /**
   * Largest request body, in bytes; larger ones get 413. Default: 64 MiB for `text()`, `json()` and the like,
   * which hold it in memory; none for a body that is read in pieces.
   */
  readonly maxBodyBytes?: number
  /** Bytes of STDIN kept for an app that does not read; then the connection waits. Default 256 KiB. */
  readonly maxUnreadBytes?: number
  /** Bytes of STDIN kept in a file so that other requests of a connection need not wait. Default 1 GiB. */
  readonly maxSpoolBytes?: number
  /**
   * Bytes of an unwanted body, or of parameters over their limits, that are read and thrown away so that the
   * reply arrives. Default 64 MiB.
   */
  readonly maxDiscardBytes?: number
  /** Bytes of replies kept for a FastCGI peer that does not read; then nothing more of it is read. Default 1 MiB. */
  readonly maxBacklogBytes?: number
  /** Requests served at the same time; further ones get 503. Default 1000. */
  readonly maxRequests?: number
  /**
   * Open connections; those over HTTP are counted for themselves. At the limit those that do nothing give way to new ones
   * (docs/fastcgi.md); when all are at work, requests on further ones get 503. Default 1000.
   */
  readonly maxConnections?: number
  /** Requests at the same time on one connection; more break it. Default 100. */
  readonly maxRequestsPerConnection?: number
  /** Several requests at the same time on one connection. Default true. */
  readonly multiplex?: boolean
  /** Silence after which a connection without requests is closed, in milliseconds. Default 300000; 0: never. */
  readonly idleTimeoutMs?: number
  /** Time from the first byte of a request to the end of its parameters, in milliseconds. Default 30000; 0: no limit. */
  readonly paramsTimeoutMs?: number
  /** Time for one whole request, in milliseconds; then its signal aborts. Default 0: no limit. */
  readonly requestTimeoutMs?: number
  /**
   * Time for the whole body of a request to come, in milliseconds; then reading it fails with
   * REQUEST_BODY_TIMEOUT (408). Default 600000; 0: no limit.
   */
  readonly bodyTimeoutMs?: number
  /**
   * Time in which the peer has to take something of the replies that wait for it, in milliseconds; then the
   * connection is closed. Default 120000; 0: no limit.
   */
  readonly sendTimeoutMs?: number
  /** Time for the rest of an unwanted body to come, in milliseconds; then the connection is closed. Default 10000. */
  readonly discardTimeoutMs?: number
  /** Makes the reply for an error of the handler. Default: a plain page. */
  readonly onError?: (error: unknown, exchange: Exchange) => Reply | Promise<Reply>
  /**
   * FastCGI: errors of requests, which go to the web server's log (FCGI_STDERR), go to `stderr` as well.
   * False where both end in the same file. Default true.
   */
  readonly logErrors?: boolean
  /** Other processes may serve the same app at the same time; apps are told. Default false. */
  readonly multiprocess?: boolean
  /** Where lines about connections and broken replies go. Default: `process.stderr`. */
  readonly stderr?: (text: string) => void
}

/** All limits, with their defaults put in; times without a limit are Infinity. */
export type Limits = Readonly<
  Required<Omit<ServiceOptions, 'onError' | 'stderr' | 'logErrors' | 'multiprocess'>>
>

export const limitsFrom = (options: ServiceOptions): Limits => ({
  maxParamsBytes: options.maxParamsBytes ?? 1 << 20,
  maxParams: options.maxParams ?? 1000,
  maxBodyBytes: options.maxBodyBytes ?? Number.POSITIVE_INFINITY,
  maxUnreadBytes: options.maxUnreadBytes ?? 256 * 1024,
  maxSpoolBytes: options.maxSpoolBytes ?? 1 << 30,
  maxDiscardBytes: options.maxDiscardBytes ?? 64 << 20,
  maxBacklogBytes: options.maxBacklogBytes ?? 1 << 20,
  maxRequests: options.maxRequests ?? 1000,
  maxConnections: options.maxConnections ?? 1000,
  maxRequestsPerConnection: options.maxRequestsPerConnection ?? 100,
  multiplex: options.multiplex ?? true,
  idleTimeoutMs: time(options.idleTimeoutMs, 300_000),
  paramsTimeoutMs: time(options.paramsTimeoutMs, 30_000),
  requestTimeoutMs: time(options.requestTimeoutMs, 0),
  bodyTimeoutMs: time(options.bodyTimeoutMs, 600_000),
  sendTimeoutMs: time(options.sendTimeoutMs, 120_000),
  discardTimeoutMs: time(options.discardTimeoutMs, 10_000),
})

/** Those that HTTP obeys, in every kind of process. */
const overHttp = [
  'maxBodyBytes',
  'maxDiscardBytes',
  'maxRequests',
  'maxConnections',
  'bodyTimeoutMs',
  'sendTimeoutMs',
  'discardTimeoutMs',
] as const

/** What an HTTP server is to obey of these limits; its own defaults count where nothing is set. */
export const httpLimits = (limits: ServiceOptions = {}): Pick<ServiceOptions, (typeof overHttp)[number]> =>
  Object.fromEntries(
    overHttp.filter((name) => limits[name] !== undefined).map((name) => [name, limits[name]]),
  )

/** 0 stands for no limit. */
export const time = (value: number | undefined, standard: number): number => {
  const ms = value ?? standard
  return ms === 0 ? Number.POSITIVE_INFINITY : ms
}

/** @param seen bytes that have come; @param ms the limit */
export const bodyTimeout = (seen: number, ms: number): RequestError =>
  new RequestError(
    'REQUEST_BODY_TIMEOUT',
    `The request body did not arrive within ${ms / 1000} s (bodyTimeoutMs); ${seen} bytes of it were received.`,
  )
