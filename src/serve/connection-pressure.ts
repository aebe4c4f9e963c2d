/**
 * Connections that come and go. A Set of them is given a new table again and again, and the old tables, once
 * in old space, each keep a connection alive until the next full collection.
 */

/** What may be in one {@link Crowd}. */
export interface Member {
  /** Its place there; -1 outside. */
  place: number
}

export class Crowd<T extends Member> {
  readonly #all: T[] = []

  get size(): number {
    return this.#all.length
  }

  add(member: T): void {
    if (member.place < 0) member.place = this.#all.push(member) - 1
  }

  delete(member: T): void {
    const { place } = member
    if (place < 0) return
    member.place = -1
    const last = this.#all.pop() as T
    if (last === member) return
    last.place = place
    this.#all[place] = last
  }

  /** All of them as they are now: they may leave meanwhile. */
  [Symbol.iterator](): Iterator<T> {
    return this.#all.slice()[Symbol.iterator]()
  }
}
