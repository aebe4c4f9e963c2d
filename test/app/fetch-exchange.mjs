/** Sends one request to a Handler, in memory, and describes its reply in values that can be compared. */
import { gunzipSync } from 'node:zlib'

/** @param api `{ Environment }` of the package. */
export function exchangeOf(
  { Environment },
  target,
  { method = 'GET', headers = {}, body, chunked, env = {} },
) {
  const bytes = body === undefined || body === '' ? null : Buffer.from(body)
  const record = {
    REQUEST_METHOD: method,
    REQUEST_URI: target,
    SCRIPT_NAME: '',
    PATH_INFO: decodeURI(target.split('?')[0]),
    QUERY_STRING: target.split('?')[1] ?? '',
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    SERVER_PROTOCOL: 'HTTP/1.1',
    HTTP_HOST: 'localhost',
    ...env,
  }
  for (const [name, value] of Object.entries(headers)) {
    const variable = name.toUpperCase().replaceAll('-', '_')
    record[variable === 'CONTENT_TYPE' ? variable : `HTTP_${variable}`] = value
  }
  if (bytes && !chunked) record.CONTENT_LENGTH = String(bytes.byteLength)
  if (chunked) record.HTTP_TRANSFER_ENCODING = 'chunked'
  const controller = new AbortController()
  const pieces = bytes ? [bytes.subarray(0, 2), bytes.subarray(2)].filter((piece) => piece.byteLength) : []
  const state = { cancelled: false, reads: 0, work: [], stderr: '' }
  return {
    state,
    controller,
    env: Environment.fromObject(record),
    stdin: {
      length: bytes ? (chunked ? null : bytes.byteLength) : 0,
      async read() {
        state.reads++
        return pieces.shift() ?? null
      },
      cancel() {
        state.cancelled = true
      },
    },
    signal: controller.signal,
    gateway: { protocol: 'memory', role: 'responder', runOnce: false, multiprocess: false },
    stderr(text) {
      state.stderr += text
    },
    waitUntil(work) {
      state.work.push(work)
    },
  }
}

/**
 * @returns status, reason, headers (names in lower case), cookies, body as text, and whether the body was
 * streamed.
 */
export async function ask(api, app, target, request) {
  const exchange = exchangeOf(api, target, request)
  const reply = await api.fetchHandler(app)(exchange)
  const headers = {}
  let cookies = 0
  for (let i = 0; i < reply.headers.length; i += 2) {
    const name = reply.headers[i].toLowerCase()
    if (name === 'set-cookie') cookies++
    else headers[name] = reply.headers[i + 1]
  }
  const whole = await bytesOf(reply.body)
  const body = headers['content-encoding'] === 'gzip' ? gunzipSync(whole) : whole
  const waited = exchange.state.work.length
  await Promise.all(exchange.state.work)
  return { status: reply.status, reason: reply.reason ?? '', headers, cookies, body: body.toString(), waited }
}

async function bytesOf(body) {
  if (body === null) return Buffer.alloc(0)
  if (typeof body === 'string' || body instanceof Uint8Array) return Buffer.from(body)
  const pieces = []
  for await (const piece of body) pieces.push(piece)
  return Buffer.concat(pieces)
}
