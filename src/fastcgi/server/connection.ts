/**
 * One connection of a FastCGI server: the responder (no IO) on a wire. Requests are independent;
 * replies of one turn of the event loop leave in one write.
 */

import { serverOf } from '../../env/server.js'
import type { PushedBody } from '../../serve/body.js'
import { idleSince, STAYS, silentSince, unfinishedSince } from '../../serve/pressure.js'
import type { ProcessEnd } from '../../serve/process-end.js'
import { bodyTooLarge, type ServedConnection, type Service } from '../../serve/service.js'
import { Spool } from '../../serve/spool.js'
import { Progress } from '../../socket/progress.js'
import type { Wire, WireOwner } from '../../socket/wire.js'
import { ById } from '../codec/by-id.js'
import { Responder, type ResponderEvents, type ResponderRequest, Role } from '../codec/responder.js'
import { abortText, endText, endTextWithStderr, stderrText } from '../codec/stdout.js'
import { abandonAll } from './abandon.js'
import { answer, answerError } from './answer.js'
import { Backlog } from './backlog.js'
import { FastcgiExchange } from './exchange.js'
import { Gather } from './gather.js'
import type { Line } from './line.js'
import { Output } from './output.js'
import { BodiesBehind } from './slow-readers.js'
import { checkTimes } from './time-limits.js'

/** How long a request without an announced body waits to see whether it has one, in milliseconds. */
const UNDECIDED_MS = 100

export class Connection implements ResponderEvents, Line, ServedConnection, WireOwner {
  readonly service: Service
  place = -1
  readonly open = new ById<FastcgiExchange>()
  /** Clock of the last byte in or out. */
  lastActive: number
  readonly #wire: Wire
  readonly output: Output
  readonly #responder: Responder
  #fresh: FastcgiExchange[] = []
  readonly #behind: BodiesBehind
  readonly #gather = new Gather()
  /** A request without FCGI_KEEP_CONN was answered: the connection ends with the last one that is open. */
  #last = false
  /** The peer has sent something. */
  #heard = false
  /** Another process has it, or is about to. */
  #given = false
  /** It came when there were maxConnections others: its requests get 503 while that is so. */
  #surplus: boolean
  /** Clock since which a request's parameters are half read; 0 when none are. */
  #pendingSince = 0
  readonly #progress = new Progress()
  readonly #backlog: Backlog

