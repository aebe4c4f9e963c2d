/** Conditional and range requests (RFC 9110 sections 13 and 14) for a file. */

export interface Version {
  readonly etag: string
  /** Whole seconds since 1970. */
  readonly modified: number
}

/** True when the client's copy is current: answer 304. */
export function notModified(
  ifNoneMatch: string | undefined,
  ifModifiedSince: string | undefined,
  version: Version,
): boolean {
  // RFC 9110 13.1.3: "A recipient MUST ignore If-Modified-Since if the request contains an If-None-Match".
  if (ifNoneMatch !== undefined) {
    return ifNoneMatch.trim() === '*' || tags(ifNoneMatch).includes(version.etag.replace(/^W\//, ''))
  }
  const since = ifModifiedSince === undefined ? Number.NaN : Date.parse(ifModifiedSince) / 1000
  return version.modified <= since
}

function tags(list: string): string[] {
  return Array.from(list.matchAll(/(?:W\/)?("[^"]*")/g), (match) => match[1] as string)
}

export interface Range {
  readonly start: number
  /** Offset after the last byte. */
  readonly end: number
}

/**
 * The range a client asks for; null for the whole file (no Range, an unsupported one, several ranges, or an
 * outdated If-Range); `unsatisfiable` for 416.
 */
export function rangeOf(
  header: string | undefined,
  ifRange: string | undefined,
  size: number,
  version: Version,
): Range | null | 'unsatisfiable' {
  const match = /^bytes=(\d*)-(\d*)$/i.exec(header?.trim() ?? '')
  if (!match || (ifRange !== undefined && !sameVersion(ifRange, version))) return null
  const [, from = '', to = ''] = match
  if (from === '' && to === '') return null
  if (from === '') {
    const last = Number(to)
    return last === 0 || size === 0 ? 'unsatisfiable' : { start: Math.max(0, size - last), end: size }
  }
  const start = Number(from)
  const end = to === '' ? size : Math.min(Number(to) + 1, size)
  if (to !== '' && Number(to) < start) return null
  return start >= size ? 'unsatisfiable' : { start, end }
}

/** RFC 9110 13.1.5: If-Range needs a strong match; a date has to be exactly the same. */
function sameVersion(ifRange: string, version: Version): boolean {
  const value = ifRange.trim()
  return value.startsWith('"') ? value === version.etag : Date.parse(value) / 1000 === version.modified
}
