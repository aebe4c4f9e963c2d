/** Concurrent scripts: places, and the queue for them. */
import { existsSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ScriptPlaces } from '../../src/cgi/script/places.js'
import { type CgiBinOptions, cgiBin } from '../../src/host.js'
import { until } from '../support/processes.js'
import { scripts, sh, startHost } from './support.js'

const head = 'printf "Content-Type: text/plain\\n\\n"'
/** Records its start, and ends once the file `go` exists. */
const waits = `echo x >> begun; ${head}; echo head; while [ ! -e go ]; do sleep 0.02; done; echo end`

async function hosting(options: CgiBinOptions, files: Record<string, string> = {}) {
  const directory = scripts({ 'x.cgi': sh(waits), 'quick.cgi': sh(`${head}; echo quick`), ...files })
  const host = await startHost(cgiBin(directory, { development: false, killGraceMs: 100, ...options }))
  const begun = () => until(() => existsSync(join(directory, 'begun')))
  return { host, begun, go: () => writeFileSync(join(directory, 'go'), '') }
}

test.each<[object, string]>([
  [{ maxScripts: -1 }, 'The option maxScripts of cgiBin() must be a number of 0 or more, not -1.'],
  [{ maxScripts: '4' }, 'not "4".'],
  [{ maxQueue: Number.NaN }, 'maxQueue'],
  [{ queueTimeoutMs: '30s' }, 'queueTimeoutMs'],
])('%j is refused', (options, message) => {
  expect(() => cgiBin('.', options as CgiBinOptions)).toThrow(message)
})

describe('maxScripts', () => {
  test('further requests wait for a place, in order', async () => {
    const { host, begun, go } = await hosting({ maxScripts: 1 })
    const first = host.get('/x.cgi')
    await begun()
    const order: number[] = []
    const others = [1, 2, 3].map(async (i) => {
      const reply = await host.get('/quick.cgi')
      order.push(i)
      return reply.text
    })
    expect(await Promise.race([...others, new Promise((resolve) => setTimeout(resolve, 100, 'none'))])).toBe(
      'none',
    )
    go()
    expect((await first).text).toBe('head\nend\n')
    expect(await Promise.all(others)).toEqual(['quick\n', 'quick\n', 'quick\n'])
    expect(order).toEqual([1, 2, 3])
  })

  test('queueTimeoutMs: 503 with Retry-After; the page has the reason, and mentions that streams hold places', async () => {
    const { host, begun, go } = await hosting({ maxScripts: 1, queueTimeoutMs: 100, development: true })
    const first = host.get('/x.cgi')
    await begun()
    const late = await host.get('/quick.cgi')
    expect([late.status, late.header('retry-after')]).toEqual([503, '5'])
    expect(late.text).toMatch(/The limit maxScripts \(1\) was reached[\s\S]*event stream/)
    expect(host.stderr()).toContain('for 0.1 s (queueTimeoutMs)')
    go()
    expect((await first).complete).toBe(true)
    expect((await host.get('/quick.cgi')).status).toBe(200)
  })

  test('maxQueue: 503 at once', async () => {
    const { host, begun, go } = await hosting({ maxScripts: 1, maxQueue: 1 })
    const first = host.get('/x.cgi')
    await begun()
    const second = host.get('/quick.cgi')
    await until(() => host.entries.length >= 0)
    const third = await Promise.race([host.get('/quick.cgi'), second])
    expect(third.status).toBe(503)
    expect(host.stderr()).toContain('maxQueue (1)')
    go()
    expect((await first).status).toBe(200)
    expect((await second).status).toBe(200)
  })

  test('a client that disconnects is removed from the queue; a place is free again however its script ends', async () => {
    const { host, begun, go } = await hosting(
      { maxScripts: 1, maxQueue: 1, headTimeoutMs: 300 },
      { 'hangs.cgi': sh('sleep 60'), 'bad.cgi': 'no program\n', 'killed.cgi': sh('kill -9 $$') },
    )
    const first = host.get('/x.cgi')
    await begun()
    const wire = await host.open({ target: '/quick.cgi' })
    await until(async () => {
      const { status } = await host.get('/quick.cgi')
      return status === 503
    })
    wire.close()
    go()
    await first
    for (const target of ['/hangs.cgi', '/bad.cgi', '/killed.cgi', '/none.cgi']) await host.get(target)
    expect((await host.get('/quick.cgi')).status).toBe(200)
  })

  test('a local redirect needs no second place while the first script ends', async () => {
    const { host } = await hosting(
      { maxScripts: 1 },
      { 'to.cgi': sh('printf "Location: /quick.cgi\\n\\n"; sleep 0.1') },
    )
    expect((await host.get('/to.cgi')).text).toBe('quick\n')
  })

  test('an upload of unknown length takes no place before it has arrived', async () => {
    const { host } = await hosting({ maxScripts: 1 })
    const slow = await host.open({
      target: '/quick.cgi',
      method: 'POST',
      headers: ['Transfer-Encoding: chunked'],
    })
    expect((await host.get('/quick.cgi')).status).toBe(200)
    await slow.send('0\r\n\r\n')
    expect((await slow.reply()).status).toBe(200)
    slow.close()
  })
})

describe('ScriptPlaces', () => {
  const { signal } = new AbortController()

  test('by default there are 4 per processor, at least 8, and 1000 requests may wait', async () => {
    const places = new ScriptPlaces()
    const count = Math.max(8, 4 * availableParallelism())
    const leaves = await Promise.all(Array.from({ length: count }, () => places.take(signal)))
    const waiting = Array.from({ length: 1000 }, () => places.take(signal))
    await expect(places.take(signal)).rejects.toMatchObject({ code: 'SCRIPTS_BUSY', status: 503 })
    for (const leave of leaves) leave()
    for (const next of waiting) (await next)()
    await expect(places.take(signal)).resolves.toBeTypeOf('function')
  })

  test('giving a place back twice frees it once', async () => {
    const places = new ScriptPlaces({ maxScripts: 1, maxQueue: 0 })
    const leave = await places.take(signal)
    leave()
    leave()
    await places.take(signal)
    await expect(places.take(signal)).rejects.toMatchObject({ code: 'SCRIPTS_BUSY' })
  })

  test('0 means no limit', async () => {
    const places = new ScriptPlaces({ maxScripts: 0 })
    for (let i = 0; i < 100; i++) await places.take(signal)
  })
})
