/** MIME types (https://mimesniff.spec.whatwg.org), as far as bodies need them. */
import { isToken } from './convert.js'

export interface MimeType {
  /** `type/subtype` in lower case. */
  readonly essence: string
  readonly parameters: ReadonlyMap<string, string>
}

const quotedStringChars = /^[\t\x20-\x7e\x80-\xff]*$/
const trim = (text: string): string => text.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '')

/** https://mimesniff.spec.whatwg.org/#parse-a-mime-type; null on failure. */
function parseMimeType(input: string): MimeType | null {
  const text = trim(input)
  const end = text.indexOf(';')
  const [type, subtype] = splitOnce(end === -1 ? text : text.slice(0, end), '/')
  const right = subtype?.replace(/[\t\n\r ]+$/, '')
  if (!type || !right || !isToken(type) || !isToken(right)) return null
  const parameters = new Map<string, string>()
  for (let at = end === -1 ? text.length : end + 1; at < text.length; ) {
    const next = readParameter(text, at)
    if (next.name && isToken(next.name) && next.value !== null && !parameters.has(next.name)) {
      if (quotedStringChars.test(next.value)) parameters.set(next.name, next.value)
    }
    at = next.end
  }
  return { essence: `${type}/${right}`.toLowerCase(), parameters }
}

function splitOnce(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark)
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

interface Parameter {
  name: string
  /** Null for a parameter without a value. */
  value: string | null
  /** Index at which the next parameter begins. */
  end: number
}

function readParameter(text: string, start: number): Parameter {
  let at = start
  while (at < text.length && /[\t\n\r ]/.test(text[at] as string)) at++
  const from = at
  while (at < text.length && text[at] !== ';' && text[at] !== '=') at++
  const name = text.slice(from, at).toLowerCase()
  if (text[at] !== '=') return { name, value: null, end: at + 1 }
  at++
  if (text[at] === '"') {
    const quoted = readQuotedString(text, at + 1)
    const semicolon = text.indexOf(';', quoted.end)
    return { name, value: quoted.value, end: semicolon === -1 ? text.length : semicolon + 1 }
  }
  const semicolon = text.indexOf(';', at)
  const end = semicolon === -1 ? text.length : semicolon
  const value = text.slice(at, end).replace(/[\t\n\r ]+$/, '')
  return { name, value: value === '' ? null : value, end: end + 1 }
}

function readQuotedString(text: string, start: number): { value: string; end: number } {
  let value = ''
  let at = start
  for (; at < text.length && text[at] !== '"'; at++) {
    if (text[at] === '\\' && at + 1 < text.length) at++
    value += text[at]
  }
  return { value, end: at + 1 }
}

/** https://mimesniff.spec.whatwg.org/#serialize-a-mime-type */
export function serializeMimeType(type: MimeType): string {
  let text = type.essence
  for (const [name, value] of type.parameters) {
    text += `;${name}=${isToken(value) ? value : `"${value.replace(/(["\\])/g, '\\$1')}"`}`
  }
  return text
}

/**
 * https://fetch.spec.whatwg.org/#concept-header-extract-mime-type: the last valid value; it inherits the
 * charset of an earlier one with the same essence.
 */
export function extractMimeType(values: readonly string[]): MimeType | null {
  let charset: string | undefined
  let found = null as MimeType | null
  for (const value of values.flatMap(splitList)) {
    const type = parseMimeType(value)
    if (!type || type.essence === '*/*') continue
    const same: boolean = type.essence === found?.essence
    found = type
    if (!same) charset = type.parameters.get('charset')
    else if (!type.parameters.has('charset') && charset !== undefined) {
      found = { essence: type.essence, parameters: new Map([...type.parameters, ['charset', charset]]) }
    }
  }
  return found
}

/** https://fetch.spec.whatwg.org/#header-value-get-decode-and-split */
function splitList(value: string): string[] {
  const parts: string[] = []
  let part = ''
  for (let at = 0; at < value.length; at++) {
    const char = value[at] as string
    if (char === '"') {
      const { end } = readQuotedString(value, at + 1)
      part += value.slice(at, end)
      at = end - 1
    } else if (char === ',') {
      parts.push(part)
      part = ''
    } else part += char
  }
  parts.push(part)
  return parts
}
