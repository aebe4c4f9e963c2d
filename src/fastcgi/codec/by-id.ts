/**
 * The few open requests of a connection, by id. A Map with one or two entries that come and go reallocates
 * its table every few requests; once in old space, each old table keeps a request and everything it
 * references alive until the next full collection.
 */

/** Higher ids are kept in a Map: servers count from 1. */
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

  /** @param id one that is not in use yet */
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

  /** A snapshot of all requests: they may be deleted meanwhile. */
  all(): readonly T[] {
    if (this.size === 0) return none
    const all = this.#low.filter((value) => value !== undefined)
    return this.#high === null ? all : [...all, ...this.#high.values()]
  }
}

/** Never modified. */
const none: readonly never[] = []
