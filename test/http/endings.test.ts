/** Replies of the HTTP server that break or are sent early, and clients that disconnect. */
import { describe, expect, test } from 'vitest'
import type { Handler, Reply } from '../../src/core/exchange.js'
import { startHost } from '../host/support.js'
import { until } from '../support/processes.js'
import { readAll, slowly, text } from './replies.js'

describe('a reply that breaks', () => {
  const broken: Handler = () =>
    text(
      (async function* () {
        yield Buffer.from('some')
        throw new Error('disk gone')
      })(),
    )

  test('looks broken to the client, too', async () => {
    const host = await startHost(broken)
    const reply = await host.get('/')
    expect([reply.status, reply.text, reply.framing, reply.complete]).toEqual([200, 'some', 'chunked', false])
    expect(host.stderr()).toContain('cut off after 4 bytes of its body: Error: disk gone')
    await until(() => host.entries.length > 0)
    expect(host.entries[0]).toMatchObject({ status: 200, bytes: 4, cut: true })
  })

  test('is reset if a close would look like its end', async () => {
    const host = await startHost(broken)
    const { Wire } = await import('../support/wire.js')
    const wire = await Wire.open({ port: host.port })
    await wire.send('GET / HTTP/1.0\r\n\r\n')
    await until(() => wire.ended)
    expect((await wire.reply().catch(() => ({ complete: false }))).complete).toBe(false)
  })

  test.each([
    ['fewer', ['abc'], 'only 3'],
    ['more', ['abc', 'def'], 'at least 6'],
  ])('with %s bytes than its Content-Length is cut', async (_, pieces, told) => {
    const host = await startHost(() => ({
      status: 200,
      headers: ['Content-Type', 'text/plain', 'Content-Length', '5'],
      body: slowly(pieces),
    }))
    const reply = await host.get('/')
    expect(reply.complete).toBe(false)
    expect(reply.surplus.length).toBe(0)
    expect(host.stderr()).toContain(told)
  })

  test('before it began, is a plain 500 without details', async () => {
    const host = await startHost(() => {
      throw new Error('secret')
    })
    const reply = await host.get('/')
    expect(reply.status).toBe(500)
    expect(reply.text).not.toContain('secret')
    expect(host.stderr()).toContain('secret')
  })

  test('with a header that HTTP does not allow is a 500, and nothing of it is sent', async () => {
    const host = await startHost(() => ({ status: 200, headers: ['X-A', 'a\r\nX-Evil: 1'], body: 'x' }))
    const reply = await host.get('/')
    expect([reply.status, reply.header('x-evil')]).toEqual([500, undefined])
    expect(host.stderr()).toContain('Header "X-A" has CR')
  })
})

describe('early replies to uploads', () => {
  test('arrive, although the body was not read; a small rest keeps the connection', async () => {
    const host = await startHost(() => text('too much', 413))
    const wire = await host.open({
      method: 'POST',
      headers: ['Connection: keep-alive'],
      body: Buffer.alloc(3_000_000),
    })
    const reply = await wire.reply()
    expect([reply.status, reply.text, reply.header('connection')]).toEqual([413, 'too much', 'keep-alive'])
    wire.close()
  })

  test('on a kept connection a streamed reply ends before the upload, which nginx waits for', async () => {
    const host = await startHost(() => text(slowly(['too', ' much']), 413))
    const wire = await host.open({
      method: 'POST',
      headers: ['Connection: keep-alive', 'Content-Length: 5'],
    })
    expect(await wire.reply()).toMatchObject({ status: 413, text: 'too much', complete: true })
    await wire.send('12345')
    wire.again()
    await wire.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    expect(await wire.reply()).toMatchObject({ text: 'too much', complete: true })
    wire.close()
  })

  test('the server does not wait for a large rest: maxDiscardBytes', async () => {
    const host = await startHost(() => text('too much', 413), { maxDiscardBytes: 100_000 })
    const wire = await host.open({
      method: 'POST',
      headers: ['Connection: keep-alive'],
      body: Buffer.alloc(3_000_000),
    })
    const reply = await wire.reply()
    expect([reply.status, reply.text, reply.header('connection')]).toEqual([413, 'too much', 'close'])
    await until(() => wire.ended)
    expect(wire.ended).toBe(true)
  })

  test('nor for a rest that does not arrive: discardTimeoutMs', async () => {
    const host = await startHost(() => text('early'), { discardTimeoutMs: 30 })
    const wire = await host.open({ method: 'POST', headers: ['Content-Length: 5'] })
    expect((await wire.reply()).text).toBe('early')
    await until(() => host.entries.length === 1)
    wire.close()
  })
})

describe('the signal', () => {
  test('aborts when the client disconnects', async () => {
    let reason: unknown
    const host = await startHost(
      (x) =>
        new Promise<Reply>((_, reject) => {
          x.signal.addEventListener('abort', () => {
            reason = x.signal.reason
            reject(reason)
          })
        }),
    )
    const wire = await host.open({})
    await until(() => wire.socket.bytesWritten > 0)
    await new Promise((resolve) => setTimeout(resolve, 20))
    wire.close()
    expect(await until(() => reason !== undefined)).toBe(true)
    expect(reason).toMatchObject({ code: 'REQUEST_ABORTED' })
    await until(() => host.entries.length === 1)
    expect(host.entries[0]).toMatchObject({ status: 499, cut: true })
    expect(host.stderr()).toBe('')
  })

  test('and the body: return() is called, nothing is logged as an error', async () => {
    let returned = false
    const host = await startHost(() =>
      text(
        (async function* () {
          try {
            for (;;) {
              await new Promise((resolve) => setTimeout(resolve, 2))
              yield Buffer.alloc(1000)
            }
          } finally {
            returned = true
          }
        })(),
      ),
    )
    const wire = await host.open({})
    await wire.head()
    wire.reset()
    expect(await until(() => returned)).toBe(true)
  })

  test('a request body that is cut off throws REQUEST_ABORTED', async () => {
    let seen: unknown
    const host = await startHost(async (x) => {
      await readAll(x).catch((error) => {
        seen = error
      })
      return text('x')
    })
    const wire = await host.open({ method: 'POST', headers: ['Content-Length: 100'] })
    await wire.send('only this')
    await new Promise((resolve) => setTimeout(resolve, 20))
    wire.close()
    expect(await until(() => seen !== undefined)).toBe(true)
    expect(seen).toMatchObject({
      code: 'REQUEST_ABORTED',
      message: 'The client disconnected after 9 of 100 bytes of request body.',
    })
  })
})
