/** Processes that end and are restarted while requests arrive: no request is lost. */

import { describe, expect, it } from 'vitest'
import { load } from '../fastcgi/load.js'
import { needs, which } from '../support/needs.js'
import { signalProcess, until } from '../support/processes.js'
import { request } from '../support/request.js'
import { startServer } from '../support/server-process.js'
import { answering, app, exitOf } from './launchers/place.js'
import { children, gone, launch, newPath, start, stateOf, systemd, watch } from './launchers/start.js'
import { lossRun } from './losses.js'
import { startResponder } from './responder.js'
import { environment, useSite } from './site.js'
import { startCaddyBefore } from './sites/caddy.js'
import { startHaproxyBefore } from './sites/haproxy.js'

const none = { lost: 0, differences: [] }
const ways = [
  ['kept', true],
  ['closed after each', false],
] as const
/**
 * A process cannot announce that it will close a kept connection: a request sent at that very moment is sent
 * again, if the server may do so (docs/deploy-systemd.md).
 */
const again = true
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

describe.skipIf(!needs('spawn-fcgi'))('spawn-fcgi', () => {
  it.each(ways)('three processes on one socket: two end, connections %s', async (_, kept) => {
    const place = newPath('socket')
    const pids = await launch('spawn-fcgi', ['-s', place, '-F', '3', '--', app], 3)
    expect(pids).toHaveLength(3)
    const ending = (async () => {
      for (const [at, signal] of (['SIGTERM', 'SIGUSR1'] as const).entries()) {
        await pause(300)
        signalProcess(pids[at] as number, signal)
        expect(await gone(pids[at] as number)).toBe(true)
      }
    })()
    const [gets, posts] = await Promise.all([
      load({ place, until: ending, kept, again }),
      load({ place, until: ending, kept: false, method: 'POST', concurrency: 4 }),
    ])
    await ending
    expect(gets).toMatchObject(none)
    expect(posts).toMatchObject(none)
    expect(gets.sent).toBeGreaterThan(20)
    expect(await answering(place)).toBe(pids[2])
  })
})

describe.skipIf(!needs('spawn-fcgi', 'multiwatch'))('multiwatch', () => {
  it.each(ways)('a process that is asked to end is replaced, connections %s', async (_, kept) => {
    const { place, server, pids } = await watch(2, ['-s', 'TERM'])
    const [first, second] = pids as [number, number]
    const ending = (async () => {
      signalProcess(first, 'SIGTERM')
      expect(await gone(first)).toBe(true)
      expect(await until(() => children(server).length === 2)).toBe(true)
    })()
    const report = await load({ place, until: ending, kept, again })
    await ending
    expect(report).toMatchObject(none)
    expect(exitOf(first)).toBe(0)
    const fresh = children(server).filter((pid) => pid !== second)
    expect(fresh).toHaveLength(1)
    expect(fresh).not.toContain(first)
  })
})

/** Signals one process after the other, each once it serves. */
async function restart(
  path: string,
  output: () => string,
  signals: readonly NodeJS.Signals[],
): Promise<void> {
  for (const signal of signals) {
    const { pid } = stateOf(output())
    await request({ path }, { target: '/' })
    await pause(100)
    signalProcess(pid, signal)
    expect(await until(() => stateOf(output()).pid !== pid, 10_000)).toBe(true)
  }
  await request({ path }, { target: '/' })
}

describe.skipIf(!needs('python3'))('systemd, which keeps the socket (imitated)', () => {
  it.each(ways)('a process that ends is restarted, connections %s', async (_, kept) => {
    const place = newPath('socket')
    const server = await start('python3', systemd(place, app), place)
    await answering(place)
    const ending = restart(place, server.output, ['SIGTERM', 'SIGHUP', 'SIGUSR1'])
    const [gets, posts] = await Promise.all([
      load({ place, until: ending, kept, again }),
      load({ place, until: ending, kept: false, method: 'POST', concurrency: 4 }),
    ])
    await ending
    expect(gets).toMatchObject(none)
    expect(posts).toMatchObject(none)
    expect(gets.sent).toBeGreaterThan(20)
    expect(stateOf(server.output()).exits).toEqual([0, 0, 0])
  })
})

const behind = [
  { name: 'Caddy', program: 'caddy', single: 'ROOTED', startBefore: startCaddyBefore },
  { name: 'HAProxy', program: 'haproxy', single: 'SINGLE', startBefore: startHaproxyBefore },
] as const

describe.each(behind)('behind $name', ({ program, single, startBefore }) => {
  async function losesNone(port: number, ending: Promise<void>) {
    const run = (method: 'GET' | 'POST') =>
      lossRun({ port, mount: '', method, until: ending, concurrency: 8 })
    const reports = await Promise.all([run('GET'), run('POST')])
    await ending
    for (const report of reports) {
      expect(report).toMatchObject(none)
      expect(report.sent).toBeGreaterThan(20)
    }
  }

  describe.skipIf(!needs(program, 'python3'))('systemd (imitated), connections closed after each', () => {
    let running = { path: '', output: () => '' }
    const site = useSite(() =>
      startBefore(async (frame, file, path) => {
        const env = { ...environment(frame), NODE_ENV: 'production' }
        const server = await startServer(which('python3') ?? '', systemd(path, file), {
          listens: { path },
          env,
        })
        running = { path, output: server.output }
        await request({ path }, { target: '/' })
        return server
      }),
    )

    it('a process that ends is restarted', async () => {
      const { path, output } = running
      await losesNone(site().ports[single] as number, restart(path, output, ['SIGTERM', 'SIGHUP']))
      expect(stateOf(output()).exits).toEqual([0, 0])
    })
  })

  describe.skipIf(!needs(program))('workers, connections as the server likes', () => {
    let pid = 0
    const site = useSite(() =>
      startBefore(async (frame, file, path) => {
        const args = ['--workers', '2']
        const server = await startResponder(frame, { file, listens: { path }, server: 'fastcgi', args })
        pid = server.pid
        return server
      }),
    )

    it('SIGHUP replaces them', async () => {
      const reloaded = () =>
        site()
          .log()
          .match(/reloaded/g)?.length ?? 0
      const reload = async () => {
        for (let times = 1; times <= 2; times++) {
          await pause(200)
          signalProcess(pid, 'SIGHUP')
          expect(await until(() => reloaded() >= times, 10_000)).toBe(true)
        }
      }
      await losesNone(site().ports.ROOTED as number, reload())
    })
  })
})
