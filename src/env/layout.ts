/**
 * The position of each meta-variable in its list. A server sends the same names in the same order with each
 * request, so requests share layouts.
 */
import { maxKnownName, uniqueName } from './names.js'

export class Layout {
  readonly names: readonly string[]
  /** Name -> position of its value in the list; the last position if the name is repeated. */
  readonly places: ReadonlyMap<string, number>
  /** Whether a name appears more than once. */
  readonly hasRepeats: boolean
  #copies = 0
  #template: Record<string, string> | undefined

  constructor(names: readonly string[], places: ReadonlyMap<string, number>) {
    this.names = names
    this.places = places
    this.hasRepeats = places.size < names.length
  }

  /**
   * A new object that has all the names, to be filled in: this takes a third of the time of adding them one
   * by one.
   */
  blank(): Record<string, string> {
    // A template does not pay off for a single request, or for requests that all differ.
    if (this.#template === undefined && ++this.#copies < 3) return {}
    this.#template ??= templateOf(this.names)
    return { ...this.#template }
  }
}

/**
 * JSON.parse() creates objects of a fixed shape, which an object with this many names would not get
 * otherwise.
 */
const templateOf = (names: readonly string[]): Record<string, string> =>
  JSON.parse(
    JSON.stringify(
      Object.fromEntries(names.filter((name) => name !== '__proto__').map((name) => [name, ''])),
    ),
  )

/** Number of cached layouts, indexed by a hash of the names. */
const mostLayouts = 64
const kept: (Layout | undefined)[] = new Array(mostLayouts).fill(undefined)

/** Longer lists are not cached: clients choose names. */
const maxKeptNames = 100

/** @param list `name, value, …` */
export function layoutOf(list: readonly string[]): Layout {
  let hash = list.length
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = list[i] as string
    hash = (Math.imul(hash, 31) + name.length * 127 + name.charCodeAt(name.length >> 1)) | 0
  }
  const found = kept[hash & (mostLayouts - 1)]
  if (found !== undefined && fits(found.names, list)) return found
  return make(list, hash & (mostLayouts - 1))
}

function fits(names: readonly string[], list: readonly string[]): boolean {
  if (names.length !== list.length >> 1) return false
  for (let i = 0; i < names.length; i++) if (names[i] !== list[2 * i]) return false
  return true
}

function make(list: readonly string[], place: number): Layout {
  const places = new Map<string, number>()
  const count = list.length >> 1
  let keep = count <= maxKeptNames
  for (let i = 0; keep && i < count; i++) keep = (list[2 * i] as string).length <= maxKnownName
  const names: string[] = []
  for (let i = 0; i < count; i++) {
    const name = keep ? uniqueName(list[2 * i] as string) : (list[2 * i] as string)
    names.push(name)
    places.set(name, 2 * i + 1)
  }
  const layout = new Layout(names, places)
  if (keep) kept[place] = layout
  return layout
}
