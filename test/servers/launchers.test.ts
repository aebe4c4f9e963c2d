/**
 * Programs that start an app on a listening socket that they opened: spawn-fcgi, multiwatch, cgi-fcgi -start,
 * h2o.
 */

import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { load } from '../fastcgi/load.js'
import { get, Peer } from '../fastcgi/peer.js'
import { needs, which } from '../support/needs.js'
import { freePort } from '../support/ports.js'
import { isAlive, signalProcess, until } from '../support/processes.js'
import { request } from '../support/request.js'
import { answering, app, exitOf, loading } from './launchers/place.js'
import { execute, gone, launch, newPath, start, watch } from './launchers/start.js'

/** The process that has begun the request that waits for a file. */
async function begun(gate: string): Promise<number> {
  const told = () => (existsSync(`${gate}.begun`) ? readFileSync(`${gate}.begun`, 'utf8') : '')
  expect(await until(() => told() !== '')).toBe(true)
  return Number(told())
}

/** Signals a process in the middle of a request, and lets the request end. */
async function endsWell(place: string | number, signal: NodeJS.Signals): Promise<void> {
  const gate = newPath('gate')
  const peer = new Peer(place)
  peer.send(get(1, ['REQUEST_URI', `/slow?at=${gate}`], false))
  const pid = await begun(gate)
  signalProcess(pid, signal)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(isAlive(pid)).toBe(true)
  writeFileSync(gate, '')
  const answer = await peer.ended(1)
  expect(answer).toMatchObject({ body: `slow ${pid}`, appStatus: 0, protocolStatus: 0 })
  expect(await gone(pid)).toBe(true)
  expect(exitOf(pid)).toBe(0)
}

const none = { lost: 0, differences: [] }

describe.skipIf(!needs('spawn-fcgi'))('spawn-fcgi', () => {
  const places = [
    { name: 'a Unix socket', make: async () => newPath('socket') },
    { name: 'a TCP port', make: freePort },
  ]
  const words = (place: string | number) =>
    typeof place === 'number' ? ['-a', '127.0.0.1', '-p', String(place)] : ['-s', place, '-M', '0600']

  describe.each(places)('$name', ({ make }) => {
    it.each(['SIGTERM', 'SIGUSR1'] as const)('a separate process ends on %s', async (signal) => {
      const place = await make()
      const file = newPath('pid')
      const [pid] = await launch('spawn-fcgi', [...words(place), '-P', file, '--', app])
      expect(Number(readFileSync(file, 'utf8'))).toBe(pid)
      expect(await answering(place)).toBe(pid)
      await endsWell(place, signal)
    })

    it.each(['SIGTERM', 'SIGUSR1'] as const)('in the foreground (-n) it ends on %s', async (signal) => {
      const place = await make()
      const server = await start('spawn-fcgi', ['-n', ...words(place), '--', app], place)
      expect(await answering(place)).toBe(server.pid)
      expect(server.output()).toContain('printed')
      await endsWell(place, signal)
    })
  })

  it('the socket keeps the mode that it was given, and can be used again', async () => {
    const place = newPath('socket')
    const args = ['-s', place, '-M', '0600', '--', app]
    const [first] = await launch('spawn-fcgi', args)
    expect(statSync(place).mode & 0o777).toBe(0o600)
    await endsWell(place, 'SIGTERM')
    // The launcher owns it: not removed.
    expect(existsSync(place)).toBe(true)
    const [second] = await launch('spawn-fcgi', args)
    expect(second).not.toBe(first)
    expect(await answering(place)).toBe(second)
  })
})

describe.skipIf(!needs('spawn-fcgi', 'multiwatch'))('multiwatch', () => {
  it.each(['SIGTERM', 'SIGUSR1'] as const)('%s to multiwatch ends all, requests first', async (signal) => {
    const { place, server, pids } = await watch(2)
    const gate = newPath('gate')
    const peer = new Peer(place)
    peer.send(get(1, ['REQUEST_URI', `/slow?at=${gate}`], false))
    const busy = await begun(gate)
    signalProcess(server.pid, signal)
    expect(await until(() => pids.every((pid) => pid === busy || !isAlive(pid)))).toBe(true)
    expect(isAlive(busy)).toBe(true)
    writeFileSync(gate, '')
    expect((await peer.ended(1)).body).toBe(`slow ${busy}`)
    expect(await gone(server.pid)).toBe(true)
    expect(pids.map(exitOf)).toEqual([0, 0])
  })

  it('a process that is still loading ends on SIGUSR1 too', async () => {
    const gate = newPath('gate')
    const slow = `${newPath('app')}.mjs`
    writeFileSync(slow, loading(gate), { mode: 0o755 })
    const place = newPath('socket')
    const command = [which('multiwatch') ?? '', '--', slow]
    const server = await start('spawn-fcgi', ['-n', '-s', place, '--', ...command], place)
    expect(await until(() => existsSync(gate))).toBe(true)
    signalProcess(server.pid, 'SIGUSR1')
    expect(await gone(server.pid)).toBe(true)
    expect(server.output()).not.toContain('Debugger')
  })

  it('its processes do not outlive it', async () => {
    const { server, pids } = await watch(2)
    signalProcess(server.pid, 'SIGKILL')
    expect(await until(() => pids.every((pid) => !isAlive(pid)))).toBe(true)
    expect(pids.map(exitOf)).toEqual([0, 0])
  })
})

describe.skipIf(!needs('cgi-fcgi'))('cgi-fcgi', () => {
  const client = (place: string | number, more: NodeJS.ProcessEnv = {}) =>
    execute(
      which('cgi-fcgi') ?? '',
      ['-bind', '-connect', typeof place === 'number' ? `127.0.0.1:${place}` : place],
      {
        env: { REQUEST_METHOD: 'GET', REQUEST_URI: '/?7', SERVER_PROTOCOL: 'HTTP/1.1', ...more },
        encoding: 'latin1',
        timeout: 5000,
      },
    )

  it.each([
    ['a Unix socket', async () => newPath('socket')],
    ['a TCP port', freePort],
  ] as const)('-start on %s: two processes without stdout and stderr', async (_, make) => {
    const place = await make()
    const name = typeof place === 'number' ? `:${place}` : place
    const pids = await launch('cgi-fcgi', ['-start', '-connect', name, app, '2'], 2)
    expect(pids).toHaveLength(2)
    const { stdout } = await client(place)
    expect(stdout).toMatch(/^Status: 200 OK\r\n.*\r\n\r\nGET\?7 $/s)
    expect(await load({ place, requests: 200 })).toMatchObject(none)
    await endsWell(place, 'SIGTERM')
    await endsWell(place, 'SIGTERM')
  })
})

describe.skipIf(!needs('h2o'))('h2o, fastcgi.spawn', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)('the process ends when h2o does, by %s', async (signal) => {
    const port = await freePort()
    const config = newPath('h2o')
    writeFileSync(
      config,
      `${process.getuid?.() === 0 ? 'user: root\n' : ''}listen: {host: 127.0.0.1, port: ${port}}
hosts: {default: {paths: {"/": {fastcgi.spawn: "exec ${app}"}}}}
`,
    )
    const server = await start('h2o', ['-c', config], port)
    const reply = await request({ port }, { target: '/?7' })
    expect(reply).toMatchObject({ status: 200, text: 'GET?7 ' })
    const pid = Number(reply.header('x-pid'))
    expect(isAlive(pid)).toBe(true)
    process.kill(server.pid, signal)
    expect(await gone(server.pid)).toBe(true)
    expect(await gone(pid)).toBe(true)
    expect(exitOf(pid)).toBe(0)
  })
})
