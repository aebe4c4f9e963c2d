/** Processes that end and are started anew while requests come in: none of them is lost. */

import { describe, expect, it } from 'vitest'
import { load } from '../fastcgi/load.js'
import { needs } from '../support/needs.js'
import { until } from '../support/processes.js'
import { answering, app, exitOf } from './launchers/place.js'
import { children, gone, launch, newPath, watch } from './launchers/start.js'

const none = { lost: 0, differences: [] }

describe.skipIf(!needs('spawn-fcgi'))('spawn-fcgi', () => {
  it.each([
    ['kept', true],
    ['closed after each', false],
  ])('three processes on one socket: two end under load, none is lost; connections %s', async (_, kept) => {
    const place = newPath('socket')
    const pids = await launch('spawn-fcgi', ['-s', place, '-F', '3', '--', app], place)
    expect(pids).toHaveLength(3)
    const ending = (async () => {
      for (const [at, signal] of (['SIGTERM', 'SIGUSR1'] as const).entries()) {
        await new Promise((resolve) => setTimeout(resolve, 300))
        process.kill(pids[at] as number, signal)
        expect(await gone(pids[at] as number)).toBe(true)
      }
    })()
    const [gets, posts] = await Promise.all([
      load({ place, until: ending, kept }),
      load({ place, until: ending, kept, method: 'POST', concurrency: 4 }),
    ])
    await ending
    expect(gets).toMatchObject(none)
    expect(posts).toMatchObject(none)
    expect(gets.sent).toBeGreaterThan(100)
    expect(await answering(place)).toBe(pids[2])
  })
})

describe.skipIf(!needs('spawn-fcgi', 'multiwatch'))('multiwatch', () => {
  it('a process that is told to end under load is replaced, and no request is lost', async () => {
    const { place, server, pids } = await watch(2)
    const [first, second] = pids as [number, number]
    const ending = (async () => {
      process.kill(first, 'SIGTERM')
      expect(await gone(first)).toBe(true)
      expect(await until(() => children(server).length === 2)).toBe(true)
    })()
    const report = await load({ place, until: ending })
    await ending
    expect(report).toMatchObject(none)
    expect(exitOf(first)).toBe(0)
    const fresh = children(server).filter((pid) => pid !== second)
    expect(fresh).toHaveLength(1)
    expect(fresh).not.toContain(first)
  })
})
