/** No process outlives the server that started it, no matter how that server dies. */

import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { isAlive, processes, signalProcess, until } from '../support/processes.js'
import { request } from '../support/request.js'
import { gone, makePlace, type Server, type ServerOptions, startFcgid, startLighttpd } from './place.js'

/** Kills all processes of a server, including those that it is just starting, but no process of the app. */
async function killServer(server: Server, name: string): Promise<void> {
  const left = () =>
    processes().filter(
      ({ command, state }) =>
        state !== 'Z' && command.includes(server.directory) && command.split(' ')[0]?.endsWith(name),
    )
  const killed = await until(() => {
    const found = left()
    for (const { pid } of found) kill(pid)
    return found.length === 0
  })
  expect(killed).toBe(true)
}

function kill(pid: number): void {
  try {
    signalProcess(pid, 'SIGKILL')
  } catch {
    // Already ended by itself.
  }
}

const wrapper = (app: string) => `#!/bin/sh\n${app}\nexit $?\n`

const ways: [name: string, options: ServerOptions, wrapped?: true][] = [
  ['the app itself', {}],
  ['a wrapper script that does not exec', {}, true],
  ['a worker', { options: { workers: 1 } }],
]

const servers = [
  { name: 'apache2', start: startFcgid },
  { name: 'lighttpd', start: startLighttpd },
].filter(({ name }) => needs(name as 'apache2' | 'lighttpd'))

describe.each(servers)('$name is killed (SIGKILL)', ({ name, start }) => {
  it.each(ways)('%s ends', async (_, options, wrapped) => {
    const place = makePlace()
    const server = await start({ ...options, ...(wrapped && { wrapper: wrapper(place.app) }) }, place)
    const { text } = await request({ port: server.port }, { target: '/pid' })
    const pid = Number(text)
    expect(isAlive(pid)).toBe(true)
    const started = server.begun()
    await killServer(server, name)
    expect(await until(() => server.alive().length === 0, 8000), JSON.stringify(processesOf(server))).toBe(
      true,
    )
    for (const one of started) expect(server.exitOf(one)).toBe(0)
  })

  it('during a request: it is aborted, and the process ends', async () => {
    const server = await start()
    const gate = join(server.run, 'gate')
    void request({ port: server.port }, { target: `/slow?at=${gate}` }).catch(() => {})
    expect(await until(() => existsSync(`${gate}.begun`))).toBe(true)
    await killServer(server, name)
    // The connection of the request was closed with the server; the app still runs to its end.
    await new Promise((resolve) => setTimeout(resolve, 1500))
    writeFileSync(gate, '')
    expect(await until(() => server.alive().length === 0, 8000)).toBe(true)
  })
})

const processesOf = (server: Server) =>
  processes().filter(({ command }) => command.includes(server.directory))

describe('a server that died before the process could check', () => {
  /** Starts the app with a listening socket on descriptor 0 and a parent that exits at once. */
  async function orphan(path: string, env: NodeJS.ProcessEnv = {}) {
    const place = makePlace()
    const server = createServer()
    const socket = join(place.run, path)
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle
    const shell = spawn('sh', ['-c', `${place.app} <&3 & exit 0`], {
      stdio: ['ignore', 'ignore', 'ignore', fd],
      env: { ...place.env, ...env },
      detached: true,
    })
    await new Promise((resolve) => shell.on('exit', resolve))
    expect(await until(() => place.begun().length === 1)).toBe(true)
    server.close()
    return { place, pid: place.begun()[0] as number }
  }

  it('mod_fcgid: the process whose pid is in the name of the socket has ended', async () => {
    const dead = spawn('true')
    await new Promise((resolve) => dead.on('exit', resolve))
    const { place, pid } = await orphan(`${dead.pid}.3`)
    expect(await gone(pid)).toBe(true)
    expect(place.exitOf(pid)).toBe(0)
  })

  it('lighttpd: the leader of the process group is dead', async () => {
    const { place, pid } = await orphan('app.sock-0', { PHP_FCGI_CHILDREN: '1' })
    expect(await gone(pid)).toBe(true)
    expect(place.exitOf(pid)).toBe(0)
  })

  it('spawn-fcgi and similar programs exit on purpose: the process serves', async () => {
    const { place, pid } = await orphan('app.sock')
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect(isAlive(pid)).toBe(true)
    signalProcess(pid, 'SIGTERM')
    expect(await gone(pid)).toBe(true)
    expect(place.exitOf(pid)).toBe(0)
  })
})
