/** The plain HTTP server: builds an Exchange of each request, as a web server in front would. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { failureLine, logLine, textOf, workFailed } from '../cgi/error-text.js'
import { textPageFields } from '../cgi/head-page.js'
import { reasonPhrase } from '../cgi/status.js'
import { CgiupError, RequestError } from '../errors.js'
import type { Exchange, Handler, Reply } from '../exchange.js'
import { type AdmissionOptions, admission } from '../server/admission.js'
import { type ListenOptions, listen } from '../server/listen.js'
import { Log } from '../server/log.js'
import { type Abandon, abandonNow, atProcessEnd, lateEnd } from '../server/process-end.js'
import { guardStandardStreams } from '../server/standard-streams.js'
import { abandonResponse } from './abandon.js'
import { type BodyLimits, RequestBody } from './body.js'
import { HttpExchange } from './exchange.js'
import { headFault } from './head-check.js'
import { cutOff, type Sent, sendReply } from './reply.js'

/** How often the time of request heads is looked at, in milliseconds. */
const CHECK_MS = 5000

export interface HttpOptions extends ListenOptions, BodyLimits, Pick<AdmissionOptions, 'allow'> {
  /** Makes the reply for an error of the handler. Default: a plain page with the error's status. */
  readonly onError?: (error: unknown, exchange: Exchange) => Reply | Promise<Reply>
  /** Called once for each request, when its reply has ended. */
  readonly log?: (entry: AccessEntry) => void
  /** Where diagnostics go. Default: `process.stderr`. */
  readonly stderr?: (text: string) => void
  /** Other processes may serve the same app at the same time. Default false. */
  readonly multiprocess?: boolean
  /**
   * The socket comes from a launcher (systemd, a web server), so that a gateway is in front: requests have no
   * `peer`, and development pages are shown with NODE_ENV=development only. Default false.
   */
  readonly handedOver?: boolean
  /** Largest request head, in bytes; beyond it 431. Default 65536. */
  readonly maxHeaderBytes?: number
  /** Largest number of header fields of a request; beyond it 431. Default 200. */
  readonly maxHeaders?: number
  /** Time for the request head to arrive, in milliseconds; then 408. Default 30000; 0 for none. */
  readonly headersTimeoutMs?: number
  /** How long an idle connection is kept, in milliseconds. Default 5000. */
  readonly keepAliveTimeoutMs?: number
}

/** One finished request, for the access log. */
export interface AccessEntry {
  readonly remoteAddress: string
  readonly method: string
  readonly target: string
  readonly httpVersion: string
  readonly status: number
  /** Body bytes handed to the connection. */
  readonly bytes: number
  /** From the end of the request head to the end of the reply, in milliseconds. */
  readonly ms: number
  /** The client got less than the whole reply. */
  readonly cut: boolean
  readonly referer: string | undefined
  readonly userAgent: string | undefined
}

export interface CloseOptions {
  /** How long running requests may take to end, in milliseconds; then they are aborted. Default 5000. */
  readonly graceMs?: number
  /**
   * How long idle connections are kept, for requests that are on their way, in milliseconds. Default 0.
   * Replies say `Connection: close` all the while.
   */
  readonly idleGraceMs?: number
}

export interface HttpServer {
  /** `http://127.0.0.1:8080`, `http://[::1]:8080`, or `unix:/run/app.sock`. */
  readonly url: string
  readonly address: AddressInfo | string
  /** Stops listening, closes idle connections, lets running requests end. May be called twice. */
  close(options?: CloseOptions): Promise<void>
}

/**
 * Serves a handler over HTTP/1.1. Resolves when it listens.
 *
 * @throws UsageError LISTEN_TAKEN, LISTEN_FAILED
 */
export async function serveHttp(handler: Handler, options: HttpOptions = {}): Promise<HttpServer> {
  const service = new Service(handler, options)
  return service.start()
}

/** Serves connections that somebody else accepts. */
export interface HttpAcceptor {
  accept(socket: Socket): void
  /** From now on each reply ends its connection. */
  retire(): void
  /** As {@link HttpServer.close}. */
  close(options?: CloseOptions): Promise<void>
}

/** As {@link serveHttp}, without listening. */
export function acceptHttp(handler: Handler, options: HttpOptions = {}): HttpAcceptor {
  return new Service(handler, options).acceptor()
}

