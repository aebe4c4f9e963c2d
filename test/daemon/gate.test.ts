import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type Daemon, type DaemonOptions, serveDaemon } from '../../src/process/daemon.js'
import { get } from '../fastcgi/peer.js'
import { tempDir } from '../support/temp.js'

let daemon: Daemon
const lines: string[] = []
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  lines.length = 0
  await daemon.close(0)
})

const serve = async (options: DaemonOptions = {}) => {
  const path = `${tempDir('gate')}/s`
  const reply = { status: 200, headers: ['Content-Type', 'text/plain'], body: 'hello' }
  daemon = await serveDaemon(() => reply, { path, stderr: (line) => lines.push(line), ...options })
  return path
}

/** Sends chunks, each after a pause that lets the server read the one before; all data until the end. */
const ask = async (path: string, ...pieces: string[]): Promise<string> => {
  const socket = connect(path).on('error', () => {})
  sockets.push(socket)
  let text = ''
  socket.on('data', (data) => {
    text += data.toString('latin1')
  })
  const closed = new Promise((resolve) => socket.on('close', resolve))
  for (const piece of pieces) {
    socket.write(piece, 'latin1')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await closed
  return text
}

const head = ['CONTENT_LENGTH', '0', 'SCGI', '1', 'REQUEST_METHOD', 'GET', 'REQUEST_URI', '/']
  .map((text) => `${text}\0`)
  .join('')
const spoken = {
  fastcgi: get(1, [], false),
  scgi: `${head.length}:${head},`,
  http: 'GET / HTTP/1.0\r\n\r\n',
} as const
const names = ['fastcgi', 'scgi', 'http'] as const

const served = {
  fastcgi: /Status: 200[\s\S]*hello/,
  scgi: /^Status: 200[\s\S]*hello$/,
  http: /^HTTP\/1\.1 200/,
}

describe('the first byte of a connection determines the protocol', () => {
  it.each(names)('%s', async (name) => {
    expect(await ask(await serve(), spoken[name])).toMatch(served[name])
    expect(lines).toEqual([])
  })

  it.each(names)('%s, if the first byte arrives alone', async (name) => {
    const text = spoken[name]
    expect(await ask(await serve(), text.slice(0, 1), text.slice(1))).toMatch(served[name])
  })

  it.each(['\x00uwsgi', '\x16\x03\x01\x02\x00\x01', '\x02', '\xff'])(
    '%j is not a valid first byte',
    async (text) => {
      expect(await ask(await serve(), text)).toBe('')
      expect(lines).toHaveLength(1)
      expect(lines[0]).toMatch(/^fastcgi: record header at byte 0 .*; the connection is closed/)
    },
  )
})

describe.each(names)('%s alone', (only) => {
  it.each(names)('%s', async (name) => {
    const got = await ask(await serve({ protocols: [only] }), spoken[name])
    if (name === only) expect(got).toMatch(served[name])
    else expect(got).not.toMatch(served[name])
  })
})

describe('a connection that sends nothing', () => {
  it('is closed after idleTimeoutMs', async () => {
    const path = await serve({ idleTimeoutMs: 100 })
    const begun = performance.now()
    expect(await ask(path)).toBe('')
    expect(performance.now() - begun).toBeGreaterThan(90)
    expect(lines).toEqual([])
  })

  it('may disconnect again', async () => {
    const path = await serve()
    const socket = connect(path)
    await new Promise<void>((resolve) => socket.on('connect', resolve))
    socket.destroy()
    expect(await ask(path, spoken.http)).toMatch(served.http)
  })
})

describe('several sockets', () => {
  it('one that is not available: an error, and none of them stays open', async () => {
    const taken = await serve()
    await expect(serveDaemon(() => Promise.reject(), { path: taken })).rejects.toThrow('is in use')
    await expect(serveDaemon(() => Promise.reject(), { sockets: [{ fd: 9_999 }] })).rejects.toThrow(
      'Descriptor 9999 is not a listening socket',
    )
  })
})
