/** Common part of FastCGI and SCGI servers: the handler, counts, limits, the log, shutdown. */
import { isAbort, logLine, markExplained, textOf, workFailed } from '../cgi/codec/error-text.js'
import { prepareReply } from '../cgi/codec/head.js'
import { textPageFields } from '../cgi/codec/page-fields.js'
import { CgiupError, RequestError } from '../core/errors.js'
import type { Exchange, Handler, Reply } from '../core/exchange.js'
import { serverOf } from '../env/server.js'
import type { HandOver } from '../socket/wire.js'
import { Crowd, type Member } from './connection-pressure.js'
import type { SocketExchange } from './exchange.js'
import { type Limits, limitsFrom, type ServiceOptions } from './limits.js'
import { Log } from './log.js'
import { type GivesWay, makeRoom } from './pressure.js'
import { type Abandon, abandonNow, lateEnd, type ProcessEnd } from './process-end.js'
import { parseVerbatimReply } from './verbatim-reply.js'

/** A connection, as the service sees it. */
export interface ServedConnection extends Member, GivesWay {
  /** The process is about to end: a connection that is idle is closed now. */
  stop(): void
  /** Another process takes connections over: an idle one is handed over now. */
  leave?(): void
  /** Checks time limits. @param now the service's clock, in milliseconds */
  sweep(now: number): void
  destroy(): void
  /**
   * Ends the open requests of the connection at once, and closes it; see {@link Abandon}.
   *
   * @returns a function that resets the connection, if needed
   */
  abandon(end: ProcessEnd): (() => void) | null
}

const sweepEveryMs = 500

/** How long an idle connection is kept when the process ends, in milliseconds: a request may be on its way. */
const idleWaitMs = 500

const text503: Reply = {
  status: 503,
  headers: [...textPageFields, 'Retry-After', '1'],
  body: 'Service Unavailable: too many concurrent requests.\n',
}

/** RFC 6585 section 5. */
const text431: Reply = {
  status: 431,
  headers: textPageFields,
  body: 'Request Header Fields Too Large\n',
}

const text500: Reply = {
  status: 500,
  headers: textPageFields,
  body: 'Internal Server Error\n',
}

export class Service {
  static readonly idleGraceMs = idleWaitMs
  readonly limits: Limits
  readonly lines: Log
  /** Other processes may serve the same app. */
  readonly multiprocess: boolean
  /** Every reply is the last one of its connection. */
  stopping = false
  /** Set if the process is about to end, and another one takes over its connections. */
  handOver: HandOver | null = null
  readonly connections = new Crowd<ServedConnection>()
  readonly #handler: Handler
  readonly #options: ServiceOptions
  readonly #work = new Set<Promise<unknown>>()
  readonly #timer: NodeJS.Timeout
  #running = 0
  /** Connections that are counted twice, because they are being passed on. */
  #passing = 0
  #empty: (() => void) | null = null
  #stopped: Promise<void> | undefined

  /** The value of the option; undefined if it is not set. */
  readonly maxBodyBytes: number | undefined

