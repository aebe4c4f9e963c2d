/** One SCGI connection: one request, its body limited by CONTENT_LENGTH, one reply, then the end. */

import { RequestError } from '../../core/errors.js'
import { abandonedText } from '../../serve/answer.js'
import { bodyTimeout } from '../../serve/limits.js'
import { silentSince, stays, unfinishedSince } from '../../serve/pressure.js'
import { lastReply, type ProcessEnd } from '../../serve/process-end.js'
import type { ServedConnection, Service } from '../../serve/service.js'
import { Spool } from '../../serve/spool.js'
import { Progress } from '../../socket/progress.js'
import { highWater, type Wire, type WireOwner } from '../../socket/wire.js'
import { NetstringReader, type ScgiHead } from '../codec/netstring.js'
import { answerScgi, answerScgiError, type ScgiLine } from './answer.js'
import { ScgiExchange } from './exchange.js'

/** How long the peer has to read the last data before a reset, in milliseconds. */
const resetMs = 20

/** From this size on, the rest of a body is worth a separate read. */
const large = 65536

export class ScgiConnection implements ServedConnection, ScgiLine, WireOwner {
  readonly service: Service
  place = -1
  readonly wire: Wire
  readonly #reader: NetstringReader
  readonly #openedAt: number
  #exchange: ScgiExchange | null = null
  /** Bytes of the body that arrived after the reply. */
  #discarded = 0
  /** Bytes have arrived that are not part of the request. */
  #surplus = false
  readonly #progress = new Progress()
  /** The connection was accepted beyond maxConnections. */
  #tooMany: boolean

  constructor(wire: Wire, service: Service) {
    this.wire = wire
    this.service = service
    this.#reader = new NetstringReader(service.limits)
    this.#openedAt = service.now()
    this.#tooMany = !service.hasRoom()
    service.opened(this)
    wire.open(this)
  }

