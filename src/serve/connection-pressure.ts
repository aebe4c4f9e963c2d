/**
 * A set for connections, which come and go. A Set would reallocate its table again and again; once in old
 * space, each old table keeps a connection alive until the next full collection.
 */

/** A member of a {@link Crowd}. */
export interface Member {
  /** Index in the crowd; -1 if this is not a member. */
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

  /** A snapshot of all members: they may be removed meanwhile. */
  [Symbol.iterator](): Iterator<T> {
    return this.#all.slice()[Symbol.iterator]()
  }
}
