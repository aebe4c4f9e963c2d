import { describe, expect, test } from 'vitest'
import type { Handler } from '../../src/core/exchange.js'
import { until } from '../support/processes.js'
import { begin, params, stdin, stdinEnd } from './peer.js'
import { serve, text } from './serving.js'

const head = ['REQUEST_METHOD', 'POST', 'REQUEST_URI', '/']
const nginx = [...head, 'SERVER_SOFTWARE', 'nginx/1.22.1']

/** Writes what it reads, while it reads. */
const copy: Handler = ({ stdin: body }) =>
  text(
    (async function* () {
      for (let piece = await body.read(); piece !== null; piece = await body.read()) yield piece
    })(),
  )

describe('nginx sends no more of a body once the reply has begun', () => {
  test('a streamed reply begins when all of the body is here', async () => {
    const { peer } = await serve(copy, { maxUnreadBytes: 20_000 })
    const p = peer()
    p.send(begin(1) + params(1, [...nginx, 'CONTENT_LENGTH', '500000']) + stdin(1, 'x'.repeat(400_000)))
    // Another request on the connection is answered, so everything before it has been read.
    p.send(begin(2, 1, 1) + params(2, head) + stdinEnd(2))
    await p.ended(2)
    expect(p.answer(1).stdout).toBe('')
    p.send(stdin(1, 'y'.repeat(100_000)) + stdinEnd(1))
    expect((await p.ended(1)).body).toBe('x'.repeat(400_000) + 'y'.repeat(100_000))
  })

  test('a reply that is not streamed does not wait', async () => {
    const { peer } = await serve(() => text('enough', 413))
    const p = peer()
    p.send(begin(1) + params(1, [...nginx, 'CONTENT_LENGTH', '500000']) + stdin(1, 'x'))
    expect(await p.ended(1)).toMatchObject({ status: '413', body: 'enough' })
  })

  test('it begins after maxSpoolBytes, too', async () => {
    const { peer } = await serve(copy, { maxUnreadBytes: 1000, maxSpoolBytes: 50_000 })
    const p = peer()
    p.send(begin(1) + params(1, [...nginx, 'CONTENT_LENGTH', '500000']) + stdin(1, 'x'.repeat(500_000)))
    await p.until(() => p.answer(1).body.length > 100_000)
    p.send(stdinEnd(1))
    expect((await p.ended(1)).body).toBe('x'.repeat(500_000))
  })

  test('a client that disconnects meanwhile ends it', async () => {
    let aborted!: () => void
    const signal = new Promise<void>((resolve) => {
      aborted = resolve
    })
    const { peer, service } = await serve((exchange) => {
      exchange.signal.addEventListener('abort', aborted)
      return copy(exchange)
    })
    const p = peer()
    p.send(begin(1) + params(1, [...nginx, 'CONTENT_LENGTH', '500000']) + stdin(1, 'x'))
    await until(() => service.running === 1)
    p.socket.destroy()
    await signal
    expect(await until(() => service.running === 0)).toBe(true)
  })

  test('other servers are answered at once', async () => {
    const { peer } = await serve(copy)
    const p = peer()
    p.send(begin(1) + params(1, [...head, 'CONTENT_LENGTH', '4']) + stdin(1, 'ab'))
    await p.until(() => p.answer(1).body === 'ab')
    p.send(stdin(1, 'cd') + stdinEnd(1))
    expect((await p.ended(1)).body).toBe('abcd')
  })
})
