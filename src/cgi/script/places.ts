/** Places for scripts that run at the same time, and the queue before them. */
import { availableParallelism } from 'node:os'
import { RequestError, UsageError } from '../../core/errors.js'

export interface PlaceLimits {
  /**
   * Scripts that run at the same time; further requests wait. An event stream holds its place for as long as
   * it is open. Default 4 for each processor, at least 8; 0 for no limit.
   */
  readonly maxScripts?: number
  /** Requests that wait for a place; further ones get 503. Default 1000. */
  readonly maxQueue?: number
  /** How long a request waits for a place, in milliseconds; then 503. Default 30000; 0 for no limit. */
  readonly queueTimeoutMs?: number
}

function checkLimits(limits: Required<PlaceLimits>): void {
  for (const [name, value] of Object.entries(limits)) {
    if (typeof value === 'number' && value >= 0) continue
    const shown = typeof value === 'string' ? JSON.stringify(value) : String(value)
    throw new UsageError('USAGE', `The option ${name} takes a number of 0 or more, not ${shown}.`)
  }
}

/** @returns gives the place back; may be called twice */
export type Leave = () => void

export class ScriptPlaces {
  readonly #max: number
  readonly #maxQueue: number
  readonly #timeoutMs: number
  #taken = 0
  /** In the order in which they came. */
  readonly #queue = new Set<() => void>()

  constructor({ maxScripts, maxQueue = 1000, queueTimeoutMs = 30_000 }: PlaceLimits = {}) {
    const max = maxScripts ?? Math.max(8, 4 * availableParallelism())
    checkLimits({ maxScripts: max, maxQueue, queueTimeoutMs })
    this.#max = max === 0 ? Number.POSITIVE_INFINITY : max
    this.#maxQueue = maxQueue
    this.#timeoutMs = queueTimeoutMs
  }

  /**
   * Resolves when there is a place.
   *
   * @param signal of the request that waits
   * @throws RequestError SCRIPTS_BUSY; the reason of the signal when it aborts
   */
  async take(signal: AbortSignal): Promise<Leave> {
    signal.throwIfAborted()
    if (this.#taken >= this.#max) {
      if (this.#queue.size >= this.#maxQueue)
        throw this.#busy(`and ${this.#queue.size} requests wait for a place (maxQueue)`)
      await this.#wait(signal)
    } else this.#taken++
    let left = false
    return () => {
      if (left) return
      left = true
      this.#free()
    }
  }

  /** Whoever waits longest gets the place: it stays taken. */
  #free(): void {
    const [first] = this.#queue
    if (first === undefined) this.#taken--
    else first()
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#queue.delete(enter)
        clearTimeout(timer)
        signal.removeEventListener('abort', gone)
      }
      const enter = () => {
        done()
        resolve()
      }
      const gone = () => {
        done()
        reject(signal.reason)
      }
      const late = () => {
        done()
        reject(this.#busy(`for ${this.#timeoutMs / 1000} s (queueTimeoutMs)`))
      }
      const timer = this.#timeoutMs > 0 ? setTimeout(late, this.#timeoutMs) : undefined
      signal.addEventListener('abort', gone)
      this.#queue.add(enter)
    })
  }

  #busy(more: string): RequestError {
    return new RequestError(
      'SCRIPTS_BUSY',
      `All ${this.#max} places for scripts were taken (maxScripts), ${more}.`,
    )
  }
}
