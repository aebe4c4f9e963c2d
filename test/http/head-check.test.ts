/**
 * Request heads that a proxy in front and this server could read as two different requests (RFC 9112 sections
 * 3.2, 6.1, 11.2): they are refused, and no later request on the connection is served. Checked for every kind
 * of connection.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Handler } from '../../src/core/exchange.js'
import { isHost } from '../../src/http/server/head-check.js'
import { acceptHttp, serveHttp } from '../../src/http/server/server.js'
import { serveDaemon } from '../../src/process/daemon.js'
import { readAll } from './replies.js'

const host = 'Host: localhost\r\n'
const get = (fields: string) => `GET / HTTP/1.1\r\n${fields}\r\n`
const post = (fields: string, body = '3\r\nabc\r\n0\r\n\r\n', version = '1.1') =>
  `POST / HTTP/${version}\r\n${host}${fields}\r\n${body}`
const chunks = (body: string) => post('Transfer-Encoding: chunked\r\n', body)

/** The bytes sent, and the status of the reply. */
const refused: [what: string, bytes: string, status: number][] = [
  ['two Host fields', get('Host: a\r\nHost: b\r\n'), 400],
  ['two equal Host fields', get('Host: a\r\nHOST: a\r\n'), 400],
  ['a second, empty Host field', get('Host: a\r\nHost:\r\n'), 400],
  ['a list of hosts', get('Host: a, b\r\n'), 400],
  ['userinfo in Host', get('Host: a@b\r\n'), 400],
  ['a path in Host', get('Host: a/b\r\n'), 400],
  ['a scheme in Host', get('Host: http://a\r\n'), 400],
  ['a port above 65535', get('Host: a:65536\r\n'), 400],
  ['a port that is not a number', get('Host: a:http\r\n'), 400],
  ['two ports', get('Host: a:1:2\r\n'), 400],
  ['an open bracket', get('Host: [::1\r\n'), 400],
  ['an IPv6 address with a zone', get('Host: [fe80::1%25eth0]\r\n'), 400],
  ['an IPv6 address without brackets', get('Host: ::1\r\n'), 400],
  ['a port alone', get('Host: :80\r\n'), 400],
  ['a Host that is not ASCII', get('Host: caf\xe9\r\n'), 400],
  ['a broken escape in Host', get('Host: a%2\r\n'), 400],
  ['no Host', get(''), 400],
  ['two Host fields of HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n', 400],
  ['a target without host', `GET http:///x HTTP/1.1\r\n${host}\r\n`, 400],
  ['a target with userinfo', `GET http://a@b/x HTTP/1.1\r\n${host}\r\n`, 400],
  ['gzip, chunked', post('Transfer-Encoding: gzip, chunked\r\n'), 501],
  ['gzip and chunked in two fields', post('Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n'), 501],
  ['gzip alone', post('Transfer-Encoding: gzip\r\n'), 501],
  ['identity', post('Transfer-Encoding: identity\r\n', ''), 501],
  ['an unknown coding', post('Transfer-Encoding: xchunked\r\n'), 501],
  ['a parameter', post('Transfer-Encoding: chunked;q=1\r\n'), 501],
  ['quotes', post('Transfer-Encoding: "chunked"\r\n'), 501],
  ['an empty coding', post('Transfer-Encoding:\r\n'), 501],
  ['an empty element', post('Transfer-Encoding: , chunked\r\n'), 501],
  ['chunked twice', post('Transfer-Encoding: chunked, chunked\r\n'), 400],
  ['chunked not last', post('Transfer-Encoding: chunked, gzip\r\n'), 400],
  ['chunked over HTTP/1.0', post('Transfer-Encoding: chunked\r\n', undefined, '1.0'), 400],
  ['a coding and a length', post('Transfer-Encoding: chunked\r\nContent-Length: 3\r\n'), 400],
  ['a length and a coding', post('Content-Length: 3\r\nTransfer-Encoding: chunked\r\n'), 400],
  ['a length and identity', post('Content-Length: 3\r\nTransfer-Encoding: identity\r\n', 'abc'), 400],
  ['two lengths', post('Content-Length: 3\r\nContent-Length: 4\r\n', 'abcd'), 400],
  ['two equal lengths', post('Content-Length: 3\r\nContent-Length: 3\r\n', 'abc'), 400],
  ['a list of lengths', post('Content-Length: 3, 3\r\n', 'abc'), 400],
  ['a signed length', post('Content-Length: +3\r\n', 'abc'), 400],
  ['a length in hexadecimal', post('Content-Length: 0x3\r\n', 'abc'), 400],
  ['an empty length', post('Content-Length:\r\n', 'abc'), 400],
  ['a length beyond 64 bits', post('Content-Length: 18446744073709551618\r\n', 'abc'), 400],
  ['a space before the colon', post('Transfer-Encoding : chunked\r\n'), 400],
  ['a folded line', post('Transfer-Encoding:\r\n chunked\r\n'), 400],
  ['a bare LF', `GET / HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n`, 400],
  ['a bare CR', get(`${host}X: a\rTransfer-Encoding: chunked\r\n`), 400],
  ['a NUL', get(`${host}X: a\0b\r\n`), 400],
  ['a chunk size with 0x', chunks('0x3\r\nabc\r\n0\r\n\r\n'), 400],
  ['a signed chunk size', chunks('+3\r\nabc\r\n0\r\n\r\n'), 400],
  ['a chunk size beyond 64 bits', chunks('10000000000000003\r\nabc\r\n0\r\n\r\n'), 400],
  ['chunks that end in LF', chunks('3\nabc\n0\n\n'), 400],
  ['a chunk longer than its size', chunks('3\r\nabcXX0\r\n\r\n'), 400],
  ['two Host fields, and an expectation', get('Host: a\r\nHost: b\r\nExpect: tea\r\n'), 400],
  ['gzip, chunked, and an expectation', post('Transfer-Encoding: gzip, chunked\r\nExpect: tea\r\n'), 501],
  ['an unknown expectation', post('Expect: tea\r\nContent-Length: 3\r\n', 'abc'), 417],
  ['an unknown expectation beside the known one', get(`${host}Expect: 100-continue, tea\r\n`), 417],
  ['HTTP/0.9', 'GET /\r\n\r\n', 505],
  ['HTTP/2.0', `GET / HTTP/2.0\r\n${host}\r\n`, 505],
]

