/**
 * Rejects request heads that this server and a proxy in front could read as different requests. Node's parser
 * refuses most of them (two lengths, a length beside Transfer-Encoding, a bare CR or LF, folded lines); this
 * file checks the rest. No IO.
 */

import { RequestError } from '../../core/errors.js'
import { isAuthority } from '../../env/authority.js'
import { parseTarget } from '../../env/target.js'

/** The parts of Node's IncomingMessage that are checked. */
export interface RequestHead {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly httpVersion: string
  /** `name, value, …` as received. */
  readonly rawHeaders: readonly string[]
}

/** Null for a valid head, else the error; the connection closes after its reply. */
export function headFault(head: RequestHead, maxHeaders: number): RequestError | null {
  const { rawHeaders, httpVersion } = head
  const count = rawHeaders.length / 2
  if (count > maxHeaders) {
    return new RequestError(
      'REQUEST_HEAD_TOO_LARGE',
      `The request has ${count} header fields; maxHeaders is ${maxHeaders}.`,
    )
  }
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    return new RequestError('REQUEST_VERSION_UNKNOWN', `The request uses HTTP/${httpVersion}.`)
  return (
    hostFault(rawHeaders, httpVersion) ??
    codingFault(rawHeaders, httpVersion) ??
    targetFault(head) ??
    expectationFault(rawHeaders, httpVersion)
  )
}

/**
 * RFC 9112 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message
 * that lacks a Host header field and to any request message that contains more than one Host header field line
 * or a Host header field with an invalid field value."
 */
function hostFault(rawHeaders: readonly string[], httpVersion: string): RequestError | null {
  const hosts = valuesOf(rawHeaders, 'host')
  const [host = ''] = hosts
  if (hosts.length === 0 && httpVersion === '1.1') return invalid('The HTTP/1.1 request has no Host field')
  if (hosts.length > 1)
    return invalid(`The request has ${hosts.length} Host fields: ${hosts.map(show).join(', ')}`)
  // An empty Host is for a target without an authority.
  return host === '' || isHost(host) ? null : invalid(`The Host field is ${show(host)}`)
}

/**
 * RFC 3986 3.2.2: host and port. Numbers that only some programs read as an address, such as `127.1`, count
 * as names here; so do escapes.
 */
export function isHost(value: string): boolean {
  if (isAuthority(value)) return true
  const [, name = '', port = ''] =
    /^((?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)(?::(\d*))?$/.exec(value) ?? []
  return name !== '' && Number(port) <= 65535
}

/**
 * RFC 9112 6.1: "A server that receives a request message with a transfer coding it does not understand
 * SHOULD respond with 501 (Not Implemented)"; and of HTTP/1.0: "MUST treat the message as if the framing is
 * faulty". Otherwise the app would get a body that is still encoded, with no field that says so.
 */
function codingFault(rawHeaders: readonly string[], httpVersion: string): RequestError | null {
  const codings = valuesOf(rawHeaders, 'transfer-encoding')
  if (codings.length === 0) return null
  const coding = codings.join(', ')
  if (httpVersion === '1.0') return invalid('The HTTP/1.0 request has Transfer-Encoding')
  if (coding.toLowerCase() === 'chunked') return null
  return new RequestError('REQUEST_CODING_UNKNOWN', `The request has Transfer-Encoding: ${coding}.`)
}

/**
 * RFC 9110 4.2.1: "A recipient that processes such a URI reference MUST reject it as invalid" (no host), and
 * 4.2.4 of userinfo: "should […] treat its presence as an error".
 */
function targetFault({ url = '/', method = 'GET' }: RequestHead): RequestError | null {
  if (url.startsWith('/') || parseTarget(url, method).form !== 'absolute') return null
  const authority = /^[^:]*:\/\/([^/?#]*)/.exec(url)?.[1] ?? ''
  if (isHost(authority)) return null
  // The log must not contain the credentials or the query.
  const fault = authority.includes('@') ? 'a user name before its host' : `the host ${show(authority)}`
  return invalid(`The request target has ${fault}`)
}

/**
 * RFC 9110 10.1.1: "A server that receives an Expect field value containing a member other than 100-continue MAY
 * respond with a 417", and "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore
 * that expectation".
 */
function expectationFault(rawHeaders: readonly string[], httpVersion: string): RequestError | null {
  if (httpVersion === '1.0') return null
  const other = valuesOf(rawHeaders, 'expect').find((value) => value.toLowerCase() !== '100-continue')
  if (other === undefined) return null
  return new RequestError('REQUEST_EXPECTATION_UNKNOWN', `The request has Expect: ${show(other)}.`)
}

function valuesOf(rawHeaders: readonly string[], wanted: string): string[] {
  const values: string[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length === wanted.length && name.toLowerCase() === wanted)
      values.push(rawHeaders[i + 1] as string)
  }
  return values
}

function invalid(what: string): RequestError {
  return new RequestError('REQUEST_HEAD_INVALID', `${what}.`)
}

function show(text: string): string {
  const quoted = JSON.stringify(text)
  return quoted.length > 80 ? `${quoted.slice(0, 77)}…"` : quoted
}
