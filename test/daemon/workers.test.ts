/** Worker processes: which of them serve, what they share, how they are restarted, how they all end. */

import { execFile } from 'node:child_process'
import { appendFileSync, existsSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { pauseAfter } from '../../src/process/workers-slot.js'
import { freePort } from '../support/ports.js'
import { isAlive, signalProcess, until } from '../support/processes.js'
import {
  allGone,
  answering,
  ask,
  children,
  crew,
  ended,
  loadedBy,
  newPath,
  slowRequest,
  start,
  startCrew,
  writeApp,
} from './crew.js'

const cgiup = new URL('../../bin/cgiup.js', import.meta.url).pathname

describe('sharing the socket', () => {
  it('requests that block are spread over all workers; the primary serves none', async () => {
    const { place, primary, pids } = await crew(3)
    const seen = await answering(place, 3)
    expect(seen).toEqual(new Set(pids))
    expect(seen.has(primary.pid)).toBe(false)
    expect(await ask(place)).toMatchObject({ multiprocess: 'true' })
  })

  it('a single worker: multiprocess is false', async () => {
    const { place } = await crew(1)
    expect(await ask(place)).toMatchObject({ multiprocess: 'false' })
  })

  it('a TCP port', async () => {
    const port = await freePort()
    const { primary, pids } = await startCrew(writeApp({ server: 'fastcgi', port, workers: 2 }), port, 2)
    expect(await answering(port, 2)).toEqual(new Set(pids))
    expect(primary.output()).toMatch(
      `cgiup: fcgi://127.0.0.1:${port} (fastcgi: the option "server" is set; 2 workers; Ctrl-C stops it)`,
    )
  })

  it('a Unix socket has its mode before anybody can connect, and is removed at the end', async () => {
    const { place, primary } = await crew(2, { socketMode: 0o600 })
    expect(statSync(place).mode & 0o777).toBe(0o600)
    signalProcess(primary.pid, 'SIGTERM')
    expect(await ended(primary)).toBe(true)
    expect(primary.exit()).toEqual({ code: 0, signal: null })
    expect(existsSync(place)).toBe(false)
  })

  it('cgiup APP --workers: the app is loaded by the workers alone', async () => {
    const place = newPath('socket')
    const file = writeApp({ server: 'fastcgi', listen: place })
    const primary = await start(process.execPath, [cgiup, file, '--workers', '2'], place)
    expect(await until(() => loadedBy(file).length === 2)).toBe(true)
    expect(new Set(loadedBy(file))).toEqual(new Set(children(primary.pid)))
  })

  it('a second run() with workers is refused', async () => {
    const place = newPath('socket')
    const file = writeApp({ server: 'fastcgi', listen: place, workers: 1 })
    appendFileSync(file, 'await run({ fetch: () => new Response() }, { workers: 1, port: 0 })\n')
    const { code, stderr } = await failing(file)
    expect(code).toBe(1)
    expect(stderr).toContain('run() with workers can be called only once per process')
  })

  it('another program has the port: reported once, exit code 1', async () => {
    const { place } = await crew(1)
    const second = writeApp({ server: 'fastcgi', listen: place, workers: 2 })
    const { code, stderr } = await failing(second)
    expect(code).toBe(1)
    expect(stderr.match(/is in use: another program listens there/g)).toHaveLength(1)
    expect(stderr).toContain('The first worker process exited before it was ready to serve: exit code 1.')
    // The other server is not disturbed.
    expect((await ask(place)).version).toBe('one')
  })
})

const failing = (file: string): Promise<{ code: number; stderr: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [file], { timeout: 10_000 }, (error, _, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stderr }),
    )
  })

