/** Each time limit: what exceeds it, and exactly what happens then (docs/fastcgi.md). */
import { describe, expect, test } from 'vitest'
import { until } from '../support/processes.js'
import { begin, get, params, post, stdin, stdinEnd } from './peer.js'
import { echo, serve, text } from './serving.js'

const forever = () => new Promise<never>(() => {})

describe('limits of time', () => {
  test('paramsTimeoutMs', async () => {
    const { peer, log } = await serve(() => text(''), { paramsTimeoutMs: 1 })
    const p = peer()
    p.send(begin(1))
    await p.close()
    expect(log).toEqual([expect.stringContaining('took longer than 1 ms (paramsTimeoutMs)')])
  })

  test('paramsTimeoutMs counts from the first byte, also of a record header', async () => {
    const { peer } = await serve(() => text(''), { paramsTimeoutMs: 1 })
    const p = peer()
    p.send(begin(1).slice(0, 3))
    await p.close()
  })

  test('idleTimeoutMs: a kept connection without requests is closed', async () => {
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

  test('requestTimeoutMs: one error page and one line, though the app fails too and the page takes its time', async () => {
    let pages = 0
    const { peer, log } = await serve(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      {
        requestTimeoutMs: 1,
        onError: async () => {
          pages++
          // Longer than two checks of the time limits.
          await new Promise((resolve) => setTimeout(resolve, 1200))
          return text('page', 503)
        },
      },
    )
    const p = peer()
    p.send(get(1))
    expect(await p.ended(1)).toMatchObject({ status: '503', body: 'page' })
    expect(pages).toBe(1)
    expect(log.join('').match(/requestTimeoutMs/g)).toHaveLength(1)
  })

  test('an error page that is a whole HTTP response, and invalid: a plain 500', async () => {
    const { peer, log } = await serve(
      () => {
        throw new Error('the app failed')
      },
      { onError: () => ({ ...text('no HTTP'), verbatim: true }) },
    )
    const p = peer()
    p.send(get(1))
    expect((await p.ended(1)).status).toBe('500')
    expect(log.join('')).toContain('The error page failed')
  })

  test('requestTimeoutMs in the middle of a reply: it is cut off', async () => {
    const { peer, log } = await serve(
      () =>
        text(
          (async function* () {
            yield Buffer.from('begun')
            await forever()
          })(),
        ),
      { requestTimeoutMs: 1 },
    )
    const p = peer()
    p.send(get(1))
    await p.close()
    expect(p.answer(1)).toMatchObject({ body: 'begun', protocolStatus: undefined })
    expect(log.join('')).toContain('requestTimeoutMs')
  })
})

describe('bodyTimeoutMs', () => {
  test('a body that does not end: 408, and the connection stays open', async () => {
    const { peer } = await serve(echo, { bodyTimeoutMs: 300 })
    const p = peer()
    p.send(begin(1, 1, 1) + params(1, ['REQUEST_METHOD', 'POST', 'CONTENT_LENGTH', '10']) + stdin(1, 'x'))
    expect((await p.ended(1)).status).toBe('408')
    p.send(post(2, 'in time'))
    expect((await p.ended(2)).body).toBe('in time')
  })

  test('a request without a body may take longer', async () => {
    const { peer } = await serve(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 1500))
        return text('late')
      },
      { bodyTimeoutMs: 100 },
    )
    const p = peer()
    p.send(get(1))
    expect((await p.ended(1)).body).toBe('late')
  })
})

describe('sendTimeoutMs', () => {
  const large = Buffer.alloc(20 << 20, 'x')

  test('a peer that takes nothing of its replies: the signal aborts, the connection is closed', async () => {
    let aborted = false
    const { peer, log } = await serve(
      (exchange) => {
        exchange.signal.addEventListener('abort', () => {
          aborted = true
        })
        return text(endless())
      },
      { sendTimeoutMs: 300 },
    )
    const p = peer()
    p.socket.pause()
    p.send(get(1))
    expect(await until(() => log.length > 0)).toBe(true)
    expect(log.join('')).toBe(
      'fastcgi: the peer read none of its replies for 300 ms (sendTimeoutMs); the connection is closed\n',
    )
    expect(await until(() => aborted)).toBe(true)
  })

  async function* endless() {
    for (;;) yield large
  }

  test('one that takes little by little gets all; so does one that sends its body first', async () => {
    const { peer, log } = await serve(() => text(large), { sendTimeoutMs: 1200 })
    const p = peer()
    p.send(get(1))
    const slow = setInterval(() => {
      p.socket.pause()
      setTimeout(() => p.socket.resume(), 50)
    }, 60)
    await p.ended(1).finally(() => clearInterval(slow))
    expect(p.answer(1).body.length).toBe(large.length)
    const q = peer()
    q.socket.pause()
    q.send(begin(1) + params(1, ['REQUEST_METHOD', 'POST']))
    for (let i = 0; i < 20; i++) {
      q.send(stdin(1, 'x'))
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    q.send(stdinEnd(1))
    q.socket.resume()
    expect((await q.ended(1)).body.length).toBe(large.length)
    expect(log).toEqual([])
  })
})