  constructor(handler: Handler, options: ServiceOptions = {}) {
    this.maxBodyBytes = options.maxBodyBytes
    this.#handler = handler
    this.#options = options
    this.limits = limitsFrom(options)
    this.multiprocess = options.multiprocess ?? false
    this.lines = new Log(options.stderr, this.now)
    this.#timer = setInterval(() => {
      const now = this.now()
      for (const connection of this.connections) connection.sweep(now)
      this.lines.sweep()
    }, sweepEveryMs)
    this.#timer.unref()
  }

  /** Requests that are being served. */
  get running(): number {
    return this.#running
  }

  opened(connection: ServedConnection): void {
    this.connections.add(connection)
  }

  closed(connection: ServedConnection): void {
    this.connections.delete(connection)
    if (this.connections.size === 0) this.#empty?.()
  }

  /** Passes a connection on: the one that `give` opens takes its place. */
  passOn(from: ServedConnection, give: () => void): void {
    this.#passing = 1
    give()
    this.#passing = 0
    this.closed(from)
  }

  /**
   * Whether one more connection can be accepted. Closes another one for it if necessary and possible.
   *
   * @param counted a connection that is already counted
   */
  hasRoom(counted?: Member): boolean {
    const others = this.connections.size - this.#passing - (counted === undefined ? 0 : 1)
    return makeRoom(this.connections, others, this.limits.maxConnections, this.now(), this.lines)
  }

  /**
   * Passes a request to the handler, or its refusal to `reply` or `fail`.
   *
   * @param crossed the limit of its connection that it exceeds; null for none
   */
  serve(
    exchange: SocketExchange,
    reply: (reply: Reply) => void,
    fail: (error: unknown) => void,
    crossed: 'maxConnections' | 'maxRequestsPerConnection' | null,
  ): void {
    const { maxRequests, maxBodyBytes } = this.limits
    exchange.step('serve')
    exchange.admitted = true
    this.#running++
    const { refused } = exchange
    if (refused !== null) {
      const { protocol } = exchange.gateway
      this.lines.complaint(`${protocol}: ${refused.message}; the request is answered with 431`)
      reply(text431)
      return
    }
    const { length } = exchange.stdin
    if (crossed !== null || this.#running > maxRequests) {
      const name = crossed ?? 'maxRequests'
      this.lines.complaint(logLine(exchange.env, `answered with 503: ${name} is ${this.limits[name]}`))
      // On FCGI_OVERLOADED, web servers send an empty page; a real 503 explains itself.
      reply(markExplained(text503))
      return
    }
    if (length !== null && length > maxBodyBytes) {
      fail(bodyTooLarge(length, maxBodyBytes))
      return
    }
    let result: Reply | Promise<Reply>
    try {
      result = this.#handler(exchange)
    } catch (error) {
      fail(error)
      return
    }
    if (result instanceof Promise) {
      exchange.handling = result
      result.then(reply, fail)
    } else reply(result)
  }

  /** The request is over. May be called twice. */
  done(exchange: SocketExchange): void {
    if (!exchange.admitted) return
    exchange.admitted = false
    this.#running--
    exchange.over()
  }

  #onError(error: unknown, exchange: Exchange): Reply | Promise<Reply> {
    if (this.#options.onError !== undefined) return this.#options.onError(error, exchange)
    const status = error instanceof CgiupError && error.status !== 499 ? error.status : 500
    return { status, headers: textPageFields, body: `${status}\n` }
  }

  /** A page that can always be sent, even if the requested error page fails. */
  async errorReply(error: unknown, exchange: SocketExchange): Promise<Reply> {
    if (!exchange.clientLeft || !isAbort(error)) this.report(exchange, textOf(error))
    try {
      const reply = await this.#onError(error, exchange)
      const { verbatim } = prepareReply(reply, 'GET')
      return markExplained(verbatim ? await parseVerbatimReply(reply) : reply)
    } catch (second) {
      if (second !== error) this.report(exchange, `The error page failed: ${textOf(second)}`)
      return markExplained(text500)
    }
  }

  /** The handler failed after its reply was sent or abandoned. */
  lateError(error: unknown, exchange: SocketExchange): void {
    if (!isAbort(error)) this.report(exchange, textOf(error))
  }

  /** The end of the process waits for this work: a handler must not be stopped partway. */
  outlast(work: Promise<unknown>): void {
    const settled: Promise<unknown> = work.then(
      () => this.#work.delete(settled),
      () => this.#work.delete(settled),
    )
    this.#work.add(settled)
  }

  waitUntil(work: Promise<unknown>, { env }: Exchange): void {
    const settled = Promise.resolve(work).then(
      () => {},
      (error: unknown) => this.log(workFailed(env, error)),
    )
    this.#work.add(settled)
    void settled.then(() => this.#work.delete(settled))
  }

  /** Logs a line about a request: to its web server's log, if there is a way, and to ours. */
  report(exchange: SocketExchange, text: string): void {
    const line = logLine(exchange.env, text)
    const ours = exchange.gateway.protocol === 'fastcgi' && this.#options.logErrors !== false
    if (ours) this.log(line)
    // Not twice, if both logs end up in the same place.
    if (!ours || !(exchange.finished || serverOf(exchange.env).crashesAtStderr)) exchange.stderr(line)
  }

  /** A line for the log of the process. */
  log(line: string): void {
    this.lines.line(line)
  }

  readonly now = (): number => performance.now()

  /**
   * Lets running requests and their background work end. Connections are closed after their last reply. A
   * server may just have sent a request on an idle connection, so idle ones are closed a little later.
   *
   * @param graceMs how long this may take, in milliseconds; then connections are cut off.
   */
  stop(graceMs: number): Promise<void> {
    this.#stopped ??= this.#stop(graceMs)
    return this.#stopped
  }

  /**
   * Makes each reply the last one of its connection; idle connections go to another process if there is one.
   */
  retire(handOver?: HandOver): void {
    this.stopping = true
    if (handOver === undefined) return
    this.handOver = handOver
    for (const connection of this.connections) connection.leave?.()
  }

  /** Called when the process ends. */
  readonly abandon: Abandon = (end) =>
    [...this.connections].map((connection) => connection.abandon(end)).filter((reset) => reset !== null)

  async #stop(graceMs: number): Promise<void> {
    this.stopping = true
    const idle = setTimeout(() => this.#closeIdle(), Math.min(idleWaitMs, graceMs))
    let late: NodeJS.Timeout | undefined
    const tooLate = new Promise<void>((resolve) => {
      late = setTimeout(() => {
        abandonNow([this.abandon], lateEnd)
        for (const connection of this.connections) connection.destroy()
        resolve()
      }, graceMs)
    })
    if (this.connections.size > 0)
      await new Promise<void>((resolve) => {
        this.#empty = resolve
      })
    clearTimeout(idle)
    await Promise.race([Promise.all(this.#work), tooLate])
    clearTimeout(late)
    clearInterval(this.#timer)
  }

  /**
   * Polls for input before closing each connection: after a stall, requests may be pending there although
   * timers run first, and a server that sees one connection closed may send its next request on another.
   */
  async #closeIdle(): Promise<void> {
    for (const connection of this.connections) {
      await new Promise((resolve) => setImmediate(resolve))
      connection.stop()
    }
  }
}

export const bodyTooLarge = (length: number, max: number): RequestError =>
  new RequestError(
    'REQUEST_TOO_LARGE',
    `The request body of ${length} bytes or more exceeds the limit maxBodyBytes (${max}).`,
  )
