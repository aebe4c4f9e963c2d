import { percentDecode } from './text.js'

/** A path as a web server resolves it, with each segment's position in the original text. */
export interface Walk {
  /** Decoded segments, without empty and dot segments. */
  readonly segments: readonly string[]
  /** For each segment the offset after it in the text; -1 if it ended inside an escape (`%2F`). */
  readonly ends: readonly number[]
  /** Whether the path ends in a slash or a dot segment. */
  readonly slash: boolean
}

/**
 * Resolves a path segment by segment: decodes once, merges slashes, removes dot segments (RFC 3986 section
 * 5.2.4), and records where each segment ended in the raw text.
 *
 * `%2F` counts as a slash after decoding too: some servers pass it on encoded (Apache with
 * AllowEncodedSlashes NoDecode), some decoded, and a comparison must accept both.
 * @param raw true for a path as sent; false for one that is already decoded (PATH_INFO).
 */
export function walk(path: string, raw: boolean): Walk {
  const segments: string[] = []
  const ends: number[] = []
  let slash = false
  for (let from = 0; from <= path.length; ) {
    let end = path.indexOf('/', from)
    if (end < 0) end = path.length
    if (end > from) slash = step(path.slice(from, end), raw, end, segments, ends)
    else if (end > 0) slash = true
    from = end + 1
  }
  return { segments, ends, slash }
}

/** Processes one raw segment; true if the path then ends in a slash. */
function step(text: string, raw: boolean, end: number, segments: string[], ends: number[]): boolean {
  const decoded = raw ? percentDecode(text) : text
  if (decoded.indexOf('/') < 0 && decoded.indexOf('%2') < 0) return put(decoded, end, segments, ends)
  const parts = decoded.split(/\/|%2F/i)
  let slash = false
  for (let i = 0; i < parts.length; i++) {
    slash = put(parts[i] as string, i === parts.length - 1 ? end : -1, segments, ends)
  }
  return slash
}

function put(segment: string, end: number, segments: string[], ends: number[]): boolean {
  if (segment === '' || segment === '.') return true
  if (segment === '..') {
    segments.pop()
    ends.pop()
    return true
  }
  segments.push(segment)
  ends.push(end)
  return false
}

/** Whether `part` appears in `whole` from segment `at` on. */
export function standsAt(whole: Walk, part: Walk, at: number): boolean {
  if (at < 0 || at + part.segments.length > whole.segments.length) return false
  for (let i = 0; i < part.segments.length; i++) {
    if (whole.segments[at + i] !== part.segments[i]) return false
  }
  return true
}

/** How many trailing segments are the same. */
export function sameEnd(one: Walk, other: Walk): number {
  const a = one.segments
  const b = other.segments
  let count = 0
  while (count < a.length && count < b.length && a[a.length - 1 - count] === b[b.length - 1 - count]) count++
  return count
}

/** Whether both have the same segments. */
export function sameSegments(one: Walk, other: Walk): boolean {
  return one.segments.length === other.segments.length && standsAt(one, other, 0)
}

/**
 * Whether the last segments of `whole` are those of `part`; if `part` has none, whether both end in a slash.
 */
export function endsIn(whole: Walk, part: Walk): boolean {
  if (part.segments.length === 0) return whole.slash && part.slash
  return standsAt(whole, part, whole.segments.length - part.segments.length)
}