  constructor(wire: Wire, service: Service) {
    this.#wire = wire
    this.output = new Output(wire)
    this.service = service
    this.lastActive = service.now()
    this.#responder = new Responder(this, service.limits)
    this.#behind = new BodiesBehind(wire, this.open, this.#responder, service.limits)
    this.#backlog = new Backlog(wire, service.limits.maxBacklogBytes, () => {
      if (!this.#behind.paused) wire.resume()
    })
    this.#surplus = !service.hasRoom()
    service.opened(this)
    wire.open(this)
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
    // It never keeps connections; nobody who does sends such.
    if (!request.keepConnection && request.received < (exchange.stdin.length ?? 0)) {
      exchange.emptyStdinAt = this.service.now()
      return
    }
    this.stdinEnded(exchange)
  }

  /** STDIN has ended, by its empty record or by the time that has passed. */
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
    // 5.4: END_REQUEST "as soon as possible": the handler is told, the answer does not wait for it.
    if (exchange === undefined) {
      this.send(endText(request.id))
      this.#responder.finish(request)
      this.onRefused(request.keepConnection)
    } else if (!exchange.finished) {
      this.finish(exchange, 0)
      exchange.abort()
    }
  }

  /** A request has ended before it came to a handler. */
  onRefused(keepConnection: boolean): void {
    if (!keepConnection) this.#last = true
    // What is still to come of the request must not meet a closed socket: the peer's answer would be lost.
    if (this.#last && this.open.size === 0) this.output.endWriting()
  }

  send(text: string): void {
    this.#backlog.answered()
    this.output.send(text)
  }

  // --- what exchanges ask ---

  /** The app asks for more of a body. */
  wants(): void {
    if (this.#behind.release() && !this.#backlog.held) this.#wire.resume()
  }

  stderr(exchange: FastcgiExchange, text: string): void {
    if (exchange.finished || serverOf(exchange.env).crashesAtStderr) this.service.log(text)
    else if (text !== '') {
      exchange.stderrUsed = true
      this.send(stderrText(exchange.request.id, text))
    }
  }

  /** The process is to end: an idle connection is closed now; others are with their last reply. */
  stop(): void {
    this.leave()
  }

  /** As {@link stop}; another process goes on with the connection where there is one. */
  leave(): void {
    if (this.idle) this.#leave()
  }

  #leave(): void {
    const to = this.service.handOver
    if (to === null || this.#last) this.output.end()
    else
      this.output.written(() => {
        if (!this.idle || this.#given || this.#wire.destroyed) return
        this.#given = this.#wire.handOver(to)
        if (!this.#given) this.output.end()
      })
  }

  orderOfLeaving(now: number): number {
    if (this.open.size > 0) return STAYS
    if (this.#pendingSince > 0) return unfinishedSince(this.#pendingSince, now)
    return this.#heard ? idleSince(this.lastActive, now) : silentSince(this.lastActive, now)
  }

  giveWay(): void {
    this.service.closed(this)
    this.#wire.destroy()
  }

  /** Time limits; called about once a second. */
  sweep(now: number): void {
    const { idleTimeoutMs, paramsTimeoutMs } = this.service.limits
    if (this.#pendingSince > 0 && now - this.#pendingSince > paramsTimeoutMs) {
      this.breakOff(`the parameters of a request took longer than ${paramsTimeoutMs} ms (paramsTimeoutMs)`)
      return
    }
    if (this.open.size === 0 && now - this.lastActive > idleTimeoutMs) this.output.end()
    if (this.#takesNothing(now)) return
    if (this.#behind.sweep(now, this.output.full)) this.wants()
    for (const exchange of this.open.all()) checkTimes(this, exchange, now)
    if (this.#fresh.length > 0) this.#start(now)
  }

  /** Closes the connection when the peer has taken nothing of the replies for too long. */
  #takesNothing(now: number): boolean {
    const { sendTimeoutMs } = this.service.limits
    const { queued, taken, fd, destroyed } = this.#wire
    // A peer that reads its replies late is at work as long as the bodies come.
    const mark = this.#readsLate() ? taken + this.lastActive : taken
    if (!this.#progress.overdue(queued > 0 && !destroyed, mark, now, sendTimeoutMs, fd)) return false
    this.breakOff(`the peer took nothing of its replies for ${sendTimeoutMs} ms (sendTimeoutMs)`)
    return true
  }

  destroy(): void {
    this.#wire.destroy()
  }

  // --- bytes in ---

  /**
   * Bytes of the peer; the first ones may have been read before the protocol was known. The chunk need be
   * good only until this returns: what is kept of it is copied, unless it is our own.
   */
  data(chunk: Buffer, own = false): void {
    this.#gather.own = own
    this.output.hold()
    try {
      this.#read(chunk)
    } finally {
      this.output.release()
    }
    this.#backlog.look(this.#readsLate)
  }

  /** mod_fcgid reads nothing of a reply before it has sent all of the body. */
  readonly #readsLate = (): boolean => {
    if (this.#responder.multiplexed) return false
    return this.open.all().some(({ request }) => !request.stdinEnded || !request.dataEnded)
  }

  get ahead(): number {
    return this.#responder.bodyAhead
  }

  #read(chunk: Buffer): void {
    this.#heard = true
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
    this.#behind.look(this.lastActive)
  }

  /** Begins after the whole chunk was read, so that a request that came whole has its whole body. */
  #start(now: number): void {
    const fresh = this.#fresh
    this.#fresh = []
    const { maxRequestsPerConnection } = this.service.limits
    if (this.#surplus) this.#surplus = !this.service.hasRoom(this)
    let before = this.open.size - fresh.length
    for (const exchange of fresh) {
      if (exchange.finished) continue
      if (exchange.undecided && now - exchange.began < UNDECIDED_MS) {
        this.#fresh.push(exchange)
        continue
      }
      this.service.serve(
        exchange,
        (reply) => answer(this, exchange, reply),
        (error) => answerError(this, exchange, error),
        this.#surplus
          ? 'maxConnections'
          : before++ >= maxRequestsPerConnection
            ? 'maxRequestsPerConnection'
            : null,
      )
    }
  }

  // --- replies out ---

  takeBody(exchange: FastcgiExchange): Promise<void> {
    exchange.bodyAwaited = true
    exchange.stdin.spill(new Spool(this.service.limits.maxUnreadBytes))
    this.wants()
    return exchange.stdin.settled()
  }

  /**
   * Closes without END_REQUEST, or, with other requests open, ends this one with an app status (5.5).
   * nginx and others take the end of the connection for the end of the reply, but not behind
   * {@link abortText}; those that see the break anyway skip it.
   */
  cut(exchange: FastcgiExchange): void {
    if (this.open.size > 1) this.finish(exchange, 1)
    else {
      this.send(abortText(exchange.request.id, serverOf(exchange.env)))
      this.output.end()
    }
  }

  abandon(end: ProcessEnd): (() => void) | null {
    return abandonAll(this, this.open.all(), this.#wire, end)
  }

  /** END_REQUEST, and what follows from it for the connection. */
  finish(exchange: FastcgiExchange, appStatus: number): void {
    const { request } = exchange
    exchange.finished = true
    exchange.readBeforeFinish = request.received + request.dataReceived
    this.send(exchange.stderrUsed ? endTextWithStderr(request.id, appStatus) : endText(request.id, appStatus))
    exchange.stdin.cancel()
    exchange.data?.cancel()
    this.#over(exchange)
    // nginx sends no more of the body once the reply has begun, and waits for the end of the connection.
    if (!request.keepConnection && this.open.size > 0 && this.#allFinished()) this.output.endWriting()
    this.service.done(exchange)
  }

  #allFinished(): boolean {
    for (const exchange of this.open.all()) if (!exchange.finished) return false
    return true
  }

  /** The reply is out: is the request over on both sides? */
  #over(exchange: FastcgiExchange): void {
    const { request } = exchange
    // With a kept connection the rest of an unread body is ignored by its id until the next BEGIN.
    if (request.keepConnection || (request.stdinEnded && request.dataEnded)) this.#release(exchange)
    else exchange.finishedAt ||= this.service.now()
  }

  #release(exchange: FastcgiExchange): void {
    const { request } = exchange
    this.#responder.finish(request)
    this.open.delete(request.id)
    this.lastActive = this.service.now()
    // 5.1: without FCGI_KEEP_CONN the application closes the connection after the request.
    if (!request.keepConnection) this.#last = true
    if ((!this.#last && !this.service.stopping) || this.open.size > 0) return
    // A socket closed with anything unread in it, be it padding, is reset: the reply would be lost.
    const isRead = request.stdinEnded && request.dataEnded && this.#responder.idle
    // 6.3: an Authorizer has no FCGI_STDIN, but some servers end it all the same, perhaps later.
    if (request.role === Role.AUTHORIZER || !isRead) this.output.endWriting()
    else this.#leave()
  }

  /** The peer has closed: the only sign of a client's leaving that real servers give. */
  gone(): void {
    if (this.#fresh.length > 0) this.#start(Number.POSITIVE_INFINITY)
    for (const exchange of this.open.all()) if (!exchange.finished) exchange.abort()
    this.#wire.destroySoon()
  }

  closed(): void {
    for (const exchange of this.open.all()) {
      exchange.abort()
      exchange.stdin.cancel()
      exchange.data?.cancel()
      exchange.finished = true
      this.service.done(exchange)
    }
    this.open.clear()
    this.service.closed(this)
  }
}
