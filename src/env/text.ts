/** Text helpers of the translator. Strings are Latin-1: one character per byte. */

/** The value of a hexadecimal digit's character code; -1 if it is not one. */
export function hexValue(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const letter = code | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

/** Decodes `%XX` once, byte by byte; invalid escapes stay unchanged. */
export function percentDecode(text: string): string {
  let at = text.indexOf('%')
  if (at < 0) return text
  let out = ''
  let from = 0
  while (at >= 0 && at + 2 < text.length) {
    const high = hexValue(text.charCodeAt(at + 1))
    const low = hexValue(text.charCodeAt(at + 2))
    if (high >= 0 && low >= 0) {
      out += text.slice(from, at) + String.fromCharCode(high * 16 + low)
      from = at + 3
      at = text.indexOf('%', from)
    } else {
      at = text.indexOf('%', at + 1)
    }
  }
  return out + text.slice(from)
}

const hex = '0123456789ABCDEF'

/** Encodes every byte that is not in `keep` as `%XX`. */
export function percentEncode(text: string, keep: Uint8Array): string {
  let out = ''
  let from = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i) & 255
    if (keep[code] === 1) continue
    out += `${text.slice(from, i)}%${hex[code >> 4]}${hex[code & 15]}`
    from = i + 1
  }
  return from === 0 ? text : out + text.slice(from)
}

/** A lookup table of character codes: the given characters, and ASCII letters and digits. */
export function byteSet(marks: string): Uint8Array {
  const set = new Uint8Array(256)
  for (let code = 48; code < 123; code++) if (isAlnum(code)) set[code] = 1
  for (let i = 0; i < marks.length; i++) set[marks.charCodeAt(i)] = 1
  return set
}

/** ASCII letter or digit. */
export function isAlnum(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
}

// RFC 9110 section 5.6.2: tchar.
const tokenBytes = byteSet("!#$%&'*+-.^_`|~")

/** Whether a string is a token (RFC 9110 section 5.6.2): a method or a field name. */
export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (tokenBytes[text.charCodeAt(i)] !== 1) return false
  }
  return text.length > 0
}

/** Whether a string is one or more decimal digits. */
export function isDigits(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 48 || code > 57) return false
  }
  return text.length > 0
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false
  return true
}

/** A Latin-1 byte string read as UTF-8, or unchanged where its bytes are not valid UTF-8. */
export function bytesToText(bytes: string): string {
  if (isAscii(bytes)) return bytes
  const text = Buffer.from(bytes, 'latin1').toString('utf8')
  // Decoding never fails, it inserts U+FFFD: the text is valid if it encodes back to the same bytes.
  return textToBytes(text) === bytes ? text : bytes
}

/** Text as a Latin-1 byte string of its UTF-8 encoding. */
export function textToBytes(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1')
}
