/** Whether a connection is read: not while an app is too slow to read a body, or the peer to read its replies. */
import { next } from '../../core/states.js'
import type { PushedBody } from '../../serve/body.js'
import type { Limits } from '../../serve/limits.js'
import { Spool } from '../../serve/spool.js'
import type { Wire } from '../../socket/wire.js'
import type { ById } from '../codec/by-id.js'
import type { Responder } from '../codec/responder.js'
import type { FastcgiExchange } from './exchange.js'
import { type ConnectionState, type ReadingEvent, type ReadingState, readingStates } from './states.js'

/** How long a body that no app reads may block a kept connection, in milliseconds. */
const pauseMs = 500

/** Answers that may be pending for a peer that reads only when it has sent all. */
const mostAnswers = 100

/** What it needs of the connection. */
interface ReadConnection {
  readonly state: ConnectionState
  readonly open: ById<FastcgiExchange>
}

export class Reading {
  state: ReadingState = 'reading'
  readonly #wire: Wire
  readonly #connection: ReadConnection
  readonly #responder: Responder
  readonly #limits: Limits
  /** Clock since which the app is behind. */
  #behindSince = 0
  /** Records that were answered since the peer last read. */
  #answers = 0

  constructor(wire: Wire, connection: ReadConnection, responder: Responder, limits: Limits) {
    this.#wire = wire
    this.#connection = connection
    this.#responder = responder
    this.#limits = limits
  }

  #step(event: ReadingEvent): void {
    const before = this.state
    this.state = next(readingStates, before, event)
    if (before === 'reading') this.#wire.pause()
    // What comes for another process is not ours to read.
    else if (this.state === 'reading' && this.#connection.state !== 'given') this.#wire.resume()
  }

  get #appIsBehind(): boolean {
    return this.state === 'app-behind' || this.state === 'both-behind'
  }

  get #peerIsBehind(): boolean {
    return this.state === 'peer-behind' || this.state === 'both-behind'
  }

  // --- the readers of bodies ---

  /** To be called when a chunk was read. */
  checkBodies(now: number): void {
    if (this.#appIsBehind || !this.#bodiesFull()) return
    this.#behindSince = now
    this.#step('appBehind')
  }

  /** A body was read, or will not be. */
  bodyRead(): void {
    if (this.#appIsBehind && !this.#bodiesFull()) this.#step('appReads')
  }

  /**
   * When it has taken long, the body that no app reads goes to a file from now on: a peer that keeps the
   * connection may have sent another request behind it.
   *
   * @param unread replies are pending for the peer
   */
  sweep(now: number, unread: boolean): void {
    if (!this.#appIsBehind || now - this.#behindSince <= pauseMs) return
    const responder = this.#responder
    // mod_fcgid reads nothing of a reply before it has sent all of the body: the app goes on only then.
    if (unread) responder.multiplexed = true
    for (const { request } of this.#connection.open.all())
      if (request.keepConnection) responder.multiplexed = true
    this.bodyRead()
  }

  /** The reader of some request's body is behind, and the connection has to wait for it. */
  #bodiesFull(): boolean {
    const { multiplexed } = this.#responder
    for (const { stdin, data } of this.#connection.open.all())
      if (
        isFull(stdin, this.#limits, multiplexed) ||
        (data !== null && isFull(data, this.#limits, multiplexed))
      )
        return true
    return false
  }

  // --- the peer ---

  /** Something was answered that takes no more than a record. */
  answered(): void {
    this.#answers++
  }

  /**
   * To be called when all is written that came of what was read.
   *
   * @param readsLate whether the peer may be one that reads a reply only when it has sent all of the body
   */
  checkReplies(readsLate: () => boolean): void {
    const wire = this.#wire
    if (wire.queued <= this.#limits.maxBacklogBytes) {
      this.#answers = 0
      return
    }
    if (this.#peerIsBehind || wire.destroyed || (this.#answers < mostAnswers && readsLate())) return
    this.#step('peerBehind')
    wire.whenWritten(() => this.#step('peerReads'))
  }
}

/** @param multiplexed other requests of the connection must not wait: the body goes to a file */
function isFull(body: PushedBody, limits: Limits, multiplexed: boolean): boolean {
  const { maxUnreadBytes, maxSpoolBytes } = limits
  if (body.queued <= maxUnreadBytes) return false
  if (!body.spilling) {
    if (!multiplexed) return true
    body.spill(new Spool(0))
    return false
  }
  // A file that is slow is waited for.
  if (body.spooled <= maxSpoolBytes) return body.unwritten > 4 * maxUnreadBytes
  body.settle()
  return true
}
