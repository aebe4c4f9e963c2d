/** What a script must check in a request before it can answer. No IO. */

import { RequestError } from '../../core/errors.js'
import type { Env } from '../../core/exchange.js'
import { contentLengthOf } from '../../env/headers.js'
import { serverOf } from '../../env/server.js'

/** What is wrong with the variables of a request; null if it can be answered. */
export function checkRequest(env: Env): RequestError | null {
  const method = env.get('REQUEST_METHOD')
  // RFC 3875 4.1.12: REQUEST_METHOD is always set; 4.3: "The script ... SHOULD reject unsupported methods".
  if (!method) {
    const cause = method === undefined ? 'is not set' : 'is empty'
    return new RequestError(
      'REQUEST_INCOMPLETE',
      `REQUEST_METHOD ${cause}; a web server sets it for every CGI request.`,
    )
  }
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(method)) {
    return new RequestError(
      'REQUEST_METHOD_INVALID',
      `REQUEST_METHOD is ${JSON.stringify(method.slice(0, 80))}.`,
    )
  }
  // RFC 3875 4.3.2: "The script MUST check the value of the CONTENT_LENGTH variable before reading".
  const length = env.get('CONTENT_LENGTH')
  if (length && contentLengthOf(env) === null) {
    const why = 'expected digits, or nothing when the request has no body'
    return new RequestError(
      'REQUEST_LENGTH_INVALID',
      `CONTENT_LENGTH is ${JSON.stringify(length.slice(0, 80))}; ${why}.`,
    )
  }
  return null
}

/**
 * RFC 3875 section 5.1 leaves it to the server how it recognizes a script that writes whole HTTP responses:
 * for Apache and cgiup its file name begins with `nph-`; fcgiwrap, Go and Python have no such scripts.
 */
export function isNph(env: Pick<Env, 'get'>): boolean {
  const path = env.get('SCRIPT_FILENAME') || env.get('SCRIPT_NAME') || ''
  if (!path.slice(path.lastIndexOf('/') + 1).startsWith('nph-')) return false
  return env.get('FCGI_ROLE') === undefined && serverOf(env).knowsNph
}
