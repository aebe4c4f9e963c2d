import { describe, expect, test } from 'vitest'
import { begin, get, params, post, stdin, stdinEnd } from './peer.js'
import { echo, serve, text } from './serving.js'

describe('limits', () => {
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
