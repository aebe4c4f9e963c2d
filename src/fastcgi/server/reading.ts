/**
 * Whether a connection is read: not while an app is too slow to read a body, or the peer to read its replies.
 */
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

/** Replies that may be pending for a peer that reads only after it has sent everything. */
const mostAnswers = 100

/** What flow control needs from the connection. */
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
  /** Clock time since which the app is behind. */
  #behindSince = 0
  /** Records answered since the peer last read. */
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
    // Data for another process must not be read here.
    else if (this.state === 'reading' && this.#connection.state !== 'given') this.#wire.resume()
  }

  get #appIsBehind(): boolean {
    return this.state === 'app-behind' || this.state === 'both-behind'
  }

  get #peerIsBehind(): boolean {
    return this.state === 'peer-behind' || this.state === 'both-behind'
  }

  // --- flow control of bodies ---

  /** Called after a chunk was read. */
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
   * After a while, a body that no app reads goes to a file: on a kept connection the peer may have sent
   * another request after it.
   *
   * @param unread replies are pending for the peer
   */
  sweep(now: number, unread: boolean): void {
    if (!this.#appIsBehind || now - this.#behindSince <= pauseMs) return
    const responder = this.#responder
    // mod_fcgid reads none of a reply before it has sent the whole body: only then can the app continue.
    if (unread) responder.multiplexed = true
    for (const { request } of this.#connection.open.all())
      if (request.keepConnection) responder.multiplexed = true
    this.bodyRead()
  }

  /** Whether the app is behind with some request's body, so that the connection must wait. */
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

  // --- flow control of replies ---

  /** A reply of at most one record was sent. */
  answered(): void {
    this.#answers++
  }

  /**
   * Called when all output caused by the input read so far is written.
   *
   * @param readsLate whether the peer may be one that reads a reply only after it has sent the whole body
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
  // Read on, unless too much is still waiting to be written to the file.
  if (body.spooled <= maxSpoolBytes) return body.unwritten > 4 * maxUnreadBytes
  body.settle()
  return true
}
