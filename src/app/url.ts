/** URLs for Request: parsed and serialized (https://url.spec.whatwg.org). */

import { RequestError } from '../core/errors.js'
import type { CgiRequest } from '../env/request.js'
import { byteSet } from '../env/text.js'

/** Cache from CGI's `http://host:port` to the URL parser's form; few different ones occur. */
const origins = { http: new Map<string, string>(), https: new Map<string, string>() }
const maxOrigins = 100

/** The origin in the URL parser's form; null when the whole URL has to be parsed. */
function originOf(cgi: CgiRequest): string | null {
  const { scheme, authority } = cgi
  const known = origins[scheme]
  let origin = known.get(authority)
  if (origin === undefined) {
    const root = `${scheme}://${authority}/`
    if (!URL.canParse(root)) return null
    const { href } = new URL(root)
    origin = href.slice(0, -1)
    if (known.size >= maxOrigins) known.clear()
    known.set(authority, origin)
  }
  return origin
}

/** @throws RequestError REQUEST_URL_INVALID. Only an authority can make a URL invalid. */
export function checkUrl(cgi: CgiRequest, full: boolean): void {
  if (originOf(cgi) === null) normalUrl(full ? cgi.url : cgi.relativeUrl)
}

/**
 * The URL of the request.
 *
 * @param full with the mount path.
 * @throws RequestError REQUEST_URL_INVALID
 */
export function requestUrl(cgi: CgiRequest, full: boolean): string {
  const path = full ? cgi.path : cgi.rest || '/'
  const { query } = cgi
  if (path.charCodeAt(0) === 47 && isPlainPath(path) && (query === null || isPlain(query, 0))) {
    const origin = originOf(cgi)
    if (origin !== null) return query === null ? origin + path : `${origin}${path}?${query}`
  }
  return normalUrl(full ? cgi.url : cgi.relativeUrl)
}

export function normalUrl(url: string): string {
  try {
    return new URL(url).href
  } catch (cause) {
    // The log must not contain the query.
    const shown = JSON.stringify(url.replace(/\?.*/s, ''))
    const detail = `The request is for ${shown}, which is not a valid URL.`
    throw new RequestError('REQUEST_URL_INVALID', detail, { cause })
  }
}

/** Bytes that the URL parser keeps, in a path and in a query. */
const plainBytes = byteSet('!$&()*+,-./:;=?@_~%')

function isPlain(text: string, from: number): boolean {
  for (let i = from; i < text.length; i++) if (plainBytes[text.charCodeAt(i)] !== 1) return false
  return true
}

/** No byte to encode, and no dot segment such as `/.` or `/%2e`: both begin right after a slash. */
function isPlainPath(path: string): boolean {
  for (let i = path.indexOf('/'); i >= 0; i = path.indexOf('/', i + 1)) {
    const next = path.charCodeAt(i + 1)
    if (next === 46 || next === 37) return false
  }
  return isPlain(path, 0)
}