  /** The app requests more of the body. */
  wants(): void {
    if (this.wire.paused && !this.#full()) this.wire.resume()
  }

  stop(): void {
    if (this.#exchange === null && this.#reader.idle) this.wire.destroySoon()
  }

  orderOfLeaving(now: number): number {
    if (this.#exchange !== null) return stays
    return this.#reader.idle ? silentSince(this.#openedAt, now) : unfinishedSince(this.#openedAt, now)
  }

  giveWay(): void {
    this.service.closed(this)
    this.wire.destroy()
  }

  /** Time limits; called about once a second. */
  sweep(now: number): void {
    const { idleTimeoutMs, paramsTimeoutMs } = this.service.limits
    const exchange = this.#exchange
    const age = now - this.#openedAt
    if (exchange !== null) this.#sweepRequest(exchange, now)
    else if (this.#reader.idle) {
      if (age > idleTimeoutMs) this.wire.destroySoon()
    } else if (age > paramsTimeoutMs)
      this.#refuse(`the headers of a request took longer than ${paramsTimeoutMs} ms (paramsTimeoutMs)`)
  }

  #sweepRequest(exchange: ScgiExchange, now: number): void {
    const { requestTimeoutMs, discardTimeoutMs, bodyTimeoutMs, sendTimeoutMs } = this.service.limits
    const { queued, taken, fd } = this.wire
    // A peer that reads its reply late is still active as long as the body arrives.
    const mark = exchange.left > 0 ? taken + exchange.stdin.received : taken
    if (this.#progress.overdue(queued > 0, mark, now, sendTimeoutMs, fd))
      this.#refuse(`the peer read none of its reply for ${sendTimeoutMs} ms (sendTimeoutMs)`)
    else if (exchange.finished) {
      if (now - exchange.finishedAt > discardTimeoutMs) this.wire.destroy()
    } else if (now - exchange.began > requestTimeoutMs) {
      const error = new RequestError(
        'REQUEST_TIMEOUT',
        `The request took longer than ${requestTimeoutMs} ms (requestTimeoutMs).`,
      )
      exchange.abort(error)
      answerScgiError(this, exchange, error)
    } else if (exchange.left > 0 && now - exchange.began > bodyTimeoutMs) {
      exchange.stdin.fail(bodyTimeout(exchange.stdin.received, bodyTimeoutMs))
    } else if (this.wire.paused && this.wire.queued >= highWater && !exchange.stdin.spilling) {
      // mod_proxy_scgi reads none of a reply before it has sent the whole body: only then can the app
      // continue.
      exchange.stdin.spill(new Spool(0))
      this.wants()
    }
  }

  destroy(): void {
    this.wire.destroy()
  }

  /**
   * Bytes from the peer; the first ones may have been read before the protocol was known. The chunk must be
   * valid only until this returns: kept data is copied, unless the chunk is our own.
   */
  data(chunk: Buffer, own = false): void {
    if (this.#exchange !== null) {
      this.#body(this.#exchange, chunk, 0, own)
      return
    }
    let head: ScgiHead | null
    try {
      head = this.#reader.push(chunk)
    } catch (error) {
      this.#refuse((error as Error).message)
      return
    }
    if (head === null) return
    const exchange = new ScgiExchange(this.service, head, this)
    this.#exchange = exchange
    if (head.bodyAt < chunk.length) this.#body(exchange, chunk, head.bodyAt, false)
    if (this.#surplus) return
    if (this.#tooMany) this.#tooMany = !this.service.hasRoom(this)
    this.service.serve(
      exchange,
      (reply) => answerScgi(this, exchange, reply),
      (error) => answerScgiError(this, exchange, error),
      this.#tooMany ? 'maxConnections' : null,
    )
  }

  #refuse(why: string): void {
    this.service.lines.complaint(`scgi: ${why}; the connection is closed`)
    this.wire.destroy()
  }

  get ahead(): number {
    const left = this.#exchange?.finished ? 0 : (this.#exchange?.left ?? 0)
    return left < large ? 0 : Math.min(left, large)
  }

  #body(exchange: ScgiExchange, chunk: Uint8Array, from: number, own: boolean): void {
    const taken = exchange.take(chunk, from, own)
    const surplus = chunk.length - from - taken
    if (surplus > 0) this.#tooLong(exchange)
    if (exchange.finished) this.#discard(exchange, taken + surplus)
    else if (this.#full()) this.wire.pause()
  }

  /**
   * Bytes after CONTENT_LENGTH are not part of the request, nor another request. An app that relied on the
   * shorter length would silently lose them: the request fails instead.
   */
  #tooLong(exchange: ScgiExchange): void {
    if (this.#surplus) return
    this.#surplus = true
    const end = this.#reader.length + exchange.stdin.received
    // nginx with scgi_request_buffering off announces the part of the body that it has read so far.
    const isNginx = Number(exchange.env.get('HTTP_CONTENT_LENGTH')) > exchange.stdin.received
    const hint = isNginx ? ' (in nginx, scgi_request_buffering must be on)' : ''
    const error = new RequestError(
      'REQUEST_BODY_LONG',
      `The request continues at byte ${end}, after the ${exchange.stdin.received} bytes of body that CONTENT_LENGTH announces${hint}.`,
    )
    if (exchange.finished || exchange.headSent) this.service.lines.complaint(`scgi: ${error.message}`)
    else {
      exchange.abort(error)
      answerScgiError(this, exchange, error)
    }
  }

  #discard(exchange: ScgiExchange, bytes: number): void {
    const { maxDiscardBytes } = this.service.limits
    this.#discarded += bytes
    if (this.#discarded > maxDiscardBytes)
      this.#refuse(`more than ${maxDiscardBytes} bytes of an unwanted body (maxDiscardBytes)`)
    else if (exchange.left === 0 && !this.#surplus) this.wire.destroySoon()
  }

  #full(): boolean {
    const { maxUnreadBytes, maxSpoolBytes } = this.service.limits
    const stdin = this.#exchange?.stdin
    if (stdin === undefined || stdin.queued <= maxUnreadBytes) return false
    if (!stdin.spilling) return true
    if (stdin.spooled <= maxSpoolBytes) return stdin.unwritten > 4 * maxUnreadBytes
    stdin.settle()
    return true
  }

  takeBody(exchange: ScgiExchange): Promise<void> {
    exchange.bodyAwaited = true
    exchange.stdin.spill(new Spool(this.service.limits.maxUnreadBytes))
    this.wants()
    return exchange.stdin.settled()
  }

  /** The reply is complete: closing the connection ends it. */
  finish(exchange: ScgiExchange): void {
    const { wire } = this
    exchange.step('finish')
    exchange.finishedAt = this.service.now()
    exchange.stdin.cancel()
    this.service.done(exchange)
    if (exchange.left > 0 || this.#surplus) {
      // Closing a connection with unread bytes resets it, and the reply is lost: the rest is read.
      wire.end()
      wire.resume()
    } else wire.destroySoon()
  }

  /**
   * In SCGI a close looks like the end of the reply; a reset does not. It is sent separately: programs on
   * libuv see a reset as a normal end if it arrives together with data.
   */
  cut(exchange: ScgiExchange): void {
    const { wire } = this
    exchange.step('cut')
    if (wire.remoteAddress === undefined) wire.destroy()
    else setTimeout(() => wire.reset(), resetMs)
  }

  abandon(end: ProcessEnd): (() => void) | null {
    const { wire } = this
    const exchange = this.#exchange
    if (exchange === null || exchange.finished) return null
    const { headSent } = exchange
    const reply = lastReply(exchange, end)
    this.service.report(exchange, headSent ? `the reply was cut off: ${end.why}` : end.why)
    if (reply !== null && !headSent) answerScgi(this, exchange, reply)
    if (exchange.finished) {
      wire.lastText('', end.deadline)
      return null
    }
    exchange.step('lost')
    if (!headSent) wire.lastText(abandonedText(end, exchange.env.get('REQUEST_METHOD')), end.deadline)
    else if (wire.remoteAddress !== undefined) return () => wire.reset()
    return null
  }

  /** The peer has closed: the only sign of a client disconnect. */
  gone(): void {
    this.#leave()
    this.wire.destroySoon()
  }

  /** Nothing more can be sent: a reply that fails from now on is not worth logging. */
  #leave(): void {
    const exchange = this.#exchange
    if (exchange === null || exchange.finished) return
    exchange.step('lost')
    exchange.finishedAt = this.service.now()
    exchange.abort()
    exchange.stdin.cancel()
    this.service.done(exchange)
  }

  closed(): void {
    this.#leave()
    this.service.closed(this)
  }
}
