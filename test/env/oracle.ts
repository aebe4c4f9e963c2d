import { joinValues } from '../../src/env/environment.js'
import type { CgiRequest } from '../../src/env/request.js'
import { walk } from '../../src/env/walk.js'
import type { Oracle } from './captures.js'

/** One property in which the request derived from the environment differs from the one that was sent. */
export interface Deviation {
  readonly field: string
  readonly wanted: string
  readonly got: string
}

type Value = string | number | null | undefined

/** Compares a request with its oracle, property by property and header by header. */
export function deviations(request: CgiRequest, oracle: Oracle, mountPoint: string): Deviation[] {
  const found: Deviation[] = []
  const check = (field: string, got: Value, ...wanted: Value[]) => {
    if (!wanted.includes(got)) found.push({ field, wanted: show(wanted[0]), got: show(got) })
  }
  check('method', request.method, oracle.method)
  check('target', request.target, oracle.url)
  check('form', request.form, oracle.url_form)
  check('path', request.path, oracle.path_raw)
  check('query', request.query, oracle.query_raw)
  check('scheme', request.scheme, oracle.scheme)
  check('protocol', request.protocol, `HTTP/${oracle.http_version}`)
  check('remoteAddress', request.remoteAddress, oracle.remote_addr)
  check('remotePort', request.remotePort, oracle.remote_port)
  check('serverAddress', request.serverAddress, oracle.server_addr)
  check('serverPort', request.serverPort, oracle.server_port)
  check('contentLength', request.contentLength, ...lengths(oracle))
  const host = hostOf(oracle)
  if (host) check('authority', request.authority.toLowerCase(), host.toLowerCase())
  checkMount(request, oracle, mountPoint, check)
  checkHeaders(request, oracle, check)
  return found
}

function checkMount(
  request: CgiRequest,
  oracle: Oracle,
  mountPoint: string,
  check: (field: string, got: Value, ...wanted: Value[]) => void,
): void {
  check('mount+rest', request.mount + request.rest, request.path)
  if (oracle.script_name !== null) {
    check('mount', request.mount, oracle.script_name)
    check('rest', request.rest, oracle.path_info_raw)
    return
  }
  // The oracle compares text; `//app/y` and `/%61pp/y` also reach the mount point.
  const resolved = (path: string) => `/${walk(path, true).segments.join('/')}`
  const below = `${resolved(oracle.path_raw)}/`.startsWith(`${mountPoint}/`) && oracle.path_raw[0] === '/'
  check('mount', below ? resolved(request.mount) : request.mount, below ? mountPoint || '/' : '')
}

/** The body length that may be reported; null: unknown. */
function lengths(oracle: Oracle): Value[] {
  const sent = oracle.headers.find(([name]) => name.toLowerCase() === 'content-length')
  if (oracle.body.framing === 'none') return [0]
  if (oracle.body.framing === 'chunked') return [oracle.body.length, null]
  return sent === undefined ? [oracle.body.length, null] : [Number.parseInt(sent[1], 10)]
}

/** RFC 9112 section 3.2.2, RFC 9113 section 8.3.1: the target's authority takes precedence over Host. */
function hostOf(oracle: Oracle): string | undefined {
  const sent = oracle.headers.find(([name]) => name.toLowerCase() === 'host')
  return oracle.url_authority ?? oracle.authority ?? sent?.[1]
}

function checkHeaders(
  request: CgiRequest,
  oracle: Oracle,
  check: (field: string, got: Value, ...wanted: Value[]) => void,
): void {
  const wanted = new Map<string, string>()
  for (const [name, value] of oracle.headers) {
    const lower = name.toLowerCase()
    const earlier = wanted.get(lower)
    const variable = lower === 'cookie' ? 'HTTP_COOKIE' : 'HTTP_'
    wanted.set(lower, earlier === undefined ? value : joinValues(variable, earlier, value))
  }
  const host = hostOf(oracle)
  if (host !== undefined) wanted.set('host', host)
  const length = wanted.get('content-length')
  // Never part of the request as an app sees it.
  for (const name of ['proxy', 'transfer-encoding', 'content-length']) wanted.delete(name)
  const got = new Map<string, string>()
  for (let i = 0; i < request.headers.length; i += 2) {
    got.set(request.headers[i] as string, request.headers[i + 1] as string)
  }
  checkLength(got.get('content-length'), length, oracle, check)
  got.delete('content-length')
  for (const name of new Set([...wanted.keys(), ...got.keys()])) {
    check(`header ${name}`, got.get(name), wanted.get(name))
    check(`header() ${name}`, request.header(name), got.get(name))
  }
}

function checkLength(
  got: Value,
  sent: string | undefined,
  oracle: Oracle,
  check: (field: string, got: Value, ...wanted: Value[]) => void,
): void {
  const empty = oracle.body.length === 0 && oracle.method !== 'GET' && oracle.method !== 'HEAD'
  // RFC 9112 section 6.3: Transfer-Encoding takes precedence over Content-Length.
  if (sent !== undefined && oracle.body.framing !== 'chunked') {
    check('header content-length', got, String(Number.parseInt(sent, 10)))
  } else if (oracle.body.framing === 'chunked' || oracle.body.framing === 'h2') {
    check('header content-length', got, undefined, String(oracle.body.length))
  } else check('header content-length', got, undefined, empty ? '0' : undefined)
}

function show(value: Value): string {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}
