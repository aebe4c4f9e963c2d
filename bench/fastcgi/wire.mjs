// Encodes requests and counts replies, independently of cgiup's own code.
import { Buffer } from 'node:buffer'

const browser = {
  Host: 'localhost:8080',
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Language': 'en-US,en;q=0.5',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  Cookie: 'session=0123456789abcdef; theme=dark',
}

/** What nginx's fastcgi_params send. */
const params = (bodyLength, extra) => ({
  QUERY_STRING: 'a=1&b=2',
  REQUEST_METHOD: bodyLength > 0 ? 'POST' : 'GET',
  CONTENT_TYPE: bodyLength > 0 ? 'application/octet-stream' : '',
  CONTENT_LENGTH: bodyLength > 0 ? `${bodyLength}` : '',
  SCRIPT_NAME: '/hello',
  REQUEST_URI: '/hello?a=1&b=2',
  DOCUMENT_URI: '/hello',
  DOCUMENT_ROOT: '/var/www/html',
  SERVER_PROTOCOL: 'HTTP/1.1',
  REQUEST_SCHEME: 'http',
  GATEWAY_INTERFACE: 'CGI/1.1',
  SERVER_SOFTWARE: 'nginx/1.22.1',
  REMOTE_ADDR: '127.0.0.1',
  REMOTE_PORT: '51234',
  SERVER_ADDR: '127.0.0.1',
  SERVER_PORT: '8080',
  SERVER_NAME: 'localhost',
  REDIRECT_STATUS: '200',
  ...Object.fromEntries(
    Object.entries(browser).map(([name, value]) => [
      `HTTP_${name.toUpperCase().replaceAll('-', '_')}`,
      value,
    ]),
  ),
  ...extra,
})

const lengthOf = (n) =>
  n < 128 ? Buffer.from([n]) : Buffer.from([(n >> 24) | 128, (n >> 16) & 255, (n >> 8) & 255, n & 255])

const pairs = (values) =>
  Buffer.concat(
    Object.entries(values).flatMap(([name, value]) => [
      lengthOf(name.length),
      lengthOf(value.length),
      Buffer.from(name),
      Buffer.from(value),
    ]),
  )

const record = (type, id, body = Buffer.alloc(0)) => {
  const padding = -body.length & 7
  const head = Buffer.from([1, type, id >> 8, id & 255, body.length >> 8, body.length & 255, padding, 0])
  return Buffer.concat([head, body, Buffer.alloc(padding)])
}

const PIECE = 65528

/** @returns the bytes before the body, the chunks of the body, and the bytes that end it */
export const fastcgiRequest = (id, { keep, body, fields }) => {
  const head = Buffer.concat([
    record(1, id, Buffer.from([0, 1, keep ? 1 : 0, 0, 0, 0, 0, 0])),
    record(4, id, pairs(params(body, fields))),
    record(4, id),
  ])
  return { head, piece: (size) => record(5, id, Buffer.alloc(size, 'x')), size: PIECE, end: record(5, id) }
}

export const httpRequest = ({ keep, body }) => {
  const lines = Object.entries(browser).map(([name, value]) => `${name}: ${value}\r\n`)
  if (body > 0) lines.push(`Content-Length: ${body}\r\nContent-Type: application/octet-stream\r\n`)
  // What a proxy adds.
  lines.push('X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n')
  if (!keep) lines.push('Connection: close\r\n')
  const method = body > 0 ? 'POST' : 'GET'
  const head = Buffer.from(`${method} /hello?a=1&b=2 HTTP/1.1\r\n${lines.join('')}\r\n`)
  return { head, piece: (size) => Buffer.alloc(size, 'x'), size: PIECE, end: Buffer.alloc(0) }
}

export const scgiRequest = ({ body, fields }) => {
  const { CONTENT_LENGTH: _, ...rest } = params(body, fields)
  const items = Object.entries({ CONTENT_LENGTH: `${body}`, SCGI: '1', ...rest }).flat()
  const text = items.map((item) => `${item}\0`).join('')
  const head = Buffer.from(`${text.length}:${text},`)
  return { head, piece: (size) => Buffer.alloc(size, 'x'), size: PIECE, end: Buffer.alloc(0) }
}

/** Counts END_REQUEST records; nothing is kept. */
const countRecords = () => {
  let have = 0
  let type = 0
  let left = 0
  let padding = 0
  const count = (chunk) => {
    let replies = 0
    for (let at = 0; at < chunk.length; ) {
      if (left > 0) {
        const step = Math.min(left, chunk.length - at)
        left -= step
        at += step
      } else {
        const byte = chunk[at++]
        if (have === 1) type = byte
        else if (have === 4) left = 0 - (byte << 8)
        else if (have === 5) left -= byte
        else if (have === 6) padding = byte
        if (++have < 8) continue
        have = 0
        left = padding - left
      }
      if (left === 0 && have === 0 && type === 3) replies++
    }
    return replies
  }
  return Object.assign(count, { isWhole: () => have === 0 && left === 0 && type === 3 })
}

/** Counts replies with a Content-Length; others end with their connection. */
const countResponses = () => {
  let head = ''
  let left = -1
  const count = (chunk) => {
    let replies = 0
    let at = 0
    while (at < chunk.length && left !== Number.POSITIVE_INFINITY) {
      if (left < 0) {
        const before = head.length
        head += chunk.toString('latin1', at)
        const end = head.indexOf('\r\n\r\n')
        if (end < 0) break
        at += end + 4 - before
        if (!/^HTTP\/1\.1 200 /.test(head)) throw new Error(`the server answered ${head.slice(0, 80)}`)
        const length = /content-length: *(\d+)/i.exec(head.slice(0, end))
        left = length ? Number(length[1]) : Number.POSITIVE_INFINITY
        head = ''
      }
      const step = Math.min(left, chunk.length - at)
      left -= step
      at += step
      if (left === 0) {
        replies++
        left = -1
      }
    }
    return replies
  }
  return Object.assign(count, { isWhole: () => left === -1 && head === '' })
}

/**
 * Counts replies. Only the first one is parsed; all others have the same length. Otherwise parsing would cost
 * more in one protocol than in another, and would distort the result: a busy reader has to be woken less
 * often, and a write that wakes nobody costs the responder half.
 */
export const counter = (protocol) => {
  // The end of the connection is the end of the reply.
  if (protocol === 'scgi') return () => 0
  const first = protocol === 'http' ? countResponses() : countRecords()
  let length = 0
  let seen = 0
  return (chunk) => {
    seen += chunk.length
    if (length === 0) {
      const replies = first(chunk)
      // If several replies arrived at once, each has an equal share of the bytes.
      if (replies > 0 && seen % replies === 0 && first.isWhole()) {
        length = seen / replies
        seen = 0
      }
      return replies
    }
    const replies = Math.floor(seen / length)
    seen %= length
    return replies
  }
}
