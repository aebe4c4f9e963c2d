import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Exchange, Handler, Reply } from '../../src/exchange.js'
import { Connection } from '../../src/fastcgi/connection.js'
import { RecordType } from '../../src/fastcgi/record.js'
import type { ServiceOptions } from '../../src/server/limits.js'
import { Service } from '../../src/server/service.js'
import { begin, get, Peer, params, post, record, stdin, stdinEnd } from './peer.js'

const text = (body: Reply['body'], status = 200): Reply => ({
  status,
  headers: ['Content-Type', 'text/plain'],
  body,
})

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

const serve = async (handler: Handler, options: ServiceOptions = {}) => {
  const log: string[] = []
  const dir = await mkdtemp(join(tmpdir(), 'cgiup-test-'))
  cleanups.push(() => rm(dir, { recursive: true }))
  const path = join(dir, 's')
  const service = new Service(handler, { stderr: (line: string) => log.push(line), ...options })
  const server = createServer((socket) => new Connection(socket, service))
  server.listen(path)
  await once(server, 'listening')
  const stop = async (graceMs: number) => {
    const closed = new Promise((resolve) => server.close(resolve))
    await service.stop(graceMs)
    await closed
  }
  cleanups.push(() => stop(0))
  const peer = () => {
    const p = new Peer(path)
    cleanups.push(async () => p.socket.destroy())
    return p
  }
  return { stop, peer, log }
}

const gate = () => {
  let open!: () => void
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, passed }
}

