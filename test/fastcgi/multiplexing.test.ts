import { describe, expect, test } from 'vitest'
import { begin, get, params, stdin, stdinEnd } from './peer.js'
import { gate, readAll, serve, text } from './serving.js'

describe('3.3 multiplexing', () => {
  test('a slow request and an unread body do not delay others', async () => {
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
})
