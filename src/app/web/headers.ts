/**
 * Headers (https://fetch.spec.whatwg.org/#headers-class) without undici.
 */
import {
  finishInterface,
  isObject,
  isPlainHeaderValue,
  needArguments,
  toDOMString,
  toHeaderName,
  toHeaderValue,
} from './convert.js'
import { linkToPlatform } from './platform.js'

/** What may be changed: everything, or nothing (`Response.error()`, `Response.redirect()`). */
export type Guard = 'none' | 'request' | 'response' | 'immutable'

const createKey = Symbol('create')

/** `name, value, …` with names in lower case and values checked; repeats kept. */
type FlatList = readonly string[]

/** Creates Headers from a validated list. The list is copied before a change. */
export let createHeaders: (list: FlatList, guard: Guard) => Headers
/** The list of a light Headers; undefined for anything else. Read-only. */
export let headersList: (headers: unknown) => FlatList | undefined
/** The guard of a light Headers. */
export let headersGuard: (headers: Headers) => Guard

class Headers {
  #list: FlatList = []
  #shared = true
  #guard: Guard = 'none'
  #sorted: [string, string][] | null = null

  constructor(init?: unknown, list?: FlatList, guard?: Guard) {
    if (init === createKey) {
      this.#list = list as FlatList
      this.#guard = guard as Guard
    } else if (init !== undefined) {
      this.#list = listFrom(init)
    }
  }

