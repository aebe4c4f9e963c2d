/** The plain HTTP server: turns each request into an Exchange, as a web server in front would. */
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { failureText, isAbort, logLine, textOf, workFailed } from '../../cgi/codec/error-text.js'
import { textPageFields } from '../../cgi/codec/page-fields.js'
import { reasonPhrase } from '../../cgi/codec/status.js'
import { CgiupError, RequestError } from '../../core/errors.js'
import type { Handler, Reply } from '../../core/exchange.js'
import { limitValues } from '../../core/limits/limit.js'
import { httpLimits } from '../../core/limits/requests.js'
import { guardStandardStreams } from '../../core/standard-streams.js'
import { timeLimit } from '../../serve/limits.js'
import { Log } from '../../serve/log.js'
import { makeRoom } from '../../serve/pressure.js'
import { type Abandon, abandonNow, atProcessEnd, lateEnd } from '../../serve/process-end.js'
import { admission } from '../../socket/admission.js'
import { listen } from '../../socket/listen.js'
import { abandonResponse } from './abandon.js'
import { type HttpLimits, RequestBody } from './body.js'
import { type ConnectionOwner, HttpConnection, type Turn } from './connection.js'
import { HttpExchange } from './exchange.js'
import { headFault } from './head-check.js'
import type { CloseOptions, HttpAcceptor, HttpOptions, HttpServer } from './options.js'
import { cutOff, type Sent, sendReply } from './reply.js'

export type { AccessEntry, CloseOptions, HttpAcceptor, HttpOptions, HttpServer } from './options.js'

/** How often Node checks for late request heads, in milliseconds. */
const checkMs = 5000

/** How often connections are checked, in milliseconds. */
const sweepEveryMs = 2000

/**
 * Serves a handler over HTTP/1.1. Resolves when it listens.
 *
 * @throws UsageError LISTEN_TAKEN, LISTEN_FAILED
 */
export async function serveHttp(handler: Handler, options: HttpOptions = {}): Promise<HttpServer> {
  const service = new Service(handler, options)
  return service.start()
}

/** As {@link serveHttp}, without listening. */
export function acceptHttp(handler: Handler, options: HttpOptions = {}): HttpAcceptor {
  return new Service(handler, options).acceptor()
}

class Service implements ConnectionOwner {
  readonly multiprocess: boolean
  readonly maxBodyBytes: number | undefined
  readonly handedOver: boolean
  #handler: Handler
  readonly sendTimeoutMs: number
  readonly headersTimeoutMs: number
  #options: HttpOptions
  readonly #limits: HttpLimits
  #server: Server
  readonly #lines: Log
  /** By socket; each is checked for timeouts regularly. */
  readonly #connections = new Map<Socket, HttpConnection>()
  readonly #timer: NodeJS.Timeout
  #running = new Map<HttpExchange, ServerResponse>()
  #work = new Map<Promise<unknown>, HttpExchange>()
  #idle: (() => void) | null = null
  #closed: Promise<void> | null = null
  /** Each connection closes after its current reply. */
  #retired = false
  #closingIdle = false
  /** Connections that another component accepted. */
  #accepted = new Set<Socket>()
  #allGone: (() => void) | null = null
  #forgetEnd: () => void = ignore

