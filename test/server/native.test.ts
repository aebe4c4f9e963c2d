/** When connections are Node's own handles, when they are net.Sockets, and what the process logs about it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { isHandle, native, newestTestedMajor, setNative } from '../../src/socket/native.js'
import { get, Peer } from '../fastcgi/peer.js'
import { startServer } from '../support/server-process.js'
import { tempDir } from '../support/temp.js'

const asked = process.env.CGIUP_NET_SOCKET
afterEach(() => {
  if (asked === undefined) delete process.env.CGIUP_NET_SOCKET
  else process.env.CGIUP_NET_SOCKET = asked
  setNative(undefined)
})

test('this Node has everything that handles need', () => {
  delete process.env.CGIUP_NET_SOCKET
  setNative(undefined)
  const found = native()
  expect(found?.state).toBeInstanceOf(Int32Array)
  const places = [
    found?.readBytesOrError,
    found?.arrayBufferOffset,
    found?.bytesWritten,
    found?.lastWriteWasAsync,
  ]
  expect(new Set(places).size).toBe(4)
})

test('CGIUP_NET_SOCKET=1: net.Sockets', () => {
  process.env.CGIUP_NET_SOCKET = '1'
  setNative(undefined)
  expect(native()).toBeNull()
})

describe('a Node newer than the newest tested one', () => {
  const real = Object.getOwnPropertyDescriptor(process.versions, 'node') as PropertyDescriptor
  const as = (version: string) => {
    Object.defineProperty(process.versions, 'node', { ...real, value: version })
    setNative(undefined)
  }
  afterEach(() => {
    Object.defineProperty(process.versions, 'node', real)
  })

  test('net.Sockets, unless CGIUP_NET_SOCKET=0 asks for handles', () => {
    delete process.env.CGIUP_NET_SOCKET
    as(`${newestTestedMajor}.99.0`)
    expect(native()).not.toBeNull()
    as(`${newestTestedMajor + 1}.0.0-nightly`)
    expect(native()).toBeNull()
    process.env.CGIUP_NET_SOCKET = '0'
    setNative(undefined)
    expect(native()).not.toBeNull()
    for (const value of ['1', 'true', 'false', ' 0']) {
      process.env.CGIUP_NET_SOCKET = value
      setNative(undefined)
      expect({ value, found: native() }).toEqual({ value, found: null })
    }
    // As if the variable were not set.
    process.env.CGIUP_NET_SOCKET = ''
    as(`${newestTestedMajor}.0.0`)
    expect(native()).not.toBeNull()
  })

  test('the newest tested one is the newest on which CI runs these tests', () => {
    const ci = readFileSync(join(import.meta.dirname, '../../.ci/run'), 'utf8')
    const [, list = '', steps = ''] = /^ *for version in ([\d ]+); do\n([\s\S]*?)^ *done$/m.exec(ci) ?? []
    const majors = list.trim().split(' ').map(Number)
    expect({ newest: Math.max(...majors), steps }).toEqual({
      newest: newestTestedMajor,
      steps: expect.stringMatching(/ test\/fastcgi test\/scgi test\/server\/ /),
    })
  })
})

test('a different internal binding: net.Sockets', () => {
  delete process.env.CGIUP_NET_SOCKET
  const inside = process as unknown as { binding(name: string): Record<string, unknown> }
  const { binding } = inside
  const real = { ...binding.call(process, 'stream_wrap') }
  try {
    for (const change of [
      { WriteWrap: undefined },
      { ShutdownWrap: {} },
      { streamBaseState: [] },
      { kReadBytesOrError: undefined },
      { kLastWriteWasAsync: 1000 },
    ]) {
      inside.binding = () => ({ ...real, ...change })
      setNative(undefined)
      expect({ change, found: native() }).toEqual({ change, found: null })
    }
    inside.binding = () => {
      throw new Error('No such module: stream_wrap')
    }
    setNative(undefined)
    expect(native()).toBeNull()
    inside.binding = () => real
    setNative(undefined)
    expect(native()).not.toBeNull()
  } finally {
    inside.binding = binding
  }
})

test('a value that is not a handle', () => {
  for (const one of [null, undefined, 1, {}, { readStart: () => 0 }]) expect(isHandle(one)).toBe(false)
})

describe('a process answers, and logs no warning', () => {
  const major = Number.parseInt(process.versions.node, 10)
  const permission = [
    major < 22 ? '--experimental-permission' : '--permission',
    '--allow-fs-read=*',
    '--allow-fs-write=*',
    ...(major < 25 ? [] : ['--allow-net']),
  ]
  test.each([
    ['plainly', []],
    ['with --pending-deprecation', ['--pending-deprecation']],
    ['with --permission', permission],
  ])('%s', async (_, flags) => {
    const path = join(tempDir('native'), 's')
    const app = `
      import { run } from 'cgiup'
      process.on('warning', ({ name, code }) => console.error('saw', name, code))
      run({ fetch: () => new Response('here') }, { listen: ${JSON.stringify(path)}, server: 'fastcgi', quiet: true })`
    const server = await startServer(process.execPath, [...flags, '--input-type=module', '-e', app], {
      listens: { path },
      cwd: join(import.meta.dirname, '../..'),
    })
    try {
      const peer = new Peer(path)
      peer.send(get(1, [], false))
      expect((await peer.ended(1)).body).toBe('here')
    } finally {
      await server.stop()
    }
    expect(server.output()).not.toMatch(/^saw (?!ExperimentalWarning|SecurityWarning)/m)
  })
})
