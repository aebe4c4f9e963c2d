/**
 * One connection of a FastCGI server: connects the responder (no IO) to a wire. Requests are independent;
 * replies of one turn of the event loop go out in one write.
 */

import { next } from '../../core/states.js'
import { serverOf } from '../../env/server.js'
import type { PushedBody } from '../../serve/body.js'
import { idleSince, silentSince, stays, unfinishedSince } from '../../serve/pressure.js'
import type { ProcessEnd } from '../../serve/process-end.js'
import { bodyTooLarge, type ServedConnection, type Service } from '../../serve/service.js'
import { Spool } from '../../serve/spool.js'
import { Progress } from '../../socket/progress.js'
import type { Wire, WireOwner } from '../../socket/wire.js'
import { ById } from '../codec/by-id.js'
import { Responder, type ResponderEvents, type ResponderRequest, Role } from '../codec/responder.js'
import { abortText, endText, endTextWithStderr, stderrText } from '../codec/stdout.js'
import { abandonAll } from './abandon.js'
import { answerFastcgi, answerFastcgiError } from './answer.js'
import { BodyPieces } from './body-pieces.js'
import { FastcgiExchange } from './exchange.js'
import type { FastcgiLine } from './line.js'
import { Output } from './output.js'
import { Reading } from './reading.js'
import { type ConnectionEvent, type ConnectionState, connectionStates } from './states.js'
import { checkTimes, takesNothing } from './time-limits.js'

/** How long to wait, for a request without an announced body, whether a body arrives, in milliseconds. */
const undecidedMs = 100

export class Connection implements ResponderEvents, FastcgiLine, ServedConnection, WireOwner {
  readonly service: Service
  place = -1
  readonly open = new ById<FastcgiExchange>()
  /** Clock time of the last byte in or out. */
  lastActive: number
  readonly #wire: Wire
  readonly output: Output
  readonly #responder: Responder
  #fresh: FastcgiExchange[] = []
  state: ConnectionState = 'silent'
  readonly #reading: Reading
  readonly #gather = new BodyPieces()
  /** The connection was accepted beyond maxConnections: its requests get 503 until others have closed. */
  #surplus: boolean
  /** Clock time since which some request's parameters have been incomplete; 0 when none are. */
  #pendingSince = 0
  readonly #progress = new Progress()

  constructor(wire: Wire, service: Service) {
    this.#wire = wire
    this.output = new Output(wire, this)
    this.service = service
    this.lastActive = service.now()
    this.#responder = new Responder(this, service.limits)
    this.#reading = new Reading(wire, this, this.#responder, service.limits)
    this.#surplus = !service.hasRoom()
    service.opened(this)
    wire.open(this)
  }

  /** No request is open or incomplete. */
  get idle(): boolean {
    return this.#responder.idle && this.open.size === 0
  }

  step(event: ConnectionEvent): void {
    this.state = next(connectionStates, this.state, event)
  }

  // --- events of the responder ---

  onRequest(request: ResponderRequest): void {
    const exchange = new FastcgiExchange(this, request)
    request.peer = exchange
    this.open.add(request.id, exchange)
    this.#fresh.push(exchange)
  }

  onStdin(request: ResponderRequest, chunk: Uint8Array, start: number, end: number): void {
    const exchange = request.peer as FastcgiExchange
    exchange.emptyStdinAt = 0
    this.#body(exchange, exchange.stdin, request.received, chunk, start, end)
  }

  onData(request: ResponderRequest, chunk: Uint8Array, start: number, end: number): void {
    const exchange = request.peer as FastcgiExchange
    this.#body(exchange, exchange.data as PushedBody, request.dataReceived, chunk, start, end)
  }

