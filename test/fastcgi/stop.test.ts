import { describe, expect, test } from 'vitest'
import { RecordType } from '../../src/fastcgi/codec/record.js'
import { Service } from '../../src/serve/service.js'
import { standStill } from '../support/processes.js'
import { get } from './peer.js'
import { gate, serve, text } from './serving.js'

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

  test('a request that came while the process stood still is answered', async () => {
    const { peer, stop } = await serve(() => text('served'))
    const p = peer()
    p.send(get(1))
    await p.ended(1)
    const stopped = stop(5000)
    p.send(get(2))
    standStill(Service.idleGraceMs + 50)
    expect((await p.ended(2)).body).toBe('served')
    await p.close()
    await stopped
  })

  test.each([
    ['nginx/1.22.1', [RecordType.GET_VALUES_RESULT]],
    ['lighttpd/1.4.69', []],
  ])('%s, and the next request on a connection that is about to be closed', async (server, types) => {
    const { peer, service } = await serve((exchange) => {
      if (exchange.env.get('QUERY_STRING') === 'last') service.retire()
      return text('here')
    })
    const kept = peer()
    kept.send(get(1, ['SERVER_SOFTWARE', server]))
    await kept.ended(1)
    kept.send(get(2, ['SERVER_SOFTWARE', server, 'QUERY_STRING', 'last']))
    expect((await kept.ended(2)).body).toBe('here')
    await kept.close()
    expect(kept.answer(0).types).toEqual(types)
  })
})
