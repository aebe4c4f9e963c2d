/** A process that is recycled: no request that arrives meanwhile is lost. */

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { get, Peer } from '../fastcgi/peer.js'
import { lossRun } from '../servers/losses.js'
import { needs } from '../support/needs.js'
import { isAlive, until } from '../support/processes.js'
import { startApp, startFcgid, startLighttpd } from './place.js'

const every50 = { options: { recycle: { maxRequests: 50 } } }

const servers = [
  { name: 'Apache mod_fcgid', start: () => startFcgid(every50), installed: needs('apache2') },
  { name: 'lighttpd', start: () => startLighttpd(every50), installed: needs('lighttpd') },
  {
    name: 'lighttpd with two processes',
    start: () => startLighttpd({ ...every50, procs: 2 }),
    installed: needs('lighttpd'),
  },
]

describe('maxRequests: 50, 16 requests at a time, none lost', () => {
  it.each(servers.filter(({ installed }) => installed))('$name', async ({ start }) => {
    const server = await start()
    for (const method of ['GET', 'POST'] as const) {
      const before = server.begun().length
      const report = await lossRun({ port: server.port, mount: '', method, requests: 600 })
      expect(report, server.log().slice(-2000)).toMatchObject({ sent: 600, lost: 0, differences: [] })
      // Processes that wait for their successor serve more than 50 each.
      expect(await until(() => server.begun().length > before)).toBe(true)
    }
    expect(server.log()).toContain('is recycled: it has served 50 requests (maxRequests)')
    await server.server.stop()
    expect(
      server
        .begun()
        .map(server.exitOf)
        .every((code) => code === 0 || code === undefined),
    ).toBe(true)
    expect(server.alive()).toEqual([])
  })
})

describe('a process on its own socket', () => {
  const ask = async (socket: string, target: string): Promise<string> => {
    const peer = new Peer(socket)
    peer.send(get(1, ['REQUEST_URI', target, 'QUERY_STRING', target.split('?')[1] ?? ''], false))
    const { body } = await peer.ended(1)
    return body
  }

  it('maxMemory: a process that has grown is replaced', async () => {
    const app = await startApp(['--max-memory', '120M'])
    const pid = Number(await ask(app.socket, '/pid'))
    await ask(app.socket, `/grow?bytes=${150 << 20}`)
    expect(await until(() => !isAlive(pid), 10_000)).toBe(true)
    expect(app.exitOf(pid)).toBe(0)
    expect(Number(await ask(app.socket, '/pid'))).not.toBe(pid)
    expect(app.server.output()).toMatch(/it uses \d+ MB of memory \(maxMemory: 120 MB\)/)
    await app.server.stop()
  })

  it('maxAgeMs: a process that is old is replaced', async () => {
    const app = await startApp(['--max-age', '2s'])
    const pid = Number(await ask(app.socket, '/pid'))
    expect(await until(() => !isAlive(pid), 10_000)).toBe(true)
    expect(Number(await ask(app.socket, '/pid'))).not.toBe(pid)
    expect(app.server.output()).toContain('it is 2000 ms old (maxAgeMs)')
    await app.server.stop()
  })

  it('a running request is finished by the process that began it', async () => {
    const app = await startApp(['--max-requests', '2'])
    const gate = `${app.run}/gate`
    const peer = new Peer(app.socket)
    peer.send(get(1, ['REQUEST_URI', `/slow?at=${gate}`, 'QUERY_STRING', `at=${gate}`], false))
    expect(await until(() => readable(`${gate}.begun`) !== '')).toBe(true)
    const pid = Number(readable(`${gate}.begun`))
    expect(Number(await ask(app.socket, '/pid'))).toBe(pid)
    await until(async () => Number(await ask(app.socket, '/pid')) !== pid)
    expect(isAlive(pid)).toBe(true)
    app.write(gate)
    expect((await peer.ended(1)).body).toBe(`slow ${pid}`)
    expect(await until(() => app.exitOf(pid) === 0)).toBe(true)
    await app.server.stop()
  })
})

const readable = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
