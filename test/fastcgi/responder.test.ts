import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { RecordType } from '../../src/fastcgi/codec/record.js'
import { begin, get, params, post, stdin, stdinEnd } from './peer.js'
import { echo, readAll, serve, text } from './serving.js'

describe('6.2 Responder', () => {
  test('a small reply: STDOUT, the empty STDOUT, END_REQUEST, in one write', async () => {
    const { peer } = await serve(() => text('hello'))
    const p = peer()
    p.send(get(1))
    const answer = await p.ended(1)
    expect(answer.types).toEqual([RecordType.STDOUT, RecordType.STDOUT, RecordType.END_REQUEST])
    expect(answer.stdout).toBe('Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello')
    expect(answer).toMatchObject({ appStatus: 0, protocolStatus: 0, stdoutEnded: true })
    expect(p.bytes % 8).toBe(0)
  })

  test('HAProxy crashes at FCGI_STDERR: it gets none, the log has it once', async () => {
    const { peer, log } = await serve((exchange) => {
      exchange.stderr('said\n')
      throw new Error('thrown')
    })
    const p = peer()
    p.send(get(1, ['SERVER_SOFTWARE', 'HAProxy 2.6.12']))
    const answer = await p.ended(1)
    expect(answer.status).toBe('500')
    expect(answer.types).not.toContain(RecordType.STDERR)
    expect(log.join('').match(/said|Error: thrown/g)).toEqual(['said', 'Error: thrown'])
  })

  test('HAProxy turns a Status before Location into 302: it gets Status after Location', async () => {
    const { peer } = await serve(() => ({ status: 308, headers: ['Location', '/x', 'A', 'b'], body: null }))
    const p = peer()
    p.send(get(1) + get(2, ['SERVER_SOFTWARE', 'HAProxy 2.6.12']))
    const [others, haproxy] = [await p.ended(1), await p.ended(2)]
    expect(others.stdout).toBe(
      'Status: 308 Permanent Redirect\r\nLocation: /x\r\nContent-Length: 0\r\nA: b\r\n\r\n',
    )
    expect(haproxy.stdout).toBe(
      'Location: /x\r\nContent-Length: 0\r\nA: b\r\nStatus: 308 Permanent Redirect\r\n\r\n',
    )
  })

  test('5.1 without KEEP_CONN the connection is closed after the reply, with it the next request follows', async () => {
    const { peer } = await serve(() => text('hello'))
    const p = peer()
    for (let i = 0; i < 3; i++) {
      p.answers.clear()
      p.send(get(1))
      expect((await p.ended(1)).body).toBe('hello')
    }
    expect(p.closed).toBe(false)
    p.send(get(2, [], false))
    await p.close()
    expect(p.answer(2).body).toBe('hello')
  })

  test('HTTP_PROXY, the request header Proxy, reaches no app (CVE-2016-5385)', async () => {
    const { peer } = await serve(({ env }) =>
      text(JSON.stringify([env.get('HTTP_PROXY') ?? null, env.toObject()])),
    )
    const p = peer()
    p.send(get(1, ['HTTP_PROXY', 'http://evil/', 'HTTP_X', 'HTTP_PROXY']))
    const [value, object] = JSON.parse((await p.ended(1)).body)
    expect(value).toBe(null)
    expect(object).toEqual({ REQUEST_METHOD: 'GET', REQUEST_URI: '/', HTTP_X: 'HTTP_PROXY' })
  })

  test('a body echoed, of any size', async () => {
    const { peer } = await serve(echo)
    const p = peer()
    for (const [id, size] of [
      [1, 0],
      [2, 1],
      [3, 65535],
      [4, 65536],
      [5, 1_000_000],
    ] as const) {
      p.send(post(id, 'x'.repeat(size)))
      const answer = await p.ended(id)
      expect(answer.body.length).toBe(size)
    }
  })

  test('a body without a length is framed by STDIN', async () => {
    const { peer } = await serve(echo)
    for (const length of [[], ['CONTENT_LENGTH', ''], ['CONTENT_LENGTH', '-1'], ['CONTENT_LENGTH', '0']]) {
      const p = peer()
      p.send(
        begin(1, 1, 1) + params(1, ['REQUEST_METHOD', 'POST', ...length]) + stdin(1, 'abc') + stdinEnd(1),
      )
      expect((await p.ended(1)).body).toBe('abc')
    }
  })

  test('6.2 a shortfall or surplus of STDIN is an error that the app sees', async () => {
    const seen: unknown[] = []
    const { peer } = await serve(async (exchange) => {
      await readAll(exchange).catch((error) => seen.push(error.code))
      return text('')
    })
    const p = peer()
    p.send(
      begin(1, 1, 1) +
        params(1, ['REQUEST_METHOD', 'POST', 'CONTENT_LENGTH', '9']) +
        stdin(1, 'abc') +
        stdinEnd(1),
    )
    await p.ended(1)
    p.send(
      begin(2, 1, 1) +
        params(2, ['REQUEST_METHOD', 'POST', 'CONTENT_LENGTH', '2']) +
        stdin(2, 'abc') +
        stdinEnd(2),
    )
    await p.ended(2)
    expect(seen).toEqual(['REQUEST_BODY_SHORT', 'REQUEST_BODY_LONG'])
  })

  test('mod_fcgid over HTTP/2: an empty STDIN record before the data is not the end', async () => {
    const { peer } = await serve(echo)
    const p = peer()
    const head = begin(1, 1, 0) + params(1, ['REQUEST_METHOD', 'POST', 'CONTENT_LENGTH', '8'])
    p.send(head + stdinEnd(1) + stdin(1, '12345678') + stdinEnd(1))
    expect((await p.ended(1)).body).toBe('12345678')
  })

  test('... nor are those between the data, whether the app reads it or not', async () => {
    for (const [handler, body] of [
      [echo, '12345678'],
      [() => text('unread'), 'unread'],
    ] as const) {
      const { peer } = await serve(handler)
      const p = peer()
      p.send(begin(1, 1, 0) + params(1, ['REQUEST_METHOD', 'POST', 'CONTENT_LENGTH', '8']) + stdinEnd(1))
      p.send(stdin(1, '1234') + stdinEnd(1) + stdinEnd(1))
      if (body === 'unread') await p.ended(1)
      expect(p.closed).toBe(false)
      p.send(stdin(1, '5678') + stdinEnd(1))
      expect((await p.ended(1)).body).toBe(body)
      await p.close()
    }
  })

  test('... and a body that really is short does not hang', async () => {
    const { peer } = await serve(echo)
    const p = peer()
    p.send(begin(1, 1, 0) + params(1, ['REQUEST_METHOD', 'POST', 'CONTENT_LENGTH', '8']) + stdinEnd(1))
    expect((await p.ended(1)).status).toBe('400')
  })

  test('the reply comes before the body is read; the rest is read before the connection is closed', async () => {
    const { peer } = await serve(() => text('no', 413))
    const p = peer()
    p.send(
      begin(1, 1, 0) +
        params(1, ['REQUEST_METHOD', 'POST', 'CONTENT_LENGTH', '3000000']) +
        stdin(1, 'x'.repeat(100_000)),
    )
    const answer = await p.ended(1)
    expect(answer.status).toBe('413')
    expect(p.closed).toBe(false)
    p.send(stdin(1, 'x'.repeat(2_900_000)))
    p.send(stdinEnd(1))
    await p.close()
  })

  test('a body echoed to a server that reads nothing before it has sent it all', async () => {
    const { peer } = await serve(({ stdin: body }) =>
      text(
        (async function* () {
          for (let piece = await body.read(); piece !== null; piece = await body.read()) yield piece
        })(),
      ),
    )
    const p = peer()
    await once(p.socket, 'connect')
    p.socket.pause()
    const size = 5_000_000
    await new Promise<void>((sent) => {
      p.socket.write(post(1, 'x'.repeat(size), [], false), 'latin1', () => sent())
    })
    p.socket.resume()
    expect((await p.ended(1)).body.length).toBe(size)
  })

  test('text of the request goes to FCGI_STDERR', async () => {
    const { peer } = await serve((exchange) => {
      exchange.stderr('wärning\n')
      return text('hello')
    })
    const p = peer()
    p.send(get(1))
    const answer = await p.ended(1)
    expect(Buffer.from(answer.stderr, 'latin1').toString()).toBe('wärning\n')
    expect(answer.body).toBe('hello')
  })
})