class Service {
  readonly multiprocess: boolean
  readonly maxBodyBytes: number | undefined
  readonly handedOver: boolean
  #handler: Handler
  #options: HttpOptions
  #server: Server
  #running = new Map<HttpExchange, ServerResponse>()
  #work = new Map<Promise<unknown>, HttpExchange>()
  #idle: (() => void) | null = null
  #closed: Promise<void> | null = null
  /** Each reply is the last one of its connection. */
  #retired = false
  #closingIdle = false
  /** Connections that had a request head which was refused. */
  #refused = new WeakSet<Socket>()
  /** Connections that somebody else accepted. */
  #accepted = new Set<Socket>()
  #allGone: (() => void) | null = null
  #forgetEnd: () => void = ignore

  constructor(handler: Handler, options: HttpOptions) {
    this.#handler = handler
    this.#options = options
    this.multiprocess = options.multiprocess ?? false
    this.maxBodyBytes = options.maxBodyBytes
    this.handedOver = options.handedOver ?? false
    const { headersTimeoutMs = 30_000 } = options
    this.#server = createServer({
      maxHeaderSize: options.maxHeaderBytes ?? 65536,
      headersTimeout: headersTimeoutMs,
      connectionsCheckingInterval: Math.min(headersTimeoutMs || CHECK_MS, CHECK_MS),
      keepAliveTimeout: options.keepAliveTimeoutMs ?? 5000,
      requestTimeout: 0,
      // Node answers 400 and goes on with what follows; ours does not (head-check.ts).
      requireHostHeader: false,
      noDelay: true,
    })
    // Node would drop the fields above its count without a word; ours is checked in #serve.
    this.#server.maxHeadersCount = 0
    this.#server.on('request', (req, res) => void this.#serve(req, res, false))
    // RFC 9110 10.1.1: `100 Continue` is sent when, and only if, the body is read.
    this.#server.on('checkContinue', (req, res) => void this.#serve(req, res, true))
  }

  async start(): Promise<HttpServer> {
    guardStandardStreams()
    this.#admit()
    const place = await listen(this.#server, this.#options)
    this.#forgetEnd = atProcessEnd(this.#abandon)
    this.#server.on('error', (error) => this.stderr(`HTTP server: ${error.message}\n`))
    const close = (options?: CloseOptions) => this.#closeOnce(async () => place.cleanUp(), options)
    return { url: place.url, address: place.address, close }
  }

  /** The option `allow`. Connections that somebody else accepts were looked at by then. */
  #admit(): void {
    const { allow, stderr } = this.#options
    if (allow === undefined) return
    const allowed = admission({ allow })
    const log = new Log(stderr, () => performance.now())
    this.#server.prependListener('connection', (socket) => {
      const refusal = allowed(socket)
      if (refusal === null) return
      log.complaint(`cgiup: ${refusal}`)
      socket.destroy()
    })
  }

  acceptor(): HttpAcceptor {
    // Node knows the connections of a server, for its time limits and its end, from this event on.
    this.#server.emit('listening')
    this.#forgetEnd = atProcessEnd(this.#abandon)
    return {
      accept: (socket) => {
        this.#accepted.add(socket)
        socket.once('close', () => this.#forget(socket))
        this.#server.emit('connection', socket)
      },
      retire: () => {
        this.#retired = true
      },
      close: (options) => this.#closeOnce(() => {}, options),
    }
  }

  #closeOnce(cleanUp: () => void, options: CloseOptions | undefined): Promise<void> {
    this.#closed ??= this.#close(cleanUp, options?.graceMs ?? 5000, options?.idleGraceMs ?? 0)
    return this.#closed
  }

  readonly #abandon: Abandon = (end) =>
    [...this.#running]
      .map(([exchange, res]) => abandonResponse(exchange, res, end))
      .filter((reset) => reset !== null)

  #forget(socket: Socket): void {
    this.#accepted.delete(socket)
    if (this.#accepted.size === 0) this.#allGone?.()
  }

  stderr(text: string): void {
    if (this.#options.stderr) this.#options.stderr(text)
    else process.stderr.write(text)
  }

  waitUntil(work: Promise<unknown>, exchange: HttpExchange): void {
    const settled = Promise.resolve(work).then(
      () => {},
      (error) => this.stderr(workFailed(exchange.env, error)),
    )
    this.#work.set(settled, exchange)
    void settled.then(() => {
      this.#work.delete(settled)
      this.#checkIdle()
    })
  }

  async #serve(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): Promise<void> {
    // What follows a head that could be read in two ways may be a part of it (request smuggling).
    if (this.#refused.has(req.socket)) return void req.resume()
    const started = performance.now()
    const { remoteAddress } = req.socket
    const body = new RequestBody(req, res, expectsContinue, this.#options)
    const exchange = new HttpExchange(req, body, this)
    this.#running.set(exchange, res)
    // Errors of the connection are told by 'close'; without a listener they would end the process.
    res.on('error', ignore)
    res.on('close', () => {
      if (!res.writableFinished) exchange.abort()
    })
    const sent = await this.#answer(exchange, res)
    this.#running.delete(exchange)
    exchange.lifetime.end()
    this.#checkIdle()
    this.#options.log?.({
      remoteAddress: remoteAddress ?? '',
      method: req.method ?? '',
      target: req.url ?? '',
      httpVersion: req.httpVersion,
      ...sent,
      ms: performance.now() - started,
      referer: req.headers.referer,
      userAgent: req.headers['user-agent'],
    })
  }

  async #answer(exchange: HttpExchange, res: ServerResponse): Promise<Sent> {
    let reply: Reply
    const fault = this.#faultOf(res.req)
    // Not by onError: its page is for errors of the app, and for people whose Host was checked.
    if (fault) {
      this.stderr(logLine(exchange.env, textOf(fault)))
      return sendReply(plainError(fault), exchange, res, true)
    }
    try {
      reply = await this.#handler(exchange)
      this.#logFailure(exchange, reply)
      return await sendReply(reply, exchange, res, this.#retired)
    } catch (error) {
      return this.#answerError(error, exchange, res)
    }
  }

  async #answerError(error: unknown, exchange: HttpExchange, res: ServerResponse): Promise<Sent> {
    const sent: Sent = { status: 499, bytes: 0, cut: true }
    if (exchange.aborted || res.headersSent) {
      if (!res.destroyed) cutOff(res, res.chunkedEncoding)
      return sent
    }
    try {
      const { onError } = this.#options
      this.stderr(logLine(exchange.env, textOf(error)))
      const reply = onError ? await onError(error, exchange) : plainError(error)
      return await sendReply(reply, exchange, res, this.#retired)
    } catch (second) {
      if (second !== error) this.stderr(logLine(exchange.env, `The error page failed: ${textOf(second)}`))
      if (res.headersSent) cutOff(res, res.chunkedEncoding)
      else return sendReply(plainError(error), exchange, res, true)
      return sent
    }
  }

  /** The access log has a line for it as for every request. */
  #logFailure(exchange: HttpExchange, reply: Reply): void {
    if (this.#options.log || !(reply?.status >= 500)) return
    const line = failureLine(exchange.env, reply)
    if (line !== null) this.stderr(line)
  }

  /** Why a request is refused by its head alone. */
  #faultOf(req: IncomingMessage): RequestError | null {
    const fault = headFault(req, this.#options.maxHeaders ?? 200)
    if (fault) this.#refused.add(req.socket)
    return fault
  }

  #checkIdle(): void {
    if (this.#running.size === 0 && this.#work.size === 0) this.#idle?.()
    if (this.#closingIdle) this.#server.closeIdleConnections()
  }

  async #close(cleanUp: () => void, graceMs: number, idleGraceMs: number): Promise<void> {
    this.#retired = true
    if (idleGraceMs > 0) await this.#allClosed(Math.min(idleGraceMs, graceMs))
    this.#closingIdle = true
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    cleanUp()
    if (this.#running.size > 0 || this.#work.size > 0) await this.#quiet(graceMs)
    abandonNow([this.#abandon], lateEnd)
    for (const exchange of this.#running.keys())
      exchange.abort(new RequestError('REQUEST_ABORTED', 'The server stops.'))
    this.#server.closeAllConnections()
    await closed
    this.#forgetEnd()
    if (this.#running.size > 0) await this.#quiet(1000)
  }

  /** Waits until all connections that were accepted are closed, each with its next reply. */
  #allClosed(ms: number): Promise<void> {
    if (this.#accepted.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      // Behind the next look at the sockets: after a stall requests may wait there, and timers come first.
      const timer = setTimeout(() => setImmediate(resolve), ms)
      this.#allGone = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** Waits until nothing runs, or the time is over. */
  #quiet(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#idle = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

function ignore(): void {}

function plainError(error: unknown): Reply {
  const status = error instanceof CgiupError && error.status !== 499 ? error.status : 500
  const body = `${status} ${status < 500 ? 'The request cannot be answered' : reasonPhrase(status)}\n`
  return { status, headers: textPageFields, body }
}
