/**
 * One connection of a FastCGI server: the responder (no IO) on a socket. Requests are independent;
 * replies of one turn of the event loop leave in one write.
 */
import type { Socket } from 'node:net'
import { Spool } from '../cgi/spool.js'
import { RequestError } from '../errors.js'
import { readShared } from '../server/read.js'
import { type Served, type Service, tooLarge } from '../server/service.js'
import { answer, answerError, type Line } from './answer.js'
import { ById } from './by-id.js'
import { FastcgiExchange } from './exchange.js'
import { Output } from './output.js'
import { Responder, type ResponderEvents, type ResponderRequest } from './responder.js'
import { abortText, endText, endTextWithStderr, stderrText } from './stdout.js'

const EMPTY = Buffer.alloc(0)

/** How long data may follow an empty STDIN record that came too early, in milliseconds. */
const EMPTY_STDIN_MS = 1000

/** How long a body that nobody reads may hold up a kept connection, in milliseconds. */
const PAUSE_MS = 500

export class Connection implements ResponderEvents, Line, Served {
  readonly service: Service
  readonly open = new ById<FastcgiExchange>()
  /** Clock of the last byte in or out. */
  lastActive: number
  readonly #socket: Socket
  readonly output: Output
  readonly #responder: Responder
  #fresh: FastcgiExchange[] = []
  #paused = false
  #pausedAt = 0
  /** Whose body in the chunk that is being read is copied, and where to. */
  #gathered: FastcgiExchange | null = null
  #gathering: Buffer = EMPTY
  #used = 0
  /** Clock since which a request's parameters are half read; 0 when none are. */
  #pendingSince = 0

  constructor(socket: Socket, service: Service) {
    this.#socket = socket
    this.output = new Output(socket)
    this.service = service
    this.lastActive = service.now()
    this.#responder = new Responder(this, service.limits)
    service.opened(this)
    if (readShared(socket, (chunk) => this.data(chunk))) socket.resume()
    else socket.on('data', (chunk: Buffer) => this.data(chunk))
    socket.on('end', () => this.#gone())
    socket.on('close', () => this.#closed())
    socket.on('error', () => this.#gone())
  }

  /** No request is open and none half read. */
  get idle(): boolean {
    return this.#responder.idle && this.open.size === 0
  }

  // --- what the responder tells ---

  onRequest(request: ResponderRequest): void {
    const exchange = new FastcgiExchange(this, request)
    request.peer = exchange
    this.open.add(request.id, exchange)
    this.#fresh.push(exchange)
  }

  onStdin(request: ResponderRequest, chunk: Uint8Array, start: number, end: number): void {
    const exchange = request.peer as FastcgiExchange
    const { stdin } = exchange
    const { maxBodyBytes, maxDiscardBytes } = this.service.limits
    exchange.emptyStdinAt = 0
    if (exchange.finished) {
      if (request.received - exchange.readBeforeFinish > maxDiscardBytes) {
        this.service.log(
          `fastcgi: more than ${maxDiscardBytes} bytes of an unwanted body (maxDiscardBytes); the connection is closed`,
        )
        this.#socket.destroy()
      }
      return
    }
    if (request.received > maxBodyBytes) stdin.fail(tooLarge(request.received, maxBodyBytes))
    else this.#gather(exchange, chunk, start, end)
  }

  onStdinEnd(request: ResponderRequest): void {
    const exchange = request.peer as FastcgiExchange
    // mod_fcgid sends empty STDIN records before and between the data of an HTTP/2 request without a length.
    // It never keeps connections; nobody who does sends such.
    if (!request.keepConnection && request.received < (exchange.stdin.length ?? 0)) {
      exchange.emptyStdinAt = this.service.now()
      return
    }
    this.#stdinEnded(exchange)
  }

  /**
   * Copies a piece of a body out of the chunk, which is good only for now. All pieces of a request in one
   * chunk become one: a record's end and the next one's beginning come together.
   */
  #gather(exchange: FastcgiExchange, chunk: Uint8Array, start: number, end: number): void {
    if (this.#gathered !== exchange) {
      this.#pushGathered()
      this.#gathered = exchange
      // With memory of its own, so that it can be given away (Body.owned).
      this.#gathering = Buffer.allocUnsafeSlow(chunk.length - start)
    }
    this.#gathering.set(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end), this.#used)
    this.#used += end - start
  }

  #pushGathered(): void {
    const exchange = this.#gathered
    if (exchange === null) return
    const piece = this.#gathering.subarray(0, this.#used)
    this.#gathered = null
    this.#gathering = EMPTY
    this.#used = 0
    exchange.stdin.push(piece)
  }

  #stdinEnded(exchange: FastcgiExchange): void {
    this.#pushGathered()
    exchange.request.stdinEnded = true
    exchange.stdin.end()
    if (exchange.finished) this.#release(exchange)
  }

