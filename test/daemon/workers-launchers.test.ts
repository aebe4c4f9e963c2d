/** Workers on a socket that another program created: spawn-fcgi, systemd, lighttpd, Apache mod_fcgid. */

import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { load } from '../fastcgi/load.js'
import { lossRun } from '../servers/losses.js'
import { needs, which } from '../support/needs.js'
import { freePort } from '../support/ports.js'
import { isAlive, signalProcess, until } from '../support/processes.js'
import { request } from '../support/request.js'
import { allGone, answering, ask, children, ended, loadedBy, newPath, start, writeApp } from './crew.js'
import { startFcgid, startLighttpd } from './place.js'

const none = { lost: 0, differences: [] }
const twoWorkers = { options: { workers: 2 } }

/** Sends SIGHUP; settles when all workers were replaced. */
async function reload(pid: number, output: () => string): Promise<void> {
  signalProcess(pid, 'SIGHUP')
  expect(await until(() => output().includes('reloaded: all workers were replaced'), 15_000), output()).toBe(
    true,
  )
}

describe.skipIf(!needs('spawn-fcgi'))('spawn-fcgi', () => {
  it('descriptor 0 is shared; a reload loses nothing; the socket stays', async () => {
    const place = newPath('socket')
    const file = writeApp({ workers: 2 })
    const primary = await start(which('spawn-fcgi') ?? '', ['-n', '-s', place, '--', file], place)
    expect(await until(() => children(primary.pid).length === 2)).toBe(true)
    const pids = children(primary.pid)
    expect(await until(async () => (await answering(place, 2)).size === 2)).toBe(true)
    expect(await ask(place)).toMatchObject({ multiprocess: 'true' })
    expect(await request({ path: place }, { target: '/?http' })).toMatchObject({ text: 'GET?http ' })

    expect(await load({ place, until: reload(primary.pid, primary.output) })).toMatchObject(none)
    expect(await allGone(pids)).toBe(true)

    // No worker serves for a moment: connections wait.
    for (const pid of children(primary.pid)) signalProcess(pid, 'SIGKILL')
    expect((await ask(place)).version).toBe('one')

    signalProcess(primary.pid, 'SIGTERM')
    expect(await ended(primary)).toBe(true)
    expect(primary.exit()).toEqual({ code: 0, signal: null })
    expect(existsSync(place)).toBe(true)
    expect(await allGone(loadedBy(file))).toBe(true)
  })
})

describe.skipIf(!needs('systemd-socket-activate'))('systemd', () => {
  it('all sockets are shared', async () => {
    const [place, port] = [newPath('socket'), await freePort()]
    const file = writeApp({ workers: 2 })
    const words = ['-l', place, '-l', `127.0.0.1:${port}`, '-E', `PATH=${process.env.PATH}`, file]
    const primary = await start(which('systemd-socket-activate') ?? '', words, place)
    expect(await until(async () => (await answering(place, 2)).size === 2)).toBe(true)
    expect(await answering(port, 2)).toEqual(new Set(children(primary.pid)))
    expect(await load({ place: port, until: reload(primary.pid, primary.output) })).toMatchObject(none)
    expect(await load({ place, requests: 200 })).toMatchObject(none)
  })
})

describe.skipIf(!needs('lighttpd'))('lighttpd, bin-path', () => {
  it('a reload loses no request; all processes end with lighttpd', async () => {
    const server = await startLighttpd(twoWorkers)
    expect(await until(() => server.serving().length === 3)).toBe(true)
    const [primary] = children(server.server.pid) as [number]
    expect(children(primary)).toHaveLength(2)
    const over = reload(primary, server.log)
    const runs = (['GET', 'POST'] as const).map((method) =>
      lossRun({ port: server.port, mount: '', method, until: over, concurrency: 8 }),
    )
    for (const report of await Promise.all(runs)) {
      expect(report).toMatchObject(none)
      expect(report.sent).toBeGreaterThan(8)
    }
    signalProcess(server.server.pid, 'SIGTERM')
    expect(await until(() => server.alive().length === 0)).toBe(true)
  })

  it('lighttpd is killed: no process is left', async () => {
    const server = await startLighttpd(twoWorkers)
    expect(await until(() => server.serving().length === 3)).toBe(true)
    signalProcess(server.server.pid, 'SIGKILL')
    expect(await until(() => server.alive().length === 0, 8000)).toBe(true)
  })
})

describe.skipIf(!needs('apache2'))('Apache mod_fcgid', () => {
  it('workers serve; a graceful restart ends them, and fresh ones are started', async () => {
    const server = await startFcgid(twoWorkers)
    // One at a time: more make mod_fcgid start further processes, each with its own workers.
    const run = { port: server.port, mount: '', method: 'POST', requests: 100, concurrency: 1 } as const
    expect(await lossRun(run), server.log().slice(-2000)).toMatchObject(none)
    expect(await until(() => server.serving().length === 3)).toBe(true)
    const before = server.begun()
    signalProcess(server.server.pid, 'SIGUSR1')
    expect(await until(() => before.every((pid) => !isAlive(pid)), 12_000)).toBe(true)
    expect(before.map(server.exitOf).filter((code) => code !== 0)).toEqual([])
    expect(await request({ port: server.port }, { target: '/pid' })).toMatchObject({ status: 200 })
  })
})
