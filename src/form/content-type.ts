/**
 * Content-Type, parsed once: the media type, boundary and charset of a form all come from here. Two parsers
 * that read different parameters would disagree about where the parts of a form begin.
 */
import { FormError, malformed } from './error.js'

/** A Content-Type (RFC 9110 section 8.3.1). */
export interface ContentType {
  /** `type/subtype`, lower case. */
  readonly media: string
  /** Parameters in their order, names in lower case, quoted-strings unquoted; repeats are kept. */
  readonly parameters: readonly Parameter[]
}

interface Parameter {
  readonly name: string
  readonly value: string
  /** The value contained a backslash: some readers treat it as an escape, others literally. */
  readonly escaped: boolean
}

/**
 * RFC 9110 section 5.6.6: parameter-name "=" ( token / quoted-string ). Sticky: continues where the last
 * match ended.
 */
const namePattern = /[ \t]*([^\s;,="]*)/y
const quotedPattern = /"((?:[^"\\]|\\.)*)"[ \t]*/y
const blank = /[ \t]*/y
const bare = /[^\s;,"]*[ \t]*/y

export const multipartType = 'multipart/form-data'
const urlencoded = 'application/x-www-form-urlencoded'

/**
 * Parses the Content-Type of a form. A header that was sent twice arrives as `one, two` (RFC 9110 section
 * 5.3): both must mean the same.
 *
 * @throws FormError FORM_TYPE for another media type; FORM_MALFORMED for a value that is invalid or ambiguous
 */
export function readContentType(text: string): ContentType {
  const [first, ...others] = new Reader(text).all()
  for (const other of others) {
    if (JSON.stringify(other) !== JSON.stringify(first)) {
      throw malformed(
        `The Content-Type ${shown(text)} has two values; a boundary with a comma has to be in double quotes.`,
      )
    }
  }
  return first as ContentType
}

/** The value of a parameter that may appear once; undefined when absent. @throws FormError */
function only({ parameters }: ContentType, name: string): Parameter | undefined {
  const [first, ...others] = parameters.filter((parameter) => parameter.name === name)
  if (others.some(({ value }) => value !== first?.value))
    throw malformed(`The Content-Type of the form has more than one ${name}.`)
  return first
}

/**
 * RFC 2046 section 5.1.1: a boundary has 1 to 70 characters. More characters than the RFC lists are accepted,
 * because clients send `*` and `}`, but none that would need escaping.
 *
 * @throws FormError FORM_MALFORMED
 */
export function boundaryOf(type: ContentType): string {
  const found = only(type, 'boundary')
  // RFC 2231 sections 3 and 4; RFC 7578 does not use it, and readers that support it find another boundary.
  if (type.parameters.some(({ name }) => name.startsWith('boundary*')))
    throw malformed('The boundary in the Content-Type is encoded or split (RFC 2231); send boundary=… .')
  if (found === undefined) {
    throw malformed(
      'The Content-Type multipart/form-data has no boundary; do not set this header by hand, the client adds it.',
    )
  }
  const { value, escaped } = found
  if (escaped || !/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,70}$/.test(value) || value.endsWith(' ')) {
    throw malformed(
      'The boundary in the Content-Type must have 1 to 70 visible characters, none of them a quote or a backslash.',
    )
  }
  return value
}

/** UTF-8 by default. @throws FormError */
export function charsetOf(type: ContentType): string {
  return only(type, 'charset')?.value || 'utf-8'
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  all(): ContentType[] {
    const found = [this.#one()]
    while (this.#next(',')) found.push(this.#one())
    if (this.#at < this.#text.length) this.#fail()
    return found
  }

  #one(): ContentType {
    this.#match(blank)
    const media = this.#match(bare)[0].trimEnd().toLowerCase()
    if (media !== multipartType && media !== urlencoded)
      throw new FormError(
        'FORM_TYPE',
        `The Content-Type is ${shown(this.#text)}; a form has multipart/form-data or application/x-www-form-urlencoded.`,
      )
    const parameters: Parameter[] = []
    while (this.#next(';')) {
      const parameter = this.#parameter()
      if (parameter !== null) parameters.push(parameter)
    }
    return { media, parameters }
  }

  /** Null for an empty parameter, as in `a/b;` (RFC 9110 section 5.6.6 allows it). */
  #parameter(): Parameter | null {
    const name = (this.#match(namePattern)[1] as string).toLowerCase()
    // RFC 9110 section 5.6.6: no whitespace around "=".
    if (!this.#next('=')) {
      if (name !== '') this.#fail()
      this.#match(bare)
      return null
    }
    const quoted = this.#text[this.#at] === '"'
    const [whole, inside = whole.trimEnd()] = this.#match(quoted ? quotedPattern : bare)
    const value = quoted ? inside.replace(/\\(.)/g, '$1') : inside
    return { name, value, escaped: inside.includes('\\') }
  }

  #next(char: string): boolean {
    if (this.#text[this.#at] !== char) return false
    this.#at++
    return true
  }

  #match(pattern: RegExp): RegExpExecArray {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found === null) this.#fail()
    this.#at = pattern.lastIndex
    return found
  }

  #fail(): never {
    throw malformed(`The Content-Type ${shown(this.#text)} is invalid at character ${this.#at + 1}.`)
  }
}

const shown = (text: string): string => JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text)