describe('a worker that crashes', () => {
  it('is restarted at once; the others continue', async () => {
    const { place, primary, pids } = await crew(2)
    const victim = pids[0] as number
    signalProcess(victim, 'SIGKILL')
    expect(await allGone([victim])).toBe(true)
    expect((await ask(place)).pid).toBeGreaterThan(0)
    expect(await until(() => children(primary.pid).length === 2)).toBe(true)
    expect(await until(async () => (await answering(place, 2)).size === 2)).toBe(true)
    expect(primary.output()).toMatch(
      `(process ${victim}) ended while serving: SIGKILL; the next one starts now`,
    )
  })

  it('again and again: the pauses grow; connections that arrive meanwhile are served after the restart', async () => {
    const { place, file, primary, pids } = await crew(1)
    writeFileSync(`${file}.broken`, '')
    signalProcess(pids[0] as number, 'SIGKILL')
    expect(await until(() => primary.output().includes('the next one starts in 1 s'))).toBe(true)
    const waiting = ask(place)
    expect(primary.output()).toContain('the app is broken')
    rmSync(`${file}.broken`)
    expect((await waiting).version).toBe('one')
  })

  it('pauses: none, 1 s, 2 s, 4 s … 30 s', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8, 1000].map(pauseAfter)).toEqual([
      0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000,
    ])
  })

  it('at the first start: the process ends with its error, exit code 1, and leaves nothing', async () => {
    const place = newPath('socket')
    const file = writeApp({ server: 'fastcgi', listen: place, workers: 2 })
    writeFileSync(`${file}.broken`, '')
    // The primary runs the file as well: it throws in the workers only.
    const { code, stderr } = await failing(file)
    expect(code).toBe(1)
    expect(stderr).toContain('the app is broken')
    expect(existsSync(place)).toBe(false)
  })
})

describe('the end', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGUSR1'] as const)('%s: running requests finish first', async (signal) => {
    const { place, primary, pids } = await crew(2)
    const slow = await slowRequest(place)
    signalProcess(primary.pid, signal)
    expect(await allGone(pids.filter((pid) => pid !== slow.pid))).toBe(true)
    expect(existsSync(place)).toBe(false)
    slow.letGo()
    expect((await slow.answer).pid).toBe(slow.pid)
    expect(await ended(primary)).toBe(true)
    expect(primary.exit()).toEqual({ code: 0, signal: null })
    expect(await allGone(pids)).toBe(true)
  })

  // As with Ctrl-C at a terminal, or systemd with KillMode=control-group.
  it.each(['SIGINT', 'SIGTERM'] as const)('%s to the whole process group ends it as well', async (signal) => {
    const { place, primary, pids } = await crew(2)
    const slow = await slowRequest(place)
    process.kill(-primary.pid, signal)
    expect(await allGone(pids.filter((pid) => pid !== slow.pid))).toBe(true)
    expect(isAlive(slow.pid)).toBe(true)
    slow.letGo()
    expect((await slow.answer).pid).toBe(slow.pid)
    expect(await ended(primary)).toBe(true)
    expect(primary.exit()).toEqual({ code: 0, signal: null })
    expect(primary.output()).not.toContain('next one')
  })

  it('a second signal ends all at once', async () => {
    const { place, primary, pids } = await crew(2)
    const slow = await slowRequest(place)
    signalProcess(primary.pid, 'SIGTERM')
    expect(await allGone(pids.filter((pid) => pid !== slow.pid))).toBe(true)
    signalProcess(primary.pid, 'SIGTERM')
    expect(await ended(primary)).toBe(true)
    expect(await allGone(pids, 1000)).toBe(true)
    expect((await slow.answer).body).toBe('503 Service Unavailable\n')
  })

  it('an app with a handler for SIGTERM cleans up after its last request', async () => {
    const place = newPath('socket')
    const file = writeApp({ server: 'fastcgi', listen: place })
    writeFileSync(`${file}.handler`, '')
    const primary = await start(process.execPath, [cgiup, file, '--workers', '1'], place)
    const slow = await slowRequest(place)
    process.kill(primary.pid, 'SIGTERM')
    expect(await until(() => !existsSync(place))).toBe(true)
    expect(primary.output()).not.toContain('cleans up')
    slow.letGo()
    expect((await slow.answer).pid).toBe(slow.pid)
    expect(await ended(primary)).toBe(true)
    expect(primary.output().match(/the app cleans up/g)).toHaveLength(1)
    expect(primary.exit()).toEqual({ code: 0, signal: null })
  })

  it('a worker that does not end within graceMs is killed', async () => {
    const { place, primary, pids } = await crew(2, { graceMs: 200 })
    const slow = await slowRequest(place)
    signalProcess(slow.pid, 'SIGSTOP')
    signalProcess(primary.pid, 'SIGTERM')
    expect(await ended(primary)).toBe(true)
    expect(await allGone(pids)).toBe(true)
    await expect(slow.answer).rejects.toThrow('closed')
  })

  it('the primary is killed: workers finish and end, none is left', async () => {
    const { place, primary, pids } = await crew(2)
    const slow = await slowRequest(place)
    signalProcess(primary.pid, 'SIGKILL')
    expect(await allGone(pids.filter((pid) => pid !== slow.pid))).toBe(true)
    slow.letGo()
    expect((await slow.answer).pid).toBe(slow.pid)
    expect(await allGone(pids)).toBe(true)
  })
})