  onData(): void {}
  onDataEnd(): void {}

  onAbort(request: ResponderRequest): void {
    const exchange = request.peer as FastcgiExchange | undefined
    if (exchange === undefined || exchange.finished) return
    // 5.4: END_REQUEST "as soon as possible": the handler is told, the answer does not wait for it.
    exchange.abort()
    this.finish(exchange, 0)
  }

  send(text: string): void {
    this.output.send(text)
  }

  // --- what exchanges ask ---

  /** The app asks for more of a body. */
  wants(): void {
    if (this.#paused && !this.#full()) {
      this.#paused = false
      this.#socket.resume()
    }
  }

  stderr(exchange: FastcgiExchange, text: string): void {
    if (exchange.finished) this.service.log(text)
    else if (text !== '') {
      exchange.stderrUsed = true
      this.send(stderrText(exchange.request.id, text))
    }
  }

  /** The process is to end: an idle connection is closed now; others are with their last reply. */
  stop(): void {
    if (this.idle) this.output.end()
  }

  /** Time limits; called about once a second. */
  sweep(now: number): void {
    const { idleTimeoutMs, paramsTimeoutMs } = this.service.limits
    if (this.#pendingSince > 0 && now - this.#pendingSince > paramsTimeoutMs) {
      this.service.log(
        `fastcgi: the parameters of a request took longer than ${paramsTimeoutMs} ms (paramsTimeoutMs); the connection is closed`,
      )
      this.#socket.destroy()
      return
    }
    if (this.open.size === 0 && now - this.lastActive > idleTimeoutMs) this.output.end()
    if (this.#paused && now - this.#pausedAt > PAUSE_MS) this.#mayBeMultiplexed()
    for (const exchange of this.open.all()) this.#sweepRequest(exchange, now)
  }

  /**
   * The body that nobody reads goes to a file from now on: a peer that keeps the connection may have sent
   * another request behind it.
   */
  #mayBeMultiplexed(): void {
    // mod_fcgid reads nothing of a reply before it has sent all of the body: the app goes on only then.
    if (this.output.full) this.#responder.multiplexed = true
    for (const { request } of this.open.all()) if (request.keepConnection) this.#responder.multiplexed = true
    this.wants()
  }

