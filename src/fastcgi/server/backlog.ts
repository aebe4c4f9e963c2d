/** What waits for a peer that sends on and does not read must not grow without end. */
import type { Wire } from '../../socket/wire.js'

/** Answers that may wait for a peer that reads only when it has sent all. */
const MOST_ANSWERS = 100

export class Backlog {
  /** Nothing more is read of the peer before it has read. */
  held = false
  readonly #wire: Wire
  readonly #max: number
  readonly #onDrain: () => void
  #answers = 0

  /** @param max bytes of replies that may wait */
  constructor(wire: Wire, max: number, onDrain: () => void) {
    this.#wire = wire
    this.#max = max
    this.#onDrain = onDrain
  }

  /** Something was answered that takes no more than a record. */
  answered(): void {
    this.#answers++
  }

  /**
   * To be called when all is written that came of what was read.
   *
   * @param readsLate whether the peer may be one that reads a reply only when it has sent all of the body
   */
  look(readsLate: () => boolean): void {
    const wire = this.#wire
    if (wire.queued <= this.#max) {
      this.#answers = 0
      return
    }
    if (this.held || wire.destroyed || (this.#answers < MOST_ANSWERS && readsLate())) return
    this.held = true
    wire.pause()
    wire.whenWritten(() => {
      this.held = false
      this.#onDrain()
    })
  }
}
