/** Requests and replies of the HTTP server, limits. */
import { describe, expect, test } from 'vitest'
import { startHost } from '../host/support.js'
import { until } from '../support/processes.js'
import { readAll, slowly, text } from './replies.js'

describe('what the handler sees', () => {
  test('the environment a web server would give: raw target, headers, addresses', async () => {
    const host = await startHost((x) => text(JSON.stringify(x.env.toObject())))
    const reply = await host.get('//a/%2F/../b?x=%20&y', {
      headers: [
        'Host: example.org:81',
        'X-Two: a',
        'X-Two: b',
        'Proxy: evil',
        'X_Under: 1',
        'Cookie: a=1',
        'Cookie: b=2',
      ],
    })
    const env = JSON.parse(reply.text)
    expect(env).toMatchObject({
      GATEWAY_INTERFACE: 'CGI/1.1',
      REQUEST_METHOD: 'GET',
      REQUEST_URI: '//a/%2F/../b?x=%20&y',
      QUERY_STRING: 'x=%20&y',
      SCRIPT_NAME: '',
      SERVER_NAME: 'example.org',
      SERVER_PORT: String(host.port),
      SERVER_PROTOCOL: 'HTTP/1.1',
      REMOTE_ADDR: '127.0.0.1',
      HTTP_X_TWO: 'a, b',
      HTTP_COOKIE: 'a=1; b=2',
    })
    expect(env.HTTP_PROXY).toBeUndefined()
    expect(env.HTTP_X_UNDER).toBeUndefined()
  })

  test.each([
    ['GET', 'http://other.example/abs?q', 'http://other.example/abs?q'],
    ['OPTIONS', '*', '*'],
    ['GET', '/%zz/%00', '/%zz/%00'],
    ['PROPFIND', '/dav', '/dav'],
  ])('the target of %s %s as sent', async (method, target, seen) => {
    const host = await startHost((x) => text(`${x.env.get('REQUEST_METHOD')} ${x.env.get('REQUEST_URI')}`))
    const reply = await host.get(target, { method })
    expect(reply.text).toBe(`${method} ${seen}`)
  })

  test('header bytes above 127: one character per byte', async () => {
    const host = await startHost((x) => text(Buffer.from(x.env.get('HTTP_X_BYTES') ?? '', 'latin1')))
    const reply = await host.get('/', { headers: ['X-Bytes: caf\xe9'] })
    expect(reply.body.toString('latin1')).toBe('caf\xe9')
  })

  test('a body with a length, chunked, and none', async () => {
    const host = await startHost(async (x) => text(`${x.stdin.length} ${(await readAll(x)).length}`))
    const body = Buffer.alloc(3_000_000, 7)
    expect((await host.get('/', { method: 'POST', body })).text).toBe('3000000 3000000')
    expect((await host.get('/', { method: 'POST', pieces: [body, 'x', body] })).text).toBe('null 6000001')
    expect((await host.get('/')).text).toBe('0 0')
  })
})

describe('Expect: 100-continue', () => {
  test('is sent when the body is read', async () => {
    const host = await startHost(async (x) => text(String((await readAll(x)).length)))
    const wire = await host.open({ method: 'POST', headers: ['Expect: 100-continue', 'Content-Length: 4'] })
    await wire.until(() => wire.interim === 1)
    await wire.send('abcd')
    expect((await wire.reply()).text).toBe('4')
    wire.close()
  })

  test('is not sent when the body is not read, and the connection ends', async () => {
    const host = await startHost(() => text('no', 403))
    const wire = await host.open({
      method: 'POST',
      headers: ['Expect: 100-continue', 'Content-Length: 4', 'Connection: keep-alive'],
    })
    const reply = await wire.reply()
    expect([reply.status, reply.interim.length, reply.header('connection')]).toEqual([403, 0, 'close'])
    wire.close()
  })

  test('any other expectation is refused', async () => {
    const host = await startHost(() => text('no'))
    expect((await host.get('/', { headers: ['Expect: tea'] })).status).toBe(417)
  })
})

