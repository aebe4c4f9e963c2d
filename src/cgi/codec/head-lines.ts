/** Parses the lines of a program's head one by one, and combines them. No IO. */

import { ProgramError } from '../../core/errors.js'
import type { HeaderList } from '../../core/exchange.js'

/** RFC 9110 5.6.2 token. */
const notToken = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/
const control = /[^\t\x20-\x7e\x80-\xff]/
const shownBytes = 100

export class HeadReader {
  readonly #nph: boolean
  readonly #headers: string[] = []
  #number = 0
  #status: number | undefined
  #reason: string | undefined
  #contentType = false
  #location: string | undefined
  #length: string | undefined

  constructor(nph: boolean) {
    this.#nph = nph
  }

  /**
   * Takes one line, without its line end; an empty one ends the head.
   * @param start the first bytes of the output, for messages.
   * @throws ProgramError PROGRAM_HEAD_INVALID
   */
  line(text: string, start: string): ProgramHead | null {
    this.#number++
    if (text === '' && this.#number > 1) return this.#finish(start)
    if (control.test(text)) {
      const at = text.search(control)
      const hex = text.charCodeAt(at).toString(16).padStart(2, '0')
      this.#refuse(
        `has the control character 0x${hex} at column ${at + 1}`,
        text,
        'text and tabs only (RFC 3875 section 6.3)',
        start,
      )
    }
    if (this.#number === 1 && (this.#nph || text.startsWith('HTTP/'))) this.#statusLine(text, start)
    else this.#field(text, start)
    return null
  }

  #field(text: string, start: string): void {
    const colon = text.indexOf(':')
    const name = text.slice(0, colon)
    if (colon <= 0 || notToken.test(name)) this.#refuseLine(text, start)
    const value = withoutWhiteSpace(text, colon + 1)
    // RFC 3875 6.3: "A null field-value is equivalent to a field not being sent".
    if (value === '') return
    const lower = name.toLowerCase()
    if (lower === 'status' && !this.#nph) {
      this.#takeStatus(value, text, start)
      return
    }
    if (lower === 'location') {
      if (this.#location !== undefined && this.#location !== value) this.#refuseRepeat(text, start)
      if (this.#location !== undefined) return
      this.#location = value
    } else if (lower === 'content-length') {
      if (this.#length !== undefined && this.#length !== value) this.#refuseRepeat(text, start)
      if (this.#length !== undefined) return
      this.#length = value
    } else if (lower === 'content-type') {
      this.#contentType = true
    }
    this.#headers.push(name, value)
  }

  #takeStatus(value: string, text: string, start: string): void {
    // RFC 3875 6.3.3: "Status = 'Status:' status-code SP reason-phrase NL", status-code = 3digit.
    const match = /^(\d{3})(?:[ \t]+(.*))?$/.exec(value)
    const status = Number(match?.[1])
    if (!match || status < 200 || status > 599) {
      const expected =
        'a Status from 200 to 599 and a reason, as in "Status: 404 Not Found" (RFC 3875 section 6.3.3)'
      this.#refuse('has a status that is not a final status', text, expected, start)
    }
    if (this.#status !== undefined && this.#status !== status) this.#refuseRepeat(text, start)
    this.#status = status
    if (match[2]) this.#reason = match[2]
  }

  /**
   * RFC 3875 5.2: an NPH script writes a complete HTTP response. lighttpd and nginx (scgi) take its
   * first line from other scripts, too, as their Status.
   */
  #statusLine(text: string, start: string): void {
    const match = /^HTTP\/\d+(?:\.\d+)?[ \t]+(\d{3})(?:[ \t]+(.*))?$/.exec(text)
    if (!match) {
      const expected =
        'an HTTP status line such as "HTTP/1.1 200 OK", because the script\'s name begins with nph- (RFC 3875 section 5.2)'
      this.#refuse('is not an HTTP status line', text, expected, start)
    }
    this.#takeStatus(match[2] ? `${match[1]} ${match[2]}` : (match[1] as string), text, start)
  }

  /** RFC 3875 6.2: a CGI response has one of four forms. */
  #finish(start: string): ProgramHead {
    const location = this.#location
    const common = {
      headers: this.#headers,
      nph: this.#nph,
      ...(this.#reason !== undefined && { reason: this.#reason }),
      ...(location !== undefined && { location }),
    }
    if (this.#nph) return { kind: 'document', status: this.#status ?? 200, ...common }
    if (location === undefined) {
      // RFC 3875 6.3: "At least one CGI field MUST be supplied".
      if (this.#status === undefined && !this.#contentType) this.#refuseNoCgiField(start)
      return { kind: 'document', status: this.#status ?? 200, ...common }
    }
    // RFC 3875 6.2.2: local-Location is a path; "//host" is a network-path reference and leads elsewhere.
    if (this.#status === undefined && location.startsWith('/') && !location.startsWith('//')) {
      return { kind: 'local-redirect', status: 200, ...common }
    }
    const status = this.#status ?? 302
    if (status < 300 || status === 304 || status > 399) return { kind: 'document', status, ...common }
    return { kind: this.#contentType ? 'client-redirect-document' : 'client-redirect', status, ...common }
  }

  #refuseLine(text: string, start: string): never {
    if (text === '')
      this.#refuse('is empty', text, 'header fields before the empty line (RFC 3875 section 6.2)', start)
    if (/^[ \t]/.test(text)) {
      this.#refuse(
        'begins with white space',
        text,
        'each field on one line, without continuation (RFC 3875 section 6.3)',
        start,
      )
    }
    if (!text.includes(':')) {
      const expected = 'a header field such as "Content-Type: text/html" (RFC 3875 section 6.3)'
      this.#refuse('has no colon', text, expected, start)
    }
    this.#refuse(
      'has no valid field name before its colon',
      text,
      'letters, digits and "-", then ":" (RFC 3875 section 6.3)',
      start,
    )
  }

  #refuseRepeat(text: string, start: string): never {
    this.#refuse('repeats a field with another value', text, 'the field once (RFC 3875 section 6.3)', start)
  }

  #refuseNoCgiField(start: string): never {
    throw new ProgramError(
      'PROGRAM_HEAD_INVALID',
      `The head of the output has none of Content-Type, Location and Status; expected at least one of them ` +
        `(RFC 3875 section 6.3). The output began with ${quote(start)}.`,
    )
  }

  #refuse(what: string, text: string, expected: string, start: string): never {
    throw new ProgramError(
      'PROGRAM_HEAD_INVALID',
      `Line ${this.#number} of the output ${what}: ${quote(text)}; expected ${expected}. The output began with ${quote(start)}.`,
    )
  }
}

/** The rest of a string, trimmed; unlike trim(), it keeps 0xA0, which is an ordinary byte here. */
function withoutWhiteSpace(text: string, from: number): string {
  let end = text.length
  let at = from
  while (at < end && isWhiteSpace(text.charCodeAt(at))) at++
  while (end > at && isWhiteSpace(text.charCodeAt(end - 1))) end--
  return text.slice(at, end)
}

function isWhiteSpace(code: number): boolean {
  return code === 32 || code === 9
}

/** The beginning of the bytes in readable form: a JSON string with everything but printable ASCII escaped. */
export function quote(latin1: string): string {
  const cut = latin1.length > shownBytes
  const text = JSON.stringify(latin1.slice(0, shownBytes)).replace(
    /[\x7f-\xff]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16)}`,
  )
  return cut ? `${text.slice(0, -1)}…"` : text
}

/** The four responses of RFC 3875 section 6.2. */
type HeadKind = 'document' | 'local-redirect' | 'client-redirect' | 'client-redirect-document'

/** The head of a program's output. */
export interface ProgramHead {
  readonly kind: HeadKind
  /** 200 to 599; 302 for a redirect without Status. */
  readonly status: number
  /** As the program wrote it; absent when it wrote none. */
  readonly reason?: string
  /** Fields as written, in order, repeats kept; without Status, and without fields that have no value. */
  readonly headers: HeaderList
  /** Value of the Location field. For a local redirect, the path (and query) of this server. */
  readonly location?: string
  /** The program writes whole HTTP responses, which must be passed on unmodified. */
  readonly nph: boolean
}