const served: [what: string, bytes: string, seen: string][] = [
  ['a host with a port', get('Host: a.example:81\r\n'), 'a.example:81||'],
  ['an IPv6 host', get('Host: [::1]:81\r\n'), '[::1]:81||'],
  ['an empty port', get('Host: a:\r\n'), 'a:||'],
  ['an underscore, an escape', get('Host: a_b.%41\r\n'), 'a_b.%41||'],
  ['an empty Host', get('Host:\r\n'), '||'],
  ['no Host over HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', 'none||'],
  ['a target with its own host', `GET http://b/x HTTP/1.1\r\n${host}\r\n`, 'b||'],
  ['chunked in any case', post('Transfer-Encoding: Chunked\r\n'), 'localhost|Chunked|abc'],
  ['a length', post('Content-Length: 3\r\n', 'abc'), 'localhost||abc'],
]

describe.each(['serve()', 'an accepted connection', 'a persistent process'])('%s', (way) => {
  let port = 0
  let log = ''
  let calls = 0
  let close: () => unknown

  const handler: Handler = async (exchange) => {
    calls++
    const { env } = exchange
    const body = Buffer.from(await readAll(exchange)).toString('latin1')
    const seen = [env.get('HTTP_HOST') ?? 'none', env.get('HTTP_TRANSFER_ENCODING') ?? '', body]
    return { status: 200, headers: ['Content-Type', 'text/plain'], body: seen.join('|') }
  }
  const options = {
    port: 0,
    stderr: (text: string) => {
      log += text
    },
  }

  beforeAll(async () => {
    if (way === 'serve()') {
      const server = await serveHttp(handler, options)
      port = (server.address as AddressInfo).port
      close = () => server.close({ graceMs: 0 })
    } else if (way === 'a persistent process') {
      const daemon = await serveDaemon(handler, { ...options, protocols: ['http', 'fastcgi'] })
      port = (daemon.address as AddressInfo).port
      close = () => daemon.close(0)
    } else {
      const http = acceptHttp(handler, options)
      const server = createServer((socket) => http.accept(socket)).listen(0, '127.0.0.1')
      await once(server, 'listening')
      port = (server.address() as AddressInfo).port
      close = async () => {
        server.close()
        await http.close({ graceMs: 0 })
      }
    }
  })
  afterAll(() => close())

  /** All data until the server closes the connection. */
  async function talk(bytes: string): Promise<string> {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    let got = ''
    socket.on('data', (piece) => {
      got += piece.toString('latin1')
    })
    socket.write(Buffer.from(bytes, 'latin1'))
    await once(socket, 'close')
    return got
  }

  const next = `GET /smuggled HTTP/1.1\r\n${host}\r\n`

  it.each(refused)('%s', async (_, bytes, status) => {
    const before = calls
    const got = await talk(bytes.includes('HTTP/1.0') ? bytes : bytes + next)
    expect(got.match(/HTTP\/1\.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`])
    expect(got).toMatch(/^Connection: close\r$/im)
    // If the parser finds the error in a body, the app was already called; whatever follows is never served.
    expect(calls - before).toBeLessThanOrEqual(/chunk/.test(_) && status === 400 ? 1 : 0)
  })

  it.each(served)('serves %s', async (_, bytes, seen) => {
    const got = await talk(bytes.replace('\r\n', '\r\nConnection: close\r\n'))
    expect(got).toMatch(/^HTTP\/1\.1 200 /)
    expect(got.split('\r\n\r\n')[1]).toBe(seen)
  })

  it.each([
    ['http://user:secret@a/x?key=secret', 'a user name before its host'],
    ['http:///x?key=secret', 'the host ""'],
  ])('of the target %s no password and no query is logged', async (target, why) => {
    log = ''
    await talk(`GET ${target} HTTP/1.1\r\n${host}\r\n`)
    expect(log).toBe(`cgiup: GET /x: The request target has ${why}. (REQUEST_HEAD_INVALID)\n`)
  })

  it('gives the reason, without a stack', async () => {
    log = ''
    await talk(get('Host: a\r\nHost: b\r\n'))
    expect(log).toContain('cgiup: GET /: The request has 2 Host fields: "a", "b". (REQUEST_HEAD_INVALID)\n')
    expect(log).not.toContain(' at ')
  })
})

it.each([
  ['localhost', true],
  ['127.1', true],
  ['', false],
  ['a b', false],
  ['a\u0000', false],
])('%j is a host: %s', (value, is) => {
  expect(isHost(value)).toBe(is)
})