  static {
    createHeaders = (list, guard) => new Headers(createKey, list, guard)
    headersList = (headers) => (isObject(headers) && #list in headers ? headers.#list : undefined)
    headersGuard = (headers) => headers.#guard
    // The platform's constructor has a single, optional parameter.
    Object.defineProperty(Headers, 'length', { value: 0, configurable: true })
    Object.defineProperty(Headers.prototype.forEach, 'length', { value: 1, configurable: true })
  }

  append(name: string, value: string): void {
    this.#brand()
    needArguments(arguments.length, 2, 'Headers.append')
    const key = toHeaderName(name, 'Headers.append')
    const text = toHeaderValue(value, 'Headers.append')
    this.#own().push(key, text)
  }

  delete(name: string): void {
    this.#brand()
    needArguments(arguments.length, 1, 'Headers.delete')
    const key = toHeaderName(name, 'Headers.delete')
    const list = this.#own()
    for (let i = list.length - 2; i >= 0; i -= 2) if (list[i] === key) list.splice(i, 2)
  }

  get(name: string): string | null {
    const list = this.#list
    needArguments(arguments.length, 1, 'Headers.get')
    const key = toHeaderName(name, 'Headers.get')
    let value: string | null = null
    for (let i = 0; i < list.length; i += 2) {
      if (list[i] === key)
        value = value === null ? (list[i + 1] as string) : join(key, value, list[i + 1] as string)
    }
    return value
  }

  has(name: string): boolean {
    const list = this.#list
    needArguments(arguments.length, 1, 'Headers.has')
    const key = toHeaderName(name, 'Headers.has')
    for (let i = 0; i < list.length; i += 2) if (list[i] === key) return true
    return false
  }

  set(name: string, value: string): void {
    this.#brand()
    needArguments(arguments.length, 2, 'Headers.set')
    const key = toHeaderName(name, 'Headers.set')
    const text = toHeaderValue(value, 'Headers.set')
    const list = this.#own()
    const at = indexOfName(list, key)
    if (at === -1) {
      list.push(key, text)
      return
    }
    list[at + 1] = text
    for (let i = list.length - 2; i > at; i -= 2) if (list[i] === key) list.splice(i, 2)
  }

  getSetCookie(): string[] {
    const list = this.#list
    const cookies: string[] = []
    for (let i = 0; i < list.length; i += 2) if (list[i] === 'set-cookie') cookies.push(list[i + 1] as string)
    return cookies
  }

  keys(): IterableIterator<string> {
    this.#brand()
    return iterate<string>(() => this.#pairs(), 'keys')
  }

  values(): IterableIterator<string> {
    this.#brand()
    return iterate<string>(() => this.#pairs(), 'values')
  }

  entries(): IterableIterator<[string, string]> {
    this.#brand()
    return iterate<[string, string]>(() => this.#pairs(), 'entries')
  }

  declare [Symbol.iterator]: () => IterableIterator<[string, string]>

  forEach(callback: (value: string, name: string, headers: Headers) => void, thisArg?: unknown): void {
    this.#brand()
    needArguments(arguments.length, 1, 'Headers.forEach')
    if (typeof callback !== 'function')
      throw new TypeError('Headers.forEach: the callback is not a function.')
    for (const [name, value] of iterate<[string, string]>(() => this.#pairs(), 'entries')) {
      callback.call(thisArg, value, name, this)
    }
  }

  [Symbol.for('nodejs.util.inspect.custom')](
    depth: number | null,
    options: Record<string, unknown>,
    inspect: (value: unknown, options: unknown) => string,
  ): string {
    const entries: Record<string, string> = Object.create(null)
    for (let i = 0; i < this.#list.length; i += 2) {
      const name = this.#list[i] as string
      const value = this.#list[i + 1] as string
      entries[name] = name in entries ? join(name, entries[name] as string, value) : value
    }
    options.depth ??= depth
    return `Headers ${inspect({ ...entries }, options)}`
  }

  /** Throws for anything that is not a light Headers. */
  #brand(): void {
    void this.#list
  }

  /** The list, copied if necessary so that it may be changed. */
  #own(): string[] {
    if (this.#guard === 'immutable') throw new TypeError('immutable')
    if (this.#shared) {
      this.#list = this.#list.slice()
      this.#shared = false
    }
    this.#sorted = null
    return this.#list as string[]
  }

  /** https://fetch.spec.whatwg.org/#concept-header-list-sort-and-combine */
  #pairs(): [string, string][] {
    if (this.#sorted) return this.#sorted
    const combined = new Map<string, string>()
    const cookies: string[] = []
    for (let i = 0; i < this.#list.length; i += 2) {
      const name = this.#list[i] as string
      const value = this.#list[i + 1] as string
      if (name === 'set-cookie') cookies.push(value)
      const before = combined.get(name)
      combined.set(name, before === undefined ? value : join(name, before, value))
    }
    const names = [...combined.keys()].sort()
    const pairs: [string, string][] = []
    for (const name of names) {
      if (name === 'set-cookie') for (const cookie of cookies) pairs.push([name, cookie])
      else pairs.push([name, combined.get(name) as string])
    }
    this.#sorted = pairs
    return pairs
  }
}

function join(name: string, before: string, value: string): string {
  return name === 'cookie' ? `${before}; ${value}` : `${before}, ${value}`
}

function indexOfName(list: FlatList, name: string): number {
  for (let i = 0; i < list.length; i += 2) if (list[i] === name) return i
  return -1
}

/** Keeps an index, so that changes during iteration are visible, as Web IDL requires. */
class HeadersIterator {
  #pairs: () => [string, string][]
  #kind: 'keys' | 'values' | 'entries'
  #index = 0

  constructor(pairs: () => [string, string][], kind: 'keys' | 'values' | 'entries') {
    this.#pairs = pairs
    this.#kind = kind
  }

  next(): IteratorResult<unknown> {
    const pair = this.#pairs()[this.#index]
    if (pair === undefined) return { value: undefined, done: true }
    this.#index += 1
    const value = this.#kind === 'entries' ? [...pair] : pair[this.#kind === 'keys' ? 0 : 1]
    return { value, done: false }
  }
}

function iterate<T>(
  pairs: () => [string, string][],
  kind: 'keys' | 'values' | 'entries',
): IterableIterator<T> {
  return new HeadersIterator(pairs, kind) as unknown as IterableIterator<T>
}

Reflect.deleteProperty(HeadersIterator.prototype, 'constructor')
finishInterface(HeadersIterator.prototype, 'Headers Iterator')
Object.setPrototypeOf(HeadersIterator.prototype, Object.getPrototypeOf(Object.getPrototypeOf([].values())))

Object.defineProperty(Headers.prototype, Symbol.iterator, {
  value: Headers.prototype.entries,
  writable: true,
  configurable: true,
})
finishInterface(Headers.prototype, 'Headers')
linkToPlatform(Headers, 'Headers')

/** https://fetch.spec.whatwg.org/#concept-headers-fill */
export function listFrom(init: unknown): FlatList {
  if (!isObject(init)) {
    throw new TypeError(
      'Headers constructor: Argument 1 could not be converted to one of: sequence<sequence<ByteString>>, record<ByteString, ByteString>.',
    )
  }
  const source = init as Record<PropertyKey, unknown>
  const iterator = source[Symbol.iterator]
  const own = headersList(init)
  if (own && iterator === Headers.prototype.entries) return combined(own)
  if (typeof iterator === 'function') return listFromPairs(iterator.call(init))
  return listFromRecord(source)
}

/** A copy with each name once, except Set-Cookie; the joined value is normalized. */
function combined(list: FlatList): FlatList {
  const copy: string[] = []
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string
    const value = list[i + 1] as string
    const at = name === 'set-cookie' ? -1 : indexOfName(copy, name)
    if (at === -1) copy.push(name, value)
    else copy[at + 1] = join(name, copy[at + 1] as string, value)
  }
  for (let i = 1; i < copy.length; i += 2) copy[i] = toHeaderValue(copy[i], 'Headers constructor')
  return copy
}

function listFromPairs(iterator: Iterator<unknown>): string[] {
  const list: string[] = []
  for (let at = 0, step = iterator.next(); !step.done; at++, step = iterator.next()) {
    const where = `Headers constructor: init[${at}]`
    if (!isObject(step.value)) throw new TypeError(`${where} is not iterable.`)
    const pair = [...(step.value as Iterable<unknown>)]
    if (pair.length !== 2) throw new TypeError(`${where}: expected a pair, found ${pair.length} items.`)
    list.push(toHeaderName(pair[0], where), toHeaderValue(pair[1], where))
  }
  return list
}

function listFromRecord(record: Record<PropertyKey, unknown>): string[] {
  const list: string[] = []
  for (const key of Reflect.ownKeys(record)) {
    const name = toHeaderName(toDOMString(key, 'Headers constructor: a key'), 'Headers constructor')
    const value = record[key]
    list.push(name, isPlainHeaderValue(value) ? value : toHeaderValue(value, `Headers constructor: ${name}`))
  }
  return list
}

export { Headers }
