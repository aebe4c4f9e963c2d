/**
 * The few requests that are open on a connection, by id. A Map of one or two that come and go is given a
 * new table every few requests; the old tables, once in old space, each keep a request alive, and with it
 * all that it holds, until the next full collection.
 */

/** Ids from here on are kept in a Map: servers number from 1. */
const lowIds = 256

export class ById<T> {
  size = 0
  readonly #low: (T | undefined)[] = []
  #high: Map<number, T> | null = null

  get(id: number): T | undefined {
    return id < lowIds ? this.#low[id] : this.#high?.get(id)
  }

  has(id: number): boolean {
    return this.get(id) !== undefined
  }

  /** @param id one that is not there yet */
  add(id: number, value: T): void {
    this.size++
    if (id < lowIds) {
      while (this.#low.length < id) this.#low.push(undefined)
      this.#low[id] = value
    } else {
      this.#high ??= new Map()
      this.#high.set(id, value)
    }
  }

  delete(id: number): void {
    if (!this.has(id)) return
    this.size--
    if (id < lowIds) this.#low[id] = undefined
    else this.#high?.delete(id)
  }

  clear(): void {
    this.size = 0
    this.#low.length = 0
    this.#high = null
  }

  /** All of them as they are now: they may be deleted meanwhile. */
  all(): readonly T[] {
    if (this.size === 0) return none
    const all = this.#low.filter((value) => value !== undefined)
    return this.#high === null ? all : [...all, ...this.#high.values()]
  }
}

/** Never changed. */
const none: readonly never[] = []