const readAll = async ({ stdin: body }: Exchange): Promise<string> => {
  let all = ''
  for (let piece = await body.read(); piece !== null; piece = await body.read())
    all += Buffer.from(piece).toString('latin1')
  return all
}
const echo: Handler = async (exchange) => text(await readAll(exchange))

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

  test('maxDiscardBytes', async () => {
    const { peer, log } = await serve(() => text('no', 413), { maxDiscardBytes: 1000 })
    const p = peer()
    p.send(begin(1, 1, 0) + params(1, ['REQUEST_METHOD', 'POST', 'CONTENT_LENGTH', '300000']))
    await p.ended(1)
    p.send(stdin(1, 'x'.repeat(2000)))
    await p.close()
    expect(log.join()).toContain('maxDiscardBytes')
  })

  test('maxBodyBytes, announced or not', async () => {
    const { peer } = await serve(echo, { maxBodyBytes: 10 })
    const p = peer()
    p.send(post(1, 'x'.repeat(11)))
    expect((await p.ended(1)).status).toBe('413')
    p.send(begin(2, 1, 1) + params(2, ['REQUEST_METHOD', 'POST']) + stdin(2, 'x'.repeat(11)) + stdinEnd(2))
    expect((await p.ended(2)).status).toBe('413')
    p.send(post(3, 'x'.repeat(10)))
    expect((await p.ended(3)).status).toBe('200')
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

describe('5.4 the client leaves', () => {
  test('ABORT_REQUEST: the signal aborts, END_REQUEST comes at once, the connection lives', async () => {
    let aborted = false
    const entered = gate()
    const { peer } = await serve(async (exchange) => {
      if (exchange.env.get('QUERY_STRING') === 'quick') return text('hello')
      entered.open()
      await new Promise((resolve) => exchange.signal.addEventListener('abort', resolve))
      aborted = true
      return text('too late')
    })
    const p = peer()
    p.send(get(1))
    await entered.passed
    p.send(record(RecordType.ABORT_REQUEST, 1))
    expect(await p.ended(1)).toMatchObject({ stdout: '', protocolStatus: 0 })
    expect(aborted).toBe(true)
    p.send(get(2, ['QUERY_STRING', 'quick']))
    expect((await p.ended(2)).body).toBe('hello')
  })

  test('the connection closes: the signal aborts, a waiting read fails', async () => {
    let told!: (what: unknown) => void
    const what = new Promise((resolve) => {
      told = resolve
    })
    const { peer } = await serve(async (exchange) => {
      const signal = new Promise((resolve) => exchange.signal.addEventListener('abort', resolve))
      const error = await readAll(exchange).catch((e) => e)
      await signal
      told(error.code)
      return text('')
    })
    const p = peer()
    p.send(begin(1) + params(1, ['REQUEST_METHOD', 'POST', 'CONTENT_LENGTH', '9']))
    p.socket.end()
    expect(await what).toBe('REQUEST_ABORTED')
  })
})

describe('replies that break', () => {
  const broken: Handler = () =>
    text(
      (async function* () {
        yield Buffer.from('some')
        throw new Error('broke')
      })(),
    )

  test('the connection is closed without END_REQUEST', async () => {
    const { peer, log } = await serve(broken)
    const p = peer()
    p.send(get(1))
    await p.close()
    expect(p.answer(1)).toMatchObject({ protocolStatus: undefined, stdoutEnded: false })
    expect(p.answer(1).body).toBe('some')
    expect(log.join()).toContain('cut off after 4 bytes')
  })

  test('5.5 with other requests on the connection it ends with an app status', async () => {
    const held = gate()
    const { peer } = await serve(async (exchange) => {
      if (exchange.env.get('QUERY_STRING') === 'broken') return broken(exchange)
      await held.passed
      return text('whole')
    })
    const p = peer()
    p.send(get(1) + get(2, ['QUERY_STRING', 'broken']))
    expect((await p.ended(2)).appStatus).toBe(1)
    held.open()
    expect((await p.ended(1)).body).toBe('whole')
  })

  test('a handler that throws gives a 500', async () => {
    const { peer, log } = await serve(() => {
      throw new Error('secret')
    })
    const p = peer()
    p.send(get(1))
    const answer = await p.ended(1)
    expect(answer.status).toBe('500')
    expect(answer.stdout).not.toContain('secret')
    expect(log.join()).toContain('secret')
  })

  test('a header that HTTP does not allow gives a 500', async () => {
    const { peer } = await serve(() => ({ status: 200, headers: ['X', 'a\r\nb'], body: '' }))
    const p = peer()
    p.send(get(1))
    expect((await p.ended(1)).status).toBe('500')
  })
})

describe('3.3 multiplexing', () => {
  test('a slow request and an unread body hold nobody up', async () => {
    const held = gate()
    const { peer } = await serve(async (exchange) => {
      if (exchange.env.get('QUERY_STRING') === 'slow') {
        await held.passed
        return text(`${(await readAll(exchange)).length}`)
      }
      return text('quick')
    })
    const p = peer()
    p.send(
      begin(1, 1, 1) +
        params(1, ['QUERY_STRING', 'slow', 'REQUEST_METHOD', 'POST', 'CONTENT_LENGTH', '5000000']),
    )
    p.send(get(2))
    await p.ended(2)
    p.send(stdin(1, 'x'.repeat(5_000_000)))
    p.send(stdinEnd(1))
    p.send(get(3))
    expect((await p.ended(3)).body).toBe('quick')
    held.open()
    expect((await p.ended(1)).body).toBe('5000000')
  })

  test('CANT_MPX_CONN when it is switched off', async () => {
    const { peer } = await serve(() => new Promise(() => {}), { multiplex: false })
    const p = peer()
    p.send(get(1) + get(2))
    expect((await p.ended(2)).protocolStatus).toBe(1)
  })

  test('maxRequests: a real 503', async () => {
    const { peer } = await serve(() => new Promise(() => {}), { maxRequests: 1 })
    const p = peer()
    p.send(get(1) + get(2))
    expect((await p.ended(2)).status).toBe('503')
  })

  test('maxConnections: a real 503', async () => {
    const { peer } = await serve(() => text('hello'), { maxConnections: 1 })
    const p = peer()
    p.send(get(1))
    expect((await p.ended(1)).status).toBe('200')
    const q = peer()
    q.send(get(1))
    expect((await q.ended(1)).status).toBe('503')
  })
})

describe('bad peers', () => {
  test('HTTP sent by mistake closes the connection with a line that says so', async () => {
    const { peer, log } = await serve(() => text(''))
    const p = peer()
    p.send('GET / HTTP/1.1\r\n\r\n')
    await p.close()
    expect(log).toEqual([expect.stringContaining('use fastcgi_pass, not proxy_pass')])
  })

  test('paramsTimeoutMs', async () => {
    const { peer, log } = await serve(() => text(''), { paramsTimeoutMs: 1 })
    const p = peer()
    p.send(begin(1))
    await p.close()
    expect(log.join()).toContain('paramsTimeoutMs')
  })

  test('idleTimeoutMs', async () => {
    const { peer } = await serve(() => text(''), { idleTimeoutMs: 1 })
    const p = peer()
    p.send(get(1))
    await p.ended(1)
    await p.close()
  })

  test('requestTimeoutMs: 503 and an aborted signal', async () => {
    let reason: unknown
    const { peer } = await serve(
      (exchange) => {
        exchange.signal.addEventListener('abort', () => {
          reason = exchange.signal.reason
        })
        return new Promise(() => {})
      },
      { requestTimeoutMs: 1 },
    )
    const p = peer()
    p.send(get(1))
    expect((await p.ended(1)).status).toBe('503')
    expect(reason).toMatchObject({ code: 'REQUEST_TIMEOUT' })
  })
})

describe('stop', () => {
  test('idle connections end at once, running requests are answered, work after the reply is awaited', async () => {
    const held = gate()
    let worked = false
    const entered = gate()
    const { peer, stop } = await serve(async (exchange) => {
      if (exchange.env.get('QUERY_STRING') === 'idle') return text('')
      entered.open()
      await held.passed
      exchange.waitUntil(
        new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
          worked = true
        }),
      )
      return text('last')
    })
    const idle = peer()
    idle.send(get(1, ['QUERY_STRING', 'idle']))
    await idle.ended(1)
    const busy = peer()
    busy.send(get(1))
    await entered.passed
    const stopped = stop(5000)
    await idle.close()
    held.open()
    expect((await busy.ended(1)).body).toBe('last')
    await busy.close()
    await stopped
    expect(worked).toBe(true)
  })
})
