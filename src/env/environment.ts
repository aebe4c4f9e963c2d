import type { Env } from '../core/exchange.js'
import { type Layout, layoutOf } from './layout.js'
import { bytesToText, textToBytes } from './text.js'

/**
 * The meta-variables of one request: a flat list. The index is built at the first lookup, the plain object
 * for apps only on demand.
 */
export class Environment implements Env {
  readonly list: readonly string[]
  #layout: Layout | undefined
  /** Built only if names are repeated. */
  #index: Map<string, string> | undefined
  #object: Record<string, string> | undefined
  readonly #isAscii: boolean

  /**
   * @param list `name, value, name, value, …`; values are Latin-1 strings, one character per byte.
   * @param isAscii all values are known to be ASCII, so {@link toObject} skips the check. Default false.
   */
  constructor(list: readonly string[], isAscii = false) {
    this.list = list
    this.#isAscii = isAscii
  }

  /**
   * From a record of variables as Node decoded them (`process.env`), converted back to UTF-8 bytes. Bytes
   * that were not valid UTF-8 are lost; if /proc exists, use {@link Environment.fromBytes}.
   */
  static fromObject(record: Readonly<Record<string, string | undefined>>): Environment {
    const list: string[] = []
    for (const name of Object.keys(record)) {
      const value = record[name]
      if (value !== undefined) list.push(textToBytes(name), textToBytes(value))
    }
    return new Environment(list)
  }

  /** From a block of NUL-terminated `NAME=value` entries, as in /proc/self/environ. */
  static fromBytes(block: Uint8Array): Environment {
    const text = Buffer.from(block.buffer, block.byteOffset, block.byteLength).toString('latin1')
    const list: string[] = []
    for (let from = 0; from < text.length; ) {
      let end = text.indexOf('\0', from)
      if (end < 0) end = text.length
      const equals = text.indexOf('=', from)
      if (equals > from && equals < end) list.push(text.slice(from, equals), text.slice(equals + 1, end))
      from = end + 1
    }
    // One native call checks all values: ASCII text has as many UTF-8 bytes as characters.
    return new Environment(list, Buffer.byteLength(text) === text.length)
  }

  get(name: string): string | undefined {
    this.#layout ??= layoutOf(this.list)
    if (this.#layout.hasRepeats) return this.#joined().get(name)
    const place = this.#layout.places.get(name)
    return place === undefined ? undefined : this.list[place]
  }

  /** Whether a name appears more than once in the list. */
  get hasRepeats(): boolean {
    this.#layout ??= layoutOf(this.list)
    return this.#layout.hasRepeats
  }

  toObject(): Readonly<Record<string, string>> {
    if (this.#object !== undefined) return this.#object
    const object = this.#isAscii && !this.hasRepeats ? this.#filled() : this.#decoded()
    // repair: httpoxy. Apps copy variables to process.env, where HTTP_PROXY sets the proxy for their own
    // requests.
    if (object.HTTP_PROXY !== undefined) delete object.HTTP_PROXY
    this.#object = object
    return object
  }

  #filled(): Record<string, string> {
    const { list } = this
    const object = (this.#layout as Layout).blank()
    for (let i = 0; i + 1 < list.length; i += 2) object[list[i] as string] = list[i + 1] as string
    return object
  }

  #decoded(): Record<string, string> {
    const object: Record<string, string> = {}
    const list = this.hasRepeats ? [...this.#joined()].flat() : this.list
    for (let i = 0; i + 1 < list.length; i += 2) {
      const name = list[i] as string
      const value = list[i + 1] as string
      object[bytesToText(name)] = name.startsWith('HTTP_') ? value : bytesToText(value)
    }
    return object
  }

  #joined(): Map<string, string> {
    this.#index ??= joinedIndex(this.list)
    return this.#index
  }
}

/**
 * One value per name. "If multiple header fields with the same field-name are received then the server MUST
 * rewrite them as a single value" (RFC 3875 section 4.1.18): nginx and h2o do not.
 * repair: repeated-variables
 */
function joinedIndex(list: readonly string[]): Map<string, string> {
  const index = new Map<string, string>()
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = list[i] as string
    const value = list[i + 1] as string
    const earlier = index.get(name)
    index.set(name, earlier === undefined ? value : joinValues(name, earlier, value))
  }
  return index
}

/**
 * Combines two values of one variable: cookies with "; " (RFC 9113 section 8.2.3), other request headers with
 * ", " (RFC 9110 section 5.3). For all other variables the last value wins: nginx sends SCRIPT_NAME twice if
 * a configuration line overrides an included one.
 */
export function joinValues(name: string, earlier: string, later: string): string {
  if (!name.startsWith('HTTP_')) return later
  return name === 'HTTP_COOKIE' ? `${earlier}; ${later}` : `${earlier}, ${later}`
}
