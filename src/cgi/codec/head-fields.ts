/** The header fields of a reply: checked, and sorted by their meaning in CGI. No IO. */
import { AppError } from '../../core/errors.js'
import type { HeaderList } from '../../core/exchange.js'

/** What a field name means for a CGI reply. */
const plain = 0
const contentTypeField = 1
const contentLengthField = 2
const locationField = 3
const connectionField = 4
const dropped = 5

/** A Map: an object would inherit `constructor` and `__proto__`. */
const special: ReadonlyMap<string, number> = new Map([
  ['content-type', contentTypeField],
  ['content-length', contentLengthField],
  ['location', locationField],
  ['connection', connectionField],
  // The reply's own status is the only one; a second Status breaks RFC 3875 6.3 ("MUST NOT appear
  // more than once").
  ['status', dropped],
  // RFC 3875 6.3.4: "The script MUST NOT return any header fields that relate to client-side
  // communication issues".
  ['keep-alive', dropped],
  ['proxy-connection', dropped],
  ['te', dropped],
  ['trailer', dropped],
  ['transfer-encoding', dropped],
  ['upgrade', dropped],
])

export interface Fields {
  contentType: string | null
  contentLength: string | null
  location: string | null
  /** All other fields, `name, value, …`. */
  rest: string[]
  notes: string[]
}

/** Cache of the kind of each name: the same few names come with every reply. */
const kinds = new Map<string, number>()
const maxKinds = 512

/** RFC 9110 5.6.2 token. */
const notToken = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/
/** RFC 9110 5.5: field-content is HTAB, SP, VCHAR and obs-text. */
const notValue = /[^\t\x20-\x7e\x80-\xff]/

/** @throws AppError HEADER_INVALID, CONTENT_LENGTH_INVALID */
export function readFields(list: HeaderList): Fields {
  const fields: Fields = { contentType: null, contentLength: null, location: null, rest: [], notes: [] }
  if (list.length % 2 !== 0) {
    throw new AppError(
      'HEADER_INVALID',
      `The header list has ${list.length} items; expected name, value, name, value, …`,
    )
  }
  let connection = ''
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string
    const value = list[i + 1] as string
    const kind = kinds.get(name) ?? kindOf(name)
    if (typeof value !== 'string' || notValue.test(value)) refuseValue(name, value)
    if (kind === plain) fields.rest.push(name, value)
    // RFC 3875 6.3: each CGI field once. The last one wins, as in Apache and nginx.
    else if (kind === contentTypeField) fields.contentType = value
    else if (kind === locationField) fields.location = value
    else if (kind === contentLengthField) takeLength(fields, value)
    else if (kind === connectionField) connection += `,${value}`
  }
  if (connection !== '') dropNamed(fields, connection)
  if (fields.contentType === '') fields.contentType = null
  if (fields.location === '') fields.location = null
  return fields
}

function kindOf(name: string): number {
  if (typeof name !== 'string' || name === '' || notToken.test(name)) {
    throw new AppError('HEADER_INVALID', `${show(name)} is not a header name.`)
  }
  const kind = special.get(name.toLowerCase()) ?? plain
  if (kinds.size < maxKinds) kinds.set(name, kind)
  return kind
}

function refuseValue(name: string, value: unknown): never {
  if (typeof value !== 'string') {
    throw new AppError(
      'HEADER_INVALID',
      `The value of header ${show(name)} is ${typeof value}; expected a string.`,
    )
  }
  const at = value.search(notValue)
  const code = value.charCodeAt(at)
  const what =
    code === 13
      ? 'CR'
      : code === 10
        ? 'LF'
        : code === 0
          ? 'NUL'
          : `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
  const advice =
    code > 0xff
      ? " Header values are bytes: percent-encode it in a URL, use RFC 8187 (filename*=UTF-8''…) in a parameter."
      : ''
  throw new AppError(
    'HEADER_INVALID',
    `Header ${show(name)} has ${what} at position ${at} of its value.${advice}`,
  )
}

/** RFC 9110 8.6: equal repeats count as one, different ones are an error. */
function takeLength(fields: Fields, value: string): void {
  if (fields.contentLength !== null && fields.contentLength !== value) {
    throw new AppError(
      'CONTENT_LENGTH_INVALID',
      `Two different Content-Length fields: ${show(fields.contentLength)} and ${show(value)}.`,
    )
  }
  fields.contentLength = value
}

/** RFC 9110 7.6.1: a field that Connection names belongs to the connection as well. */
function dropNamed(fields: Fields, connection: string): void {
  const named = new Set(connection.toLowerCase().split(/[\s,]+/))
  const { rest } = fields
  fields.rest = []
  for (let i = 0; i < rest.length; i += 2) {
    const name = rest[i] as string
    if (!named.has(name.toLowerCase())) fields.rest.push(name, rest[i + 1] as string)
  }
}

function show(text: unknown): string {
  const quoted = JSON.stringify(text) ?? String(text)
  return quoted.length > 80 ? `${quoted.slice(0, 77)}…"` : quoted
}
