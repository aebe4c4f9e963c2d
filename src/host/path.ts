/** URL paths: decoded once, then resolved. Nothing is compared before that. */

import type { Exchange, Reply } from '../core/exchange.js'
import { translate } from '../env/request.js'
import { hexValue } from '../env/text.js'

/** Where a handler is in the URL space, and the path below it. Decoded byte strings. */
export interface PathPlace {
  /** The path that led here: `''` or `/…`. */
  readonly mount: string
  /**
   * The rest of the path by segment, dot segments resolved; `''` for each empty one (`//`, a trailing `/`).
   */
  readonly segments: readonly string[]
}

/** A path that no honest client sends. */
export interface Refused {
  readonly refused: string
}

/** Places found by `mount()`, so that nested handlers do not decode and resolve again. */
const places = new WeakMap<Exchange, PathPlace>()

export function setPlace(exchange: Exchange, place: PathPlace): void {
  places.set(exchange, place)
}

/** Where a request goes, relative to the current handler. */
export function placeOf(exchange: Exchange): PathPlace | Refused {
  const known = places.get(exchange)
  if (known) return known
  const request = translate(exchange.env)
  if (request.form === 'asterisk' || request.form === 'authority')
    return { refused: 'the request target has no path' }
  const mount = resolvePath(request.mount)
  if ('refused' in mount) return mount
  const rest = resolvePath(request.rest)
  return 'refused' in rest ? rest : { mount: joined(mount.segments), segments: rest.segments }
}

/**
 * Decodes each segment once and removes dot segments (RFC 3986 section 5.2.4) in every spelling: `.`, `%2e`,
 * `.%2E` (CVE-2021-41773). Decoded text is not decoded again (CVE-2021-42013).
 *
 * @param path raw; `''` or begins with `/`.
 */
export function resolvePath(path: string): { segments: string[] } | Refused {
  if (path === '') return { segments: [] }
  if (!path.startsWith('/')) return { refused: 'the path does not begin with "/"' }
  const segments: string[] = []
  const raw = path.slice(1).split('/')
  for (let i = 0; i < raw.length; i++) {
    const segment = decodeSegment(raw[i] as string)
    if (segment === null) return { refused: 'the path has an invalid percent escape' }
    if (segment.includes('\0')) return { refused: 'the path has a NUL' }
    const isLast = i === raw.length - 1
    if (segment === '.' || segment === '..') {
      if (segment === '..' && segments.length === 0) return { refused: 'the path leads above the root' }
      if (segment === '..') segments.pop()
      if (isLast) segments.push('')
    } else {
      segments.push(segment)
    }
  }
  return { segments }
}

function decodeSegment(text: string): string | null {
  let at = text.indexOf('%')
  if (at < 0) return text
  let out = ''
  let from = 0
  for (; at >= 0; at = text.indexOf('%', from)) {
    const high = hexValue(text.charCodeAt(at + 1))
    const low = hexValue(text.charCodeAt(at + 2))
    if (high < 0 || low < 0) return null
    out += text.slice(from, at) + String.fromCharCode(high * 16 + low)
    from = at + 3
  }
  return out + text.slice(from)
}

/** Segments as a path: `''`, or `/a/b`. */
export function joined(segments: readonly string[]): string {
  return segments.map((segment) => `/${segment}`).join('')
}

/** Segments as an encoded URL path; it never begins with `//`, which would name a host. */
export function encoded(segments: readonly string[]): string {
  const kept = segments.filter((segment, i) => segment !== '' || i === segments.length - 1)
  const path = kept.map((segment) => `/${encodeSegment(segment)}`).join('')
  return path === '' ? '/' : path
}

export function encodeSegment(segment: string): string {
  return segment.replace(
    /[^A-Za-z0-9\-._~!$&'()*+,;=:@]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}

/** True when the path contains a dot segment once decoded slashes are split too, as in `..%2f..`. */
export function hidesDotSegment(segments: readonly string[]): boolean {
  return segments.some(
    (segment) => segment.includes('/') && segment.split('/').some((part) => part === '.' || part === '..'),
  )
}

/** Relative links on a page only work when its path ends in a slash. */
export function withSlash(exchange: Exchange, place: PathPlace): Reply {
  const mount = place.mount.split('/').slice(1)
  const query = exchange.env.get('QUERY_STRING')
  const location = `${encoded([...mount, ...place.segments, ''])}${query ? `?${query}` : ''}`
  return { status: 301, headers: ['Location', location], body: null }
}
