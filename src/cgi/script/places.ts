/** Slots for scripts that run at the same time, and the queue for them. */
import { availableParallelism } from 'node:os'
import { RequestError } from '../../core/errors.js'
import { type LimitOptions, limitValues } from '../../core/limits/limit.js'
import { placeLimits } from '../../core/limits/scripts.js'

export type PlaceLimits = LimitOptions<typeof placeLimits>

/** Releases a slot; may be called twice. */
export type Leave = () => void

export class ScriptPlaces {
  readonly #max: number
  readonly #maxQueue: number
  readonly #timeoutMs: number
  #taken = 0
  /** In order of arrival. */
  readonly #queue = new Set<() => void>()

  constructor(limits: PlaceLimits = {}) {
    const { maxScripts, maxQueue, queueTimeoutMs } = limitValues(placeLimits, limits)
    const max = maxScripts ?? Math.max(8, 4 * availableParallelism())
    this.#max = max === 0 ? Number.POSITIVE_INFINITY : max
    this.#maxQueue = maxQueue
    this.#timeoutMs = queueTimeoutMs
  }

  /**
   * Resolves when a slot is free.
   *
   * @param signal of the waiting request
   * @throws RequestError SCRIPTS_BUSY; the reason of the signal when it aborts
   */
  async take(signal: AbortSignal): Promise<Leave> {
    signal.throwIfAborted()
    if (this.#taken >= this.#max) {
      if (this.#queue.size >= this.#maxQueue) throw this.#busy(`and so was maxQueue (${this.#maxQueue})`)
      await this.#wait(signal)
    } else this.#taken++
    let left = false
    return () => {
      if (left) return
      left = true
      this.#free()
    }
  }

  /** The longest-waiting request gets the slot, which stays occupied. */
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
        reject(this.#busy(`and this request has waited for ${this.#timeoutMs / 1000} s (queueTimeoutMs)`))
      }
      const timer = this.#timeoutMs > 0 ? setTimeout(late, this.#timeoutMs) : undefined
      signal.addEventListener('abort', gone)
      this.#queue.add(enter)
    })
  }

  #busy(more: string): RequestError {
    return new RequestError('SCRIPTS_BUSY', `The limit maxScripts (${this.#max}) was reached, ${more}.`)
  }
}