  constructor(handler: Handler, options: HttpOptions) {
    this.#handler = handler
    this.#options = options
    this.multiprocess = options.multiprocess ?? false
    this.maxBodyBytes = options.maxBodyBytes
    this.handedOver = options.handedOver ?? false
    const limits = limitValues(httpLimits, options)
    this.#limits = limits
    this.sendTimeoutMs = timeLimit(limits.sendTimeoutMs)
    this.#lines = new Log(
      (text) => this.stderr(text),
      () => performance.now(),
    )
    this.headersTimeoutMs = timeLimit(limits.headersTimeoutMs)
    this.#server = createServer({
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: Math.min(limits.headersTimeoutMs || checkMs, checkMs),
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      requestTimeout: 0,
      // Node would answer 400 and serve the requests that follow; our check does not (head-check.ts).
      requireHostHeader: false,
      noDelay: true,
    })
    // Node would silently drop fields above its limit; our own limit is checked in #serve.
    this.#server.maxHeadersCount = 0
    this.#server.on('connection', (socket) => this.#opened(socket))
    this.#server.on('request', (req, res) => this.#take({ req, res, expectsContinue: false }))
    // RFC 9110 10.1.1: `100 Continue` is sent when, and only if, the body is read.
    this.#server.on('checkContinue', (req, res) => this.#take({ req, res, expectsContinue: true }))
    // Node would answer 417 itself, whatever else is in the head, and serve the requests that follow.
    this.#server.on('checkExpectation', (req, res) => this.#take({ req, res, expectsContinue: false }))
    this.#server.on('clientError', (error, socket) => this.#failed(error, socket as Socket))
    this.#timer = setInterval(() => this.#sweep(), this.#sweepMs())
    this.#timer.unref()
  }

  async start(): Promise<HttpServer> {
    guardStandardStreams()
    this.#admit()
    const place = await listen(this.#server, this.#options)
    this.#forgetEnd = atProcessEnd(this.#abandon)
    this.#server.on('error', (error) => this.#lines.complaint(`HTTP server: ${error.message}`))
    const close = (options?: CloseOptions) => this.#closeOnce(async () => place.cleanUp(), options)
    return { url: place.url, address: place.address, close }
  }

  /** The option `allow`. Connections from another component were checked there. */
  #admit(): void {
    const { allow } = this.#options
    if (allow === undefined) return
    const allowed = admission({ allow })
    this.#server.prependListener('connection', (socket) => {
      const refusal = allowed(socket)
      if (refusal === null) return
      this.#lines.complaint(`cgiup: ${refusal}`)
      socket.destroy()
    })
  }

  acceptor(): HttpAcceptor {
    // After this event Node tracks the server's connections, for timeouts and closing.
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

  complaint(text: string): void {
    this.#lines.complaint(`http: ${text}; the connection is closed`)
  }

  #opened(socket: Socket): void {
    this.#connections.set(socket, new HttpConnection(socket, this, !this.#hasRoom(0)))
    socket.once('close', () => this.#connections.delete(socket))
  }

  /** @param counted 1 for a connection that is already counted */
  #hasRoom(counted: 0 | 1): boolean {
    const all = this.#connections
    const { maxConnections } = this.#limits
    return makeRoom(all.values(), all.size - counted, maxConnections, performance.now(), this.#lines)
  }

  #take(turn: Turn): void {
    this.#connections.get(turn.req.socket)?.take(turn)
  }

  #failed(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#connections.get(socket)
    if (connection) connection.fail(error)
    else socket.destroy(error)
  }

  /** Time between two checks of the connections: a quarter of the shortest time limit, or less. */
  #sweepMs(): number {
    const { sendTimeoutMs, bodyTimeoutMs, headersTimeoutMs } = this.#limits
    const limits = [sendTimeoutMs, bodyTimeoutMs, headersTimeoutMs].filter((ms) => ms > 0).map((ms) => ms / 4)
    return Math.min(sweepEveryMs, ...limits)
  }

  #sweep(): void {
    const now = performance.now()
    for (const connection of this.#connections.values()) connection.sweep(now)
    this.#lines.sweep()
  }

  /** @returns whether the connection can take another request */
  async serve({ req, res, expectsContinue }: Turn, connection: HttpConnection): Promise<boolean> {
    const started = performance.now()
    const { remoteAddress } = req.socket
    const body = new RequestBody(req, res, expectsContinue, this.#limits)
    const exchange = new HttpExchange(req, body, this)
    connection.exchange = exchange
    this.#running.set(exchange, res)
    // 'close' reports connection errors; without this listener they would crash the process.
    res.on('error', ignore)
    // Node also reports a reply as finished when its connection was destroyed first.
    let whole = false
    res.on('finish', () => {
      whole = !req.socket.destroyed
    })
    res.on('close', () => {
      if (!whole) exchange.abort()
    })
    const sent = await this.#answer(exchange, res, connection)
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
    return !sent.cut && !exchange.last && res.shouldKeepAlive && !req.socket.destroyed
  }

  async #answer(exchange: HttpExchange, res: ServerResponse, connection: HttpConnection): Promise<Sent> {
    // After an ambiguous head, the following bytes may belong to it (request smuggling).
    const fault = headFault(res.req, this.#limits.maxHeaders)
    // Not through onError: its page is for errors of the app, and for clients whose Host was checked.
    if (fault) {
      this.stderr(logLine(exchange.env, textOf(fault)))
      return sendReply(plainError(fault), exchange, res, true)
    }
    try {
      if (this.#crossed(exchange, connection)) return await sendReply(text503(), exchange, res, this.#retired)
      const reply = await this.#handler(exchange)
      this.#logFailure(exchange, reply)
      return await sendReply(reply, exchange, res, this.#retired)
    } catch (error) {
      return this.#answerError(error, exchange, res)
    }
  }

  async #answerError(error: unknown, exchange: HttpExchange, res: ServerResponse): Promise<Sent> {
    const sent: Sent = { status: 499, bytes: 0, cut: true }
    if (exchange.aborted || res.headersSent) {
      if (!exchange.aborted || !isAbort(error)) this.stderr(logLine(exchange.env, textOf(error)))
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

  /** The access log also has a line for the request. */
  #logFailure(exchange: HttpExchange, reply: Reply): void {
    if (this.#options.log || !(reply?.status >= 500)) return
    const failure = failureText(reply)
    if (failure !== null) this.stderr(logLine(exchange.env, failure))
  }

  /** True when a concurrency limit is exceeded. */
  #crossed({ env }: HttpExchange, connection: HttpConnection): boolean {
    const { maxRequests, maxConnections } = this.#limits
    if (connection.surplus) connection.surplus = !this.#hasRoom(1)
    const tooMany = connection.surplus
    if (!tooMany && this.#running.size <= maxRequests) return false
    const name = tooMany ? `maxConnections is ${maxConnections}` : `maxRequests is ${maxRequests}`
    this.#lines.complaint(logLine(env, `answered with 503: ${name}`))
    return true
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
      exchange.abort(new RequestError('REQUEST_ABORTED', 'The server is shutting down.'))
    this.#server.closeAllConnections()
    await closed
    this.#forgetEnd()
    clearInterval(this.#timer)
    if (this.#running.size > 0) await this.#quiet(1000)
  }

  /** Waits until all accepted connections are closed, each after its next reply. */
  #allClosed(ms: number): Promise<void> {
    if (this.#accepted.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      // Polls the sockets once more: after a stall requests may be pending, and timers run first.
      const timer = setTimeout(() => setImmediate(resolve), ms)
      this.#allGone = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** Waits until no request is running, or the time has run out. */
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

/** A new object for each request: a reply may be changed while it is sent. */
const text503 = (): Reply => ({
  status: 503,
  headers: ['Content-Type', 'text/plain; charset=utf-8', 'Retry-After', '1'],
  body: 'Service Unavailable: too many concurrent requests.\n',
})

function ignore(): void {}

function plainError(error: unknown): Reply {
  const status = error instanceof CgiupError && error.status !== 499 ? error.status : 500
  const body = `${status} ${status < 500 ? 'The request is not valid' : reasonPhrase(status)}\n`
  const headers = status === 503 ? [...textPageFields, 'Retry-After', '5'] : textPageFields
  return { status, headers, body }
}
