/** Too many connections: idle ones are closed for active ones. */

import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Daemon, serveDaemon } from '../../src/process/daemon.js'
import { get, Peer } from '../fastcgi/peer.js'
import { until } from '../support/processes.js'
import { tempDir } from '../support/temp.js'
import { ask } from './forms.js'

const directory = tempDir('pressure')
let count = 0
let daemon: Daemon | undefined
const sockets: Socket[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  for (const socket of sockets.splice(0)) socket.destroy()
  await daemon?.close(0)
})

type Protocol = 'fastcgi' | 'scgi' | 'http'
/** Opens as many connections as allowed. */
const CAP = 20

async function start(protocols: readonly Protocol[], maxConnections = CAP) {
  const path = join(directory, `s${++count}`)
  const log: string[] = []
  let letGo = () => {}
  let slow = 0
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  daemon = await serveDaemon(
    async ({ env }) => {
      if (env.get('REQUEST_URI') === '/slow') {
        slow++
        await held
      }
      return { status: 200, headers: ['Content-Type', 'text/plain'], body: 'served' }
    },
    { path, protocols, maxConnections, stderr: (line) => log.push(line) },
  )
  return { path, log, letGo, slow: () => slow }
}

/** A connection that sends this, and nothing else. */
async function open(path: string, bytes = ''): Promise<Socket> {
  const socket = connect({ path }).on('error', () => {})
  sockets.push(socket)
  await new Promise((resolve) => socket.once('connect', resolve))
  if (bytes !== '') await new Promise((resolve) => socket.write(bytes, 'latin1', resolve))
  return socket
}

const openMany = (path: string, bytes = '') =>
  Promise.all(Array.from({ length: CAP }, () => open(path, bytes)))

/** The clock of the server, set forward. */
function later(ms: number): void {
  const now = performance.now.bind(performance)
  vi.spyOn(performance, 'now').mockImplementation(() => now() + ms)
}

const ways: [string, readonly Protocol[], Protocol][] = [
  ['FastCGI', ['fastcgi'], 'fastcgi'],
  ['SCGI', ['scgi'], 'scgi'],
  ['HTTP', ['http'], 'http'],
  ['FastCGI, on a socket that accepts other protocols too', ['fastcgi', 'scgi', 'http'], 'fastcgi'],
  ['HTTP, on a socket that accepts other protocols too', ['fastcgi', 'scgi', 'http'], 'http'],
]

const halves: Record<Protocol, string> = {
  fastcgi: get(1).slice(0, 30),
  scgi: '70:CONTENT_LENGTH\x000\0',
  http: 'GET / HTTP/1.1\r\nHost: loc',
}

const served = /200 OK[\s\S]*served/
const refused = /503 Service Unavailable/

describe.each(ways)('%s', (_, protocols, protocol) => {
  it('connections that have never sent a byte are closed', async () => {
    const { path, log } = await start(protocols)
    await openMany(path)
    later(200)
    for (let times = 0; times < 5; times++) expect(await ask(path, protocol, '/')).toMatch(served)
    expect(log.join()).toContain(
      `maxConnections (${CAP}) is reached: a connection that had never sent anything was closed`,
    )
  })

  it('connections whose request does not arrive completely are closed after 5 s', async () => {
    const { path } = await start(protocols)
    await openMany(path, halves[protocol])
    expect(await until(async () => refused.test(await ask(path, protocol, '/')))).toBe(true)
    later(6000)
    for (let times = 0; times < 5; times++) expect(await ask(path, protocol, '/')).toMatch(served)
  })

  it('connections with a running request are never closed', async () => {
    const { path, letGo, slow } = await start(protocols, 3)
    const running = [1, 2, 3].map(() => ask(path, protocol, '/slow'))
    expect(await until(() => slow() === 3)).toBe(true)
    expect(await ask(path, protocol, '/')).toMatch(refused)
    later(60_000)
    expect(await ask(path, protocol, '/')).toMatch(refused)
    letGo()
    for (const reply of await Promise.all(running)) expect(reply).toMatch(served)
  })
})

describe('kept connections that have served', () => {
  const cases: [Protocol, string][] = [
    ['fastcgi', get(1)],
    ['http', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ]
  it.each(cases)('%s: are closed after 5 s without a request, and not before', async (protocol, request) => {
    const { path, log } = await start([protocol])
    const kept = await openMany(path, request)
    await Promise.all(kept.map((socket) => new Promise((resolve) => socket.once('data', resolve))))
    expect(await ask(path, protocol, '/')).toMatch(refused)
    later(4000)
    expect(await ask(path, protocol, '/')).toMatch(refused)
    vi.restoreAllMocks()
    later(6000)
    expect(await ask(path, protocol, '/')).toMatch(served)
    expect(log.join()).toContain('a connection without a request for 5 s or more was closed')
    // One idle connection was closed for each new one.
    expect(kept.filter((socket) => socket.destroyed || socket.readableEnded).length).toBeLessThan(4)
  })

  it('stay open as long as there are others that have never sent a byte', async () => {
    const { path } = await start(['fastcgi'], 2)
    const kept = new Peer(path)
    sockets.push(kept.socket)
    kept.send(get(1))
    await kept.ended(1)
    await open(path)
    later(10_000)
    expect(await ask(path, 'fastcgi', '/')).toMatch(served)
    kept.answers.clear()
    kept.send(get(2))
    expect((await kept.ended(2)).body).toBe('served')
  })

  it('below the limit no connection is closed', async () => {
    const { path, log } = await start(['fastcgi'])
    const silent = await open(path)
    later(60_000)
    for (let times = 0; times < 5; times++) expect(await ask(path, 'fastcgi', '/')).toMatch(served)
    expect(silent.destroyed || silent.readableEnded).toBe(false)
    expect(log.join('')).not.toContain('maxConnections')
  })
})
