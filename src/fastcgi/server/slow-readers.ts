/** A connection stands still while the reader of a body is too far behind. */
import type { Limits } from '../../serve/limits.js'
import type { Wire } from '../../socket/wire.js'
import type { ById } from '../codec/by-id.js'
import type { Responder } from '../codec/responder.js'
import { holdsUp } from './back-pressure.js'
import type { FastcgiExchange } from './exchange.js'

/** How long a body that nobody reads may hold up a kept connection, in milliseconds. */
const PAUSE_MS = 500

export class BodiesBehind {
  /** The connection is not read. */
  paused = false
  #since = 0
  readonly #wire: Wire
  readonly #open: ById<FastcgiExchange>
  readonly #responder: Responder
  readonly #limits: Limits

  constructor(wire: Wire, open: ById<FastcgiExchange>, responder: Responder, limits: Limits) {
    this.#wire = wire
    this.#open = open
    this.#responder = responder
    this.#limits = limits
  }

  /** To be called when a chunk was read. */
  look(now: number): void {
    if (this.paused || !this.#full()) return
    this.paused = true
    this.#since = now
    this.#wire.pause()
  }

  /** Whether the connection may be read again, now that a body was. */
  release(): boolean {
    if (!this.paused || this.#full()) return false
    this.paused = false
    return true
  }

  /**
   * It has taken long: the body that nobody reads goes to a file from now on, for a peer that keeps the
   * connection may have sent another request behind it.
   *
   * @param unread replies wait for the peer
   */
  sweep(now: number, unread: boolean): boolean {
    if (!this.paused || now - this.#since <= PAUSE_MS) return false
    // mod_fcgid reads nothing of a reply before it has sent all of the body: the app goes on only then.
    if (unread) this.#responder.multiplexed = true
    for (const { request } of this.#open.all()) if (request.keepConnection) this.#responder.multiplexed = true
    return true
  }

  /** Some request's reader is behind, and the connection has to wait for it. */
  #full(): boolean {
    const { multiplexed } = this.#responder
    for (const { stdin, data } of this.#open.all())
      if (
        holdsUp(stdin, this.#limits, multiplexed) ||
        (data !== null && holdsUp(data, this.#limits, multiplexed))
      )
        return true
    return false
  }
}
