/** The sequences of signals with which Apache mod_fcgid and lighttpd end their processes. */

import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { isAlive, signalProcess, until } from '../support/processes.js'
import { request } from '../support/request.js'
import { exitOf, gone, type Server, startFcgid, startLighttpd } from './place.js'

/** A request that runs until `open` is called, and the process that serves it. */
async function slow(server: Server) {
  const gate = join(server.run, `gate${Math.random()}`)
  const reply = request({ port: server.port }, { target: `/slow?at=${gate}` }).then(
    ({ status, text }) => `${status} ${text}`,
    (error: Error) => error.message,
  )
  expect(await until(() => existsSync(`${gate}.begun`))).toBe(true)
  return { reply, pid: server.begun().at(-1) as number, open: () => writeFileSync(gate, '') }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** The server ends; all processes have exited by themselves, with code 0. */
async function endsClean(server: Server, milliseconds = 15_000): Promise<void> {
  await exitOf(server.server, milliseconds)
  expect(await until(() => server.alive().length === 0)).toBe(true)
  for (const pid of server.begun()) expect([pid, server.exitOf(pid)]).toEqual([pid, 0])
}

describe.skipIf(!needs('apache2')).concurrent('Apache mod_fcgid', () => {
  it('stop (SIGTERM), idle: the process ends on the first SIGTERM', async () => {
    const server = await startFcgid()
    await request({ port: server.port }, { target: '/pid' })
    const [pid] = server.begun() as [number]
    signalProcess(server.server.pid, 'SIGTERM')
    // Apache repeats it after 1.3 s, and would kill after 8.3 s.
    expect(await gone(pid, 7000)).toBe(true)
    await endsClean(server)
  })

  it('stop (SIGTERM), busy: the request continues, the repeated SIGTERM does not abort it', async () => {
    const server = await startFcgid()
    const { pid, open } = await slow(server)
    signalProcess(server.server.pid, 'SIGTERM')
    // Apache closes the client's connection at once, sends SIGTERM after 3.3 s and again after 4.6 s.
    await pause(5200)
    expect(isAlive(pid)).toBe(true)
    open()
    expect(await gone(pid)).toBe(true)
    await endsClean(server)
  })

  it('stop (SIGTERM), a request that never ends: aborted in time, so that no process is killed', async () => {
    const server = await startFcgid()
    const { pid } = await slow(server)
    signalProcess(server.server.pid, 'SIGTERM')
    expect(await gone(pid, 12_000)).toBe(true)
    expect(server.exitOf(pid)).toBe(0)
    await endsClean(server)
  })

  it('graceful restart (SIGUSR1): a request of five seconds gets its reply, others reach a fresh process', async () => {
    const server = await startFcgid()
    const { reply, pid, open } = await slow(server)
    signalProcess(server.server.pid, 'SIGUSR1')
    // mod_fcgid sends SIGTERM after 3 s, again 1.3 s later, and would kill 7 s after that.
    await pause(5000)
    open()
    expect(await reply).toBe(`200 slow ${pid}`)
    expect(await gone(pid)).toBe(true)
    expect(server.exitOf(pid)).toBe(0)
    const fresh = Number((await request({ port: server.port }, { target: '/pid' })).text)
    expect(fresh).not.toBe(pid)
    signalProcess(server.server.pid, 'SIGTERM')
    await endsClean(server)
  })

  it('graceful stop (SIGWINCH): a request gets its reply, then all end', async () => {
    const server = await startFcgid()
    const { reply, pid, open } = await slow(server)
    signalProcess(server.server.pid, 'SIGWINCH')
    await pause(1000)
    open()
    expect(await reply).toBe(`200 slow ${pid}`)
    await endsClean(server)
  })

  it('restart (SIGHUP): the processes end, and fresh ones serve', async () => {
    const server = await startFcgid()
    await request({ port: server.port }, { target: '/pid' })
    const [pid] = server.begun() as [number]
    signalProcess(server.server.pid, 'SIGHUP')
    expect(await gone(pid)).toBe(true)
    expect(server.exitOf(pid)).toBe(0)
    const answered = async () =>
      (await request({ port: server.port }, { target: '/pid' }).catch(() => null))?.status === 200
    expect(await until(answered, 10_000)).toBe(true)
    signalProcess(server.server.pid, 'SIGTERM')
    await endsClean(server)
  })

  it('FcgidMaxRequestsPerProcess and similar: a process that is asked to end while it is busy', async () => {
    const server = await startFcgid({ more: 'FcgidMaxRequestsPerProcess 1\nFcgidZombieScanInterval 1' })
    const pids = new Set<string>()
    for (let i = 0; i < 3; i++) {
      const { status, text } = await request({ port: server.port }, { target: '/pid' })
      expect(status).toBe(200)
      pids.add(text)
    }
    expect(pids.size).toBe(3)
    signalProcess(server.server.pid, 'SIGTERM')
    await endsClean(server)
  })
})

describe.skipIf(!needs('lighttpd')).concurrent('lighttpd', () => {
  it('SIGTERM, idle: every process ends on the only SIGTERM', async () => {
    const server = await startLighttpd({ procs: 3 })
    await request({ port: server.port }, { target: '/pid' })
    expect(await until(() => server.serving().length === 3)).toBe(true)
    signalProcess(server.server.pid, 'SIGTERM')
    await endsClean(server)
  })

  it('SIGTERM, busy: the process finishes the request, then ends; lighttpd never kills it', async () => {
    const server = await startLighttpd()
    const { pid, open } = await slow(server)
    signalProcess(server.server.pid, 'SIGTERM')
    await exitOf(server.server)
    await pause(1500)
    expect(isAlive(pid)).toBe(true)
    open()
    expect(await gone(pid)).toBe(true)
    await endsClean(server)
  })

  it('SIGINT (graceful): the request gets its reply', async () => {
    const server = await startLighttpd()
    const { reply, pid, open } = await slow(server)
    signalProcess(server.server.pid, 'SIGINT')
    await pause(1000)
    open()
    expect(await reply).toBe(`200 slow ${pid}`)
    await endsClean(server)
  })

  it('SIGUSR1 (reload): the request gets its reply, fresh processes take over', async () => {
    const server = await startLighttpd()
    const { reply, pid, open } = await slow(server)
    signalProcess(server.server.pid, 'SIGUSR1')
    await pause(500)
    open()
    expect(await reply).toBe(`200 slow ${pid}`)
    expect(await gone(pid, 12_000)).toBe(true)
    expect(server.exitOf(pid)).toBe(0)
    const answered = async () =>
      (await request({ port: server.port }, { target: '/pid' }).catch(() => null))?.status === 200
    expect(await until(answered, 10_000)).toBe(true)
    signalProcess(server.server.pid, 'SIGTERM')
    await endsClean(server)
  })
})