describe('the reply', () => {
  test('a body that is not streamed has a Content-Length; a stream is chunked; repeats are kept', async () => {
    const host = await startHost((x) => ({
      status: 201,
      reason: 'Made It',
      headers: [
        'Content-Type',
        'text/plain',
        'Set-Cookie',
        'a=1',
        'Set-Cookie',
        'b=2',
        'Connection',
        'x-hop',
        'X-Hop',
        '1',
      ],
      body: x.env.get('REQUEST_URI') === '/one' ? 'né' : slowly(['a', 'b']),
    }))
    const one = await host.get('/one')
    expect([one.status, one.reason, one.framing, one.header('content-length'), one.text]).toEqual([
      201,
      'Made It',
      'length',
      '3',
      'né',
    ])
    expect(one.headerAll('set-cookie')).toEqual(['a=1', 'b=2'])
    expect(one.header('x-hop')).toBeUndefined()
    const stream = await host.get('/stream')
    expect([stream.framing, stream.complete, stream.text]).toEqual(['chunked', true, 'ab'])
  })

  test.each([
    ['HEAD', 200, 'none'],
    ['GET', 204, 'none'],
    ['GET', 304, 'none'],
  ])('%s with %i has no body', async (method, status, framing) => {
    let returned = false
    const body: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(new Error('nobody should ask')),
        return: () => {
          returned = true
          return Promise.resolve({ done: true, value: undefined })
        },
      }),
    }
    const host = await startHost(() => text(status === 200 ? 'four' : body, status))
    const reply = await host.get('/', { method })
    expect([reply.status, reply.framing, reply.size, reply.surplus.length]).toEqual([status, framing, 0, 0])
    if (method === 'HEAD') expect(reply.header('content-length')).toBe('4')
    else expect(returned).toBe(true)
  })

  test('HTTP/1.0 clients get an unframed stream, ended by the close', async () => {
    const host = await startHost(() => text(slowly(['a', 'b', 'c'])))
    const wire = await host.open({ target: '/', headers: [] })
    wire.close()
    const { Wire } = await import('../support/wire.js')
    const old = await Wire.open({ port: host.port })
    await old.send('GET / HTTP/1.0\r\n\r\n')
    const reply = await old.reply()
    expect([reply.framing, reply.complete, reply.text]).toEqual(['close', true, 'abc'])
    old.close()
  })

  test('a slow reader slows the body down', async () => {
    let made = 0
    const host = await startHost(() =>
      text(
        (async function* () {
          for (; made < 400; made++) yield Buffer.alloc(65536, 1)
        })(),
      ),
    )
    const wire = await host.open({ keep: false })
    await wire.head()
    wire.pause()
    let before = -1
    await until(() => {
      const still = made === before
      before = made
      return still && made > 0
    })
    expect(made).toBeLessThan(400)
    wire.resume()
    const reply = await wire.reply()
    expect([reply.size, reply.complete]).toEqual([400 * 65536, true])
    wire.close()
  })
})

describe('verbatim replies (non-parsed header output)', () => {
  test('RFC 3875 5.2: are sent unmodified, and the connection ends', async () => {
    const raw = 'HTTP/1.1 299 Mine\r\nX-Raw:   a\r\n\r\nbody'
    const host = await startHost(() => ({
      status: 299,
      headers: [],
      body: slowly([raw.slice(0, 9), raw.slice(9)]),
      verbatim: true,
    }))
    const { Wire } = await import('../support/wire.js')
    const wire = await Wire.open({ port: host.port })
    let bytes = ''
    wire.socket.on('data', (data) => {
      bytes += data.toString('latin1')
    })
    await wire.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until(() => wire.ended)
    expect(bytes).toBe(raw)
  })

  test('wait for previous replies on a pipelined connection', async () => {
    const host = await startHost(async (x) => {
      if (x.env.get('REQUEST_URI') === '/raw')
        return { status: 200, headers: [], body: 'HTTP/1.0 200 OK\r\n\r\nraw', verbatim: true }
      await new Promise((resolve) => setTimeout(resolve, 20))
      return text('first')
    })
    const { Wire } = await import('../support/wire.js')
    const wire = await Wire.open({ port: host.port })
    let bytes = ''
    wire.socket.on('data', (data) => {
      bytes += data.toString('latin1')
    })
    await wire.send('GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /raw HTTP/1.1\r\nHost: a\r\n\r\n')
    await until(() => wire.ended)
    expect(bytes).toMatch(/^HTTP\/1.1 200 OK.*firstHTTP\/1.0 200 OK\r\n\r\nraw$/s)
  })
})

describe('limits', () => {
  test('maxBodyBytes: 413, by Content-Length and by counting', async () => {
    const host = await startHost(async (x) => text(String((await readAll(x)).length)), { maxBodyBytes: 10 })
    expect((await host.get('/', { method: 'POST', body: 'x'.repeat(10) })).text).toBe('10')
    expect((await host.get('/', { method: 'POST', body: 'x'.repeat(11) })).status).toBe(413)
    expect((await host.get('/', { method: 'POST', pieces: ['x'.repeat(8), 'x'.repeat(8)] })).status).toBe(413)
    expect(host.stderr()).toContain('maxBodyBytes (10)')
  })

  test('maxHeaderBytes and maxHeaders: 431', async () => {
    const host = await startHost(() => text('ok'), { maxHeaderBytes: 4000, maxHeaders: 10 })
    expect((await host.get('/', { headers: [`X: ${'x'.repeat(5000)}`] })).status).toBe(431)
    expect((await host.get('/', { headers: Array.from({ length: 9 }, (_, i) => `X-${i}: 1`) })).status).toBe(
      431,
    )
    expect((await host.get('/', { headers: Array.from({ length: 8 }, (_, i) => `X-${i}: 1`) })).status).toBe(
      200,
    )
  })

  test('headersTimeoutMs: 408', async () => {
    const host = await startHost(() => text('ok'), { headersTimeoutMs: 50 })
    const { Wire } = await import('../support/wire.js')
    const wire = await Wire.open({ port: host.port })
    await wire.send('GET / HT')
    expect((await wire.reply()).status).toBe(408)
    wire.close()
  })

  test('a header of 1 MiB: 431 by default', async () => {
    const host = await startHost(() => text('ok'))
    expect((await host.get('/', { headers: [`X: ${'x'.repeat(1024 * 1024)}`] })).status).toBe(431)
  })
})

describe('waitUntil', () => {
  test('close() waits for the work; its failure is reported', async () => {
    let done = false
    const host = await startHost((x) => {
      x.waitUntil(
        new Promise((resolve) => setTimeout(resolve, 50)).then(() => {
          done = true
          throw new Error('mail not sent')
        }),
      )
      return text('ok')
    })
    expect((await host.get('/')).text).toBe('ok')
    await host.server.close()
    expect(done).toBe(true)
    expect(host.stderr()).toContain('mail not sent')
  })
})