  #body(
    exchange: FastcgiExchange,
    body: PushedBody,
    received: number,
    chunk: Uint8Array,
    start: number,
    end: number,
  ): void {
    const { maxBodyBytes, maxDiscardBytes } = this.service.limits
    if (exchange.finished) {
      const { request, readBeforeFinish } = exchange
      if (request.received + request.dataReceived - readBeforeFinish > maxDiscardBytes)
        this.breakOff(`more than ${maxDiscardBytes} bytes of an unwanted body (maxDiscardBytes)`)
    } else if (received > maxBodyBytes) body.fail(bodyTooLarge(received, maxBodyBytes))
    else this.#gather.add(body, chunk, start, end)
  }

  /** @param why what the peer did, for the log */
  breakOff(why: string): void {
    this.service.lines.complaint(`fastcgi: ${why}; the connection is closed`)
    this.#wire.destroy()
  }

  onStdinEnd(request: ResponderRequest): void {
    const exchange = request.peer as FastcgiExchange
    // mod_fcgid sends empty STDIN records before and between the data of an HTTP/2 request without a length.
    // It never keeps connections; no server that keeps them sends such records.
    if (!request.keepConnection && request.received < (exchange.stdin.length ?? 0)) {
      exchange.emptyStdinAt = this.service.now()
      return
    }
    this.stdinEnded(exchange)
  }

  /** STDIN has ended, by its empty record or after a timeout. */
  stdinEnded(exchange: FastcgiExchange): void {
    this.#gather.push()
    exchange.request.stdinEnded = true
    exchange.stdin.end()
    if (exchange.finished) this.#over(exchange)
  }

  onDataEnd(request: ResponderRequest): void {
    const exchange = request.peer as FastcgiExchange
    this.#gather.push()
    exchange.data?.end()
    if (exchange.finished) this.#over(exchange)
  }

  onAbort(request: ResponderRequest): void {
    const exchange = request.peer as FastcgiExchange | undefined
    // FastCGI 1.0 section 5.4: END_REQUEST "as soon as possible": the handler is notified, the reply does not
    // wait for it.
    if (exchange === undefined) {
      this.send(endText(request.id))
      this.#responder.finish(request)
      this.onRefused(request.keepConnection)
    } else if (!exchange.finished) {
      if (exchange.reply !== 'cut') this.finish(exchange, 0)
      exchange.abort()
    }
  }

  /** A request has ended before it reached a handler. */
  onRefused(keepConnection: boolean): void {
    if (!keepConnection) this.step('unkept')
    // If the rest of the request met a closed socket, the peer would lose the reply.
    if (this.state === 'last' && this.open.size === 0) this.output.endWriting()
  }

  send(text: string): void {
    this.#reading.answered()
    this.output.send(text)
  }

  // --- calls from exchanges ---

  /** The app requests more of a body. */
  wants(): void {
    this.#reading.bodyRead()
  }

  stderr(exchange: FastcgiExchange, text: string): void {
    if (exchange.finished || serverOf(exchange.env).crashesAtStderr) this.service.log(text)
    else if (text !== '') {
      exchange.stderrUsed = true
      this.send(stderrText(exchange.request.id, text))
    }
  }

  /** The process is about to end: an idle connection is closed now, others after their last reply. */
  stop(): void {
    this.leave()
  }

  /** As {@link stop}, but another process takes over the connection if there is one. */
  leave(): void {
    if (this.idle) this.#leave()
  }

  #leave(): void {
    if (this.#isGone) return
    const to = this.service.handOver
    if (to === null || !this.#goesOn) this.output.end()
    else
      this.output.written(() => {
        if (!this.idle || this.#isGone || this.#wire.destroyed) return
        if (this.#goesOn && this.#wire.handOver(to)) this.step('handOver')
        else this.output.end()
      })
  }

  /** Closed or handed over. The service may still be iterating over a list that contained this connection. */
  get #isGone(): boolean {
    return this.state === 'given' || this.state === 'closed'
  }

  /** Whether more requests may arrive on this connection. */
  get #goesOn(): boolean {
    return this.state === 'open' || this.state === 'silent'
  }

  orderOfLeaving(now: number): number {
    if (this.open.size > 0 || this.#isGone) return stays
    if (this.#pendingSince > 0) return unfinishedSince(this.#pendingSince, now)
    return this.state === 'silent' ? silentSince(this.lastActive, now) : idleSince(this.lastActive, now)
  }

  giveWay(): void {
    this.service.closed(this)
    this.#wire.destroy()
  }

  /** Time limits; called about once a second. */
  sweep(now: number): void {
    if (this.#isGone) return
    const { idleTimeoutMs, paramsTimeoutMs } = this.service.limits
    if (this.#pendingSince > 0 && now - this.#pendingSince > paramsTimeoutMs) {
      this.breakOff(`the parameters of a request took longer than ${paramsTimeoutMs} ms (paramsTimeoutMs)`)
      return
    }
    if (this.open.size === 0 && now - this.lastActive > idleTimeoutMs) this.output.end()
    if (takesNothing(this, this.#wire, this.#progress, this.#readsLate, now)) return
    this.#reading.sweep(now, this.output.full)
    for (const exchange of this.open.all()) checkTimes(this, exchange, now)
    if (this.#fresh.length > 0) this.#start(now)
  }

  destroy(): void {
    this.#wire.destroy()
  }

  // --- input ---

  /**
   * Bytes from the peer; the first ones may have been read before the protocol was known. The chunk must be
   * valid only until this returns: kept data is copied, unless the chunk is our own.
   */
  data(chunk: Buffer, own = false): void {
    this.#gather.own = own
    this.output.hold()
    try {
      this.#read(chunk)
    } finally {
      this.output.release()
    }
    this.#reading.checkReplies(this.#readsLate)
  }

  /** mod_fcgid reads none of a reply before it has sent the whole body. */
  readonly #readsLate = (): boolean => {
    if (this.#responder.multiplexed) return false
    return this.open.all().some(({ request }) => !request.stdinEnded || !request.dataEnded)
  }

  get ahead(): number {
    return this.#responder.bodyAhead
  }

  #read(chunk: Buffer): void {
    this.step('bytes')
    this.lastActive = this.service.now()
    try {
      this.#responder.push(chunk)
    } catch (error) {
      this.breakOff((error as Error).message)
      return
    }
    this.#gather.push()
    if (this.#fresh.length > 0) this.#start(this.lastActive)
    if (!this.#responder.pending) this.#pendingSince = 0
    else if (this.#pendingSince === 0) this.#pendingSince = this.lastActive
    this.#reading.checkBodies(this.lastActive)
  }

  /** Starts requests after the whole chunk was read, so that one that arrived complete has its whole body. */
  #start(now: number): void {
    const fresh = this.#fresh
    this.#fresh = []
    const { maxRequestsPerConnection } = this.service.limits
    if (this.#surplus) this.#surplus = !this.service.hasRoom(this)
    let before = this.open.size - fresh.length
    for (const exchange of fresh) {
      if (exchange.reply !== 'unserved') continue
      if (exchange.undecided && now - exchange.began < undecidedMs) {
        this.#fresh.push(exchange)
        continue
      }
      this.service.serve(
        exchange,
        (reply) => answerFastcgi(this, exchange, reply),
        (error) => answerFastcgiError(this, exchange, error),
        this.#surplus
          ? 'maxConnections'
          : before++ >= maxRequestsPerConnection
            ? 'maxRequestsPerConnection'
            : null,
      )
    }
  }

  // --- replies ---

  takeBody(exchange: FastcgiExchange): Promise<void> {
    exchange.bodyAwaited = true
    exchange.stdin.spill(new Spool(this.service.limits.maxUnreadBytes))
    this.wants()
    return exchange.stdin.settled()
  }

  /**
   * Closes without END_REQUEST or, if other requests are open, ends this one with an app status (FastCGI 1.0
   * section 5.5). nginx and others treat the end of the connection as the end of the reply, but not after
   * {@link abortText}; servers that detect the broken reply anyway ignore it.
   */
  cut(exchange: FastcgiExchange): void {
    if (this.open.size > 1) this.finish(exchange, 1)
    else {
      exchange.step('cut')
      this.send(abortText(exchange.request.id, serverOf(exchange.env)))
      this.output.end()
    }
  }

  abandon(end: ProcessEnd): (() => void) | null {
    return abandonAll(this, this.open.all(), this.#wire, end)
  }

  /** Sends END_REQUEST, and closes the connection if necessary. */
  finish(exchange: FastcgiExchange, appStatus: number): void {
    const { request } = exchange
    exchange.step('finish')
    exchange.readBeforeFinish = request.received + request.dataReceived
    this.send(exchange.stderrUsed ? endTextWithStderr(request.id, appStatus) : endText(request.id, appStatus))
    exchange.stdin.cancel()
    exchange.data?.cancel()
    this.#over(exchange)
    // nginx stops sending the body once the reply has begun, and waits for the end of the connection.
    if (!request.keepConnection && this.open.size > 0 && this.open.all().every(({ finished }) => finished))
      this.output.endWriting()
    this.service.done(exchange)
  }

  /** The reply is sent: checks whether the request is over on both sides. */
  #over(exchange: FastcgiExchange): void {
    const { request } = exchange
    // On a kept connection, the rest of an unread body is ignored by its id until the next BEGIN.
    if (request.keepConnection || (request.stdinEnded && request.dataEnded)) this.#release(exchange)
    else exchange.finishedAt ||= this.service.now()
  }

  #release(exchange: FastcgiExchange): void {
    const { request } = exchange
    this.#responder.finish(request)
    this.open.delete(request.id)
    this.lastActive = this.service.now()
    // FastCGI 1.0 section 5.1: without FCGI_KEEP_CONN the application closes the connection after the
    // request.
    if (!request.keepConnection) this.step('unkept')
    if ((this.state === 'open' && !this.service.stopping) || this.open.size > 0) return
    // Closing a socket with unread data, even padding, resets the connection: the reply would be lost.
    const isRead = request.stdinEnded && request.dataEnded && this.#responder.idle
    // FastCGI 1.0 section 6.3: an Authorizer has no FCGI_STDIN, but some servers end it anyway, perhaps
    // later.
    if (request.role === Role.AUTHORIZER || !isRead) this.output.endWriting()
    else this.#leave()
  }

  /** The peer has closed: the only sign of a client disconnect that real servers give. */
  gone(): void {
    if (this.#fresh.length > 0) this.#start(Number.POSITIVE_INFINITY)
    for (const exchange of this.open.all()) if (!exchange.finished) exchange.abort()
    this.step('close')
    this.#wire.destroySoon()
  }

  closed(): void {
    this.step('closed')
    for (const exchange of this.open.all()) {
      exchange.abort()
      exchange.stdin.cancel()
      exchange.data?.cancel()
      if (!exchange.finished) exchange.step('lost')
      this.service.done(exchange)
    }
    this.open.clear()
    this.service.closed(this)
  }
}