  #sweepRequest(exchange: FastcgiExchange, now: number): void {
    const { requestTimeoutMs, discardTimeoutMs } = this.service.limits
    if (exchange.emptyStdinAt > 0 && now - exchange.emptyStdinAt >= EMPTY_STDIN_MS) {
      exchange.emptyStdinAt = 0
      this.#stdinEnded(exchange)
    }
    if (exchange.finished) {
      if (now - exchange.finishedAt > discardTimeoutMs) this.#socket.destroy()
    } else if (now - exchange.began > requestTimeoutMs) {
      const error = new RequestError(
        'REQUEST_TIMEOUT',
        `The request took longer than ${requestTimeoutMs} ms (requestTimeoutMs).`,
      )
      exchange.abort(error)
      answerError(this, exchange, error)
    }
  }

  destroy(): void {
    this.#socket.destroy()
  }

  // --- bytes in ---

  /**
   * Bytes of the peer; the first ones may have been read before the protocol was known. The chunk need be
   * good only until this returns: what is kept of it is copied.
   */
  data(chunk: Buffer): void {
    this.output.hold()
    try {
      this.#read(chunk)
    } finally {
      this.output.release()
    }
  }

  #read(chunk: Buffer): void {
    this.lastActive = this.service.now()
    try {
      this.#responder.push(chunk)
    } catch (error) {
      this.service.log(`fastcgi: ${(error as Error).message}; the connection is closed`)
      this.#socket.destroy()
      return
    }
    this.#pushGathered()
    if (this.#fresh.length > 0) this.#start()
    if (!this.#responder.pending) this.#pendingSince = 0
    else if (this.#pendingSince === 0) this.#pendingSince = this.lastActive
    if (!this.#paused && this.#full()) {
      this.#paused = true
      this.#pausedAt = this.lastActive
      this.#socket.pause()
    }
  }

  /** Some request's reader is behind, and the connection has to wait for it. */
  #full(): boolean {
    const { maxUnreadBytes, maxSpoolBytes } = this.service.limits
    for (const { stdin } of this.open.all()) {
      if (stdin.queued <= maxUnreadBytes) continue
      // Other requests must not wait: the body goes to a file. A kept file writer is waited for shortly.
      if (!this.#responder.multiplexed || stdin.queued > 4 * maxUnreadBytes || stdin.spooled > maxSpoolBytes)
        return true
      if (!stdin.spilling) stdin.spill(new Spool(0))
    }
    return false
  }

  /** Begins after the whole chunk was read, so that a request that came whole has its whole body. */
  #start(): void {
    const fresh = this.#fresh
    this.#fresh = []
    for (const exchange of fresh) {
      if (exchange.finished) continue
      this.service.serve(
        exchange,
        (reply) => answer(this, exchange, reply),
        (error) => answerError(this, exchange, error),
      )
    }
  }

  // --- replies out ---

  /**
   * Closes without END_REQUEST, or, with other requests open, ends this one with an app status (5.5).
   * nginx and others take the end of the connection for the end of the reply; a record that no
   * application sends makes nginx break off, and is skipped by those that see the break anyway.
   */
  cut(exchange: FastcgiExchange): void {
    if (this.open.size > 1) this.finish(exchange, 1)
    else {
      this.send(abortText(exchange.request.id))
      this.output.end()
    }
  }

  /** END_REQUEST, and what follows from it for the connection. */
  finish(exchange: FastcgiExchange, appStatus: number): void {
    const { request } = exchange
    exchange.finished = true
    exchange.readBeforeFinish = request.received
    this.send(exchange.stderrUsed ? endTextWithStderr(request.id, appStatus) : endText(request.id, appStatus))
    exchange.stdin.cancel()
    if (request.stdinEnded || request.keepConnection) this.#release(exchange)
    else {
      exchange.finishedAt = this.service.now()
      // nginx sends no more of the body once the reply has begun, and waits for the end of the connection.
      if (this.#allFinished()) this.output.endWriting()
    }
    this.service.done(exchange)
  }

  #allFinished(): boolean {
    for (const exchange of this.open.all()) if (!exchange.finished) return false
    return true
  }

  /** The request is over on both sides. */
  #release(exchange: FastcgiExchange): void {
    const { request } = exchange
    // With a kept connection the rest of an unread STDIN is ignored by its id until the next BEGIN.
    this.#responder.finish(request)
    this.open.delete(request.id)
    // 5.1: without FCGI_KEEP_CONN the application closes the connection after the request.
    if ((!request.keepConnection || this.service.stopping) && this.open.size === 0) this.output.end()
  }

  /** The peer has closed: the only sign of a client's leaving that real servers give. */
  #gone(): void {
    for (const exchange of this.open.all()) if (!exchange.finished) exchange.abort()
    if (!this.#socket.destroyed) this.#socket.destroySoon()
  }

  #closed(): void {
    for (const exchange of this.open.all()) {
      exchange.abort()
      exchange.stdin.cancel()
      exchange.finished = true
      this.service.done(exchange)
    }
    this.open.clear()
    this.service.closed(this)
  }
}
