/**
 * Workers that crash: one that has served is replaced at once; one that never serves is restarted after
 * pauses.
 */

import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { WorkerChild } from '../../src/process/workers-child.js'
import { Slot } from '../../src/process/workers-slot.js'
import { signalProcess, until } from '../support/processes.js'
import type { ServerProcess } from '../support/server-process.js'
import { ask, children, crew, loadedBy, newPath, start, startCrew, writeApp } from './crew.js'

const crash = (place: string | number) => ask(place, '/crash').catch(() => {})

/** The pid of the spare worker, once it has loaded the app. */
async function spareOf(primary: ServerProcess, file: string, serving: readonly number[]): Promise<number> {
  const spare = () =>
    loadedBy(file).find((pid) => children(primary.pid).includes(pid) && !serving.includes(pid)) ?? 0
  expect(await until(() => spare() > 0), primary.output()).toBe(true)
  return spare()
}

describe('by requests', () => {
  it('again and again: there is never a pause', async () => {
    const { place, primary } = await crew(1)
    for (let times = 0; times < 5; times++) {
      await crash(place)
      expect((await ask(place)).version).toBe('one')
    }
    const { length } = primary.output().split('ended while serving: SIGKILL; the next one starts now')
    expect(length).toBe(6)
    expect(primary.output()).not.toContain('the next one starts in')
  })

  it('the spare worker takes over, and another spare is started', async () => {
    const { place, file, primary } = await crew(1)
    await crash(place)
    const { pid } = await ask(place)
    const spare = await spareOf(primary, file, [pid])
    await crash(place)
    expect((await ask(place)).pid).toBe(spare)
    expect(await spareOf(primary, file, [pid, spare])).toBeGreaterThan(0)
    expect(primary.output().match(/a spare worker is kept ready/g)).toHaveLength(1)
  })

  it('with the code of the last reload, never with older code', async () => {
    const { place, file, primary } = await crew(1)
    await crash(place)
    const { pid } = await ask(place)
    await spareOf(primary, file, [pid])
    writeFileSync(`${file}.version`, 'two')
    signalProcess(primary.pid, 'SIGHUP')
    expect(await until(() => primary.output().includes('reloaded: all workers were replaced'))).toBe(true)
    // The old worker may still accept one or two connections.
    expect(await until(async () => (await ask(place)).version === 'two')).toBe(true)
    for (let times = 0; times < 3; times++) {
      await crash(place)
      expect((await ask(place)).version).toBe('two')
    }
  })

  it('all workers end with the primary, the spare one too', async () => {
    const { place, file, primary } = await crew(1)
    await crash(place)
    const { pid } = await ask(place)
    const pids = [pid, await spareOf(primary, file, [pid])]
    signalProcess(primary.pid, 'SIGTERM')
    expect(await until(() => primary.exit() !== undefined)).toBe(true)
    expect(primary.exit()).toEqual({ code: 0, signal: null })
    expect(await until(() => pids.every((one) => !children(primary.pid).includes(one)))).toBe(true)
  })
})

describe('the code on disk is broken meanwhile', () => {
  it('the next worker is retried within seconds, and serves once the code is fixed', async () => {
    const { place, file, primary } = await crew(2)
    writeFileSync(`${file}.broken`, '')
    for (let crashes = 1; crashes <= 2; crashes++) {
      await crash(place)
      const seen = () => primary.output().split('ended while serving').length > crashes
      expect(await until(seen), primary.output()).toBe(true)
    }
    expect(await until(() => primary.output().includes('starts in 1 s')), primary.output()).toBe(true)
    rmSync(`${file}.broken`)
    expect((await ask(place)).version).toBe('one')
  })

  it('the pauses of the first worker are at most 5 s while no worker serves, otherwise 30 s', async () => {
    const log: string[] = []
    const pauses = (number: number, serves: boolean) => {
      log.length = 0
      const slot = new Slot(number, {
        ending: false,
        serves,
        spawn: () => ({ pid: 1, startedAt: 0, asked: false, ending: false }) as WorkerChild,
        crashed: () => {},
        log: (line) => void log.push(line),
      })
      for (let times = 0; times < 9; times++) {
        void slot.start()
        slot.exited(slot.next as WorkerChild, 'exit code 1')
      }
      slot.stop()
      return log.map((line) => / in (\d+) s$/.exec(line)?.[1] ?? 'now')
    }
    expect(pauses(1, true)).toEqual(['now', '1', '2', '4', '8', '16', '30', '30', '30'])
    expect(pauses(2, false)).toEqual(pauses(1, true))
    expect(pauses(1, false)).toEqual(['now', '1', '2', '4', '5', '5', '5', '5', '5'])
  })

  it('a worker that crashes during a failing reload is replaced nevertheless', async () => {
    const { place, file, primary } = await crew(1)
    writeFileSync(`${file}.hold`, '')
    writeFileSync(`${file}.broken`, '')
    signalProcess(primary.pid, 'SIGHUP')
    expect(await until(() => children(primary.pid).length === 2)).toBe(true)
    await crash(place)
    expect(await until(() => primary.output().includes('the next one is already starting'))).toBe(true)
    rmSync(`${file}.hold`)
    expect(await until(() => primary.output().includes('reload aborted')), primary.output()).toBe(true)
    rmSync(`${file}.broken`)
    expect((await ask(place)).version).toBe('one')
  })
})

it('a worker that ends without a request, soon after it began to serve, is restarted after pauses', async () => {
  const place = newPath('socket')
  const file = writeApp({ server: 'fastcgi', listen: place, workers: 1 })
  writeFileSync(`${file}.timer`, '')
  const primary = await start(process.execPath, [file], place)
  expect(await until(() => primary.output().includes('the next one starts in 2 s')), primary.output()).toBe(
    true,
  )
  expect(primary.output()).toContain('ended while serving: exit code 9')
})

it('a signal to the process group does not end a worker that is loading its app', async () => {
  const place = newPath('socket')
  const file = writeApp({ server: 'fastcgi', listen: place, workers: 1 })
  const { primary, pids } = await startCrew(file, place, 1)
  writeFileSync(`${file}.hold`, '')
  signalProcess(primary.pid, 'SIGUSR2')
  const fresh = () => children(primary.pid).find((pid) => !pids.includes(pid)) ?? 0
  expect(await until(() => fresh() > 0 && existsSync(`${file}.hold.${fresh()}`))).toBe(true)
  for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGHUP', 'SIGINT'] as const) signalProcess(fresh(), signal)
  const pid = fresh()
  rmSync(`${file}.hold`)
  expect(await until(() => primary.output().includes('reloaded: all workers were replaced'))).toBe(true)
  // The old worker may still accept one or two connections.
  expect(await until(async () => (await ask(place)).pid === pid)).toBe(true)
})
