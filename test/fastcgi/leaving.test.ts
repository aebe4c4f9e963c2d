import { describe, expect, test } from 'vitest'
import { toHandler } from '../../src/app/handler.js'
import type { App } from '../../src/app/types.js'
import type { Handler } from '../../src/core/exchange.js'
import { RecordType } from '../../src/fastcgi/codec/record.js'
import { begin, get, params, record, stdin, stdinEnd } from './peer.js'
import { gate, readAll, serve, text } from './serving.js'

describe('5.4 the client disconnects', () => {
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

describe('a reply before the body has come', () => {
  test('without KEEP_CONN our side is closed after it, and the rest of the body is still read', async () => {
    const { peer } = await serve(() => text('enough'))
    const p = peer()
    p.socket.allowHalfOpen = true
    const ended = new Promise((resolve) => p.socket.once('end', resolve))
    p.send(begin(1) + params(1, ['REQUEST_METHOD', 'POST', 'CONTENT_LENGTH', '300000']))
    // nginx stops sending the body here, and waits for the end.
    await ended
    expect(p.answer(1)).toMatchObject({ protocolStatus: 0, body: 'enough' })
    // Other servers continue: they must not get a reset.
    p.send(stdin(1, 'x'.repeat(300_000)))
    expect(p.closed).toBe(false)
    p.send(stdinEnd(1))
    p.socket.end()
    await p.close()
    expect(p.socket.errored).toBe(null)
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
    // nginx takes the end of the connection for the end of the reply; at this record it aborts.
    expect(p.answer(1).types.at(-1)).toBe(RecordType.ABORT_REQUEST)
    expect(log.join()).toContain('cut off after 4 bytes')
  })

  test.each([0, 1, 2, 3, 4, 5])('a Node response destroyed %i ticks after its first chunk', async (ticks) => {
    const app: App = (_, res) => {
      const destroyAfter = (left: number): void => {
        if (left === 0) res.destroy()
        else process.nextTick(destroyAfter, left - 1)
      }
      res.write('some')
      destroyAfter(ticks)
    }
    const { peer } = await serve(await toHandler(app))
    const p = peer()
    p.send(get(1))
    // Only if nothing was sent yet can there be another reply.
    const { status } = await p.ended(1).catch(() => p.answer(1))
    expect(p.closed || status === '500').toBe(true)
  })

  test('for Caddy, which sees no break in that, a header that is cut off follows', async () => {
    const { peer } = await serve(broken)
    const [plain, caddy] = [peer(), peer()]
    plain.send(get(1))
    caddy.send(get(1, ['SERVER_SOFTWARE', 'Caddy/v2.6.2']))
    await Promise.all([plain.close(), caddy.close()])
    expect(caddy.bytes - plain.bytes).toBe(1)
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
