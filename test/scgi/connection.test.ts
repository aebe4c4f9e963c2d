import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { Exchange, Handler, Reply } from '../../src/exchange.js'
import { ScgiConnection } from '../../src/scgi/connection.js'
import { encodeScgiHead } from '../../src/scgi/netstring.js'
import type { ServiceOptions } from '../../src/server/limits.js'
import { Service } from '../../src/server/service.js'

const text = (body: Reply['body'], status = 200): Reply => ({
  status,
  headers: ['Content-Type', 'text/plain'],
  body,
})

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

const serve = async (handler: Handler, options: ServiceOptions = {}) => {
  const log: string[] = []
  const dir = await mkdtemp(join(tmpdir(), 'cgiup-test-'))
  cleanups.push(() => rm(dir, { recursive: true }))
  const service = new Service(handler, { stderr: (line: string) => log.push(line), ...options })
  const server = createServer((socket) => new ScgiConnection(socket, service))
  server.listen(join(dir, 's'))
  await once(server, 'listening')
  cleanups.push(async () => {
    server.close()
    await service.stop(0)
  })
  const open = () => connect(join(dir, 's')).on('error', () => {})
  return { open, log, service }
}

/** All that comes until the connection closes. */
const all = async (socket: Socket): Promise<string> => {
  let got = ''
  socket.on('data', (chunk) => {
    got += chunk.toString('latin1')
  })
  await once(socket, 'close')
  return got
}

const request = (body: string, announced = body.length) =>
  encodeScgiHead(['REQUEST_METHOD', body ? 'POST' : 'GET', 'REQUEST_URI', '/'], announced) + body

const echo: Handler = async ({ stdin }: Exchange) => {
  const pieces: Uint8Array[] = []
  for (let piece = await stdin.read(); piece !== null; piece = await stdin.read()) pieces.push(piece)
  return text(Buffer.concat(pieces))
}

test('one request, one reply, the end', async () => {
  const { open } = await serve(() => text('hello'))
  const socket = open()
  socket.write(request(''))
  expect(await all(socket)).toBe(
    'Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello',
  )
})

test('a body of any size, byte by byte too', async () => {
  const { open } = await serve(echo)
  for (const size of [1, 70_000, 2_000_000]) {
    const socket = open()
    socket.write(request('x'.repeat(size)))
    expect((await all(socket)).split('\r\n\r\n')[1]).toHaveLength(size)
  }
  const slow = open().setNoDelay(true)
  const got = all(slow)
  for (const byte of request('abc')) {
    slow.write(byte)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect((await got).split('\r\n\r\n')[1]).toBe('abc')
})

test('bytes behind CONTENT_LENGTH are no part of the body', async () => {
  const { open } = await serve(echo)
  const socket = open()
  socket.write(`${request('abc')}surplus`)
  expect((await all(socket)).split('\r\n\r\n')[1]).toBe('abc')
})

test('an early reply waits for the body before the connection closes', async () => {
  const { open } = await serve(() => text('no', 413))
  const socket = open()
  const got = all(socket)
  socket.write(request('', 3_000_000))
  await once(socket, 'data')
  for (let i = 0; i < 3; i++) socket.write('x'.repeat(1_000_000))
  expect(await got).toContain('Status: 413')
})

test('a body cut short is an error that the app sees', async () => {
  let told!: (error: unknown) => void
  const error = new Promise((resolve) => {
    told = resolve
  })
  const { open } = await serve(async (exchange) => {
    const aborted = new Promise((resolve) => exchange.signal.addEventListener('abort', resolve))
    await Promise.resolve(echo(exchange)).then(told, told)
    await aborted
    return text('')
  })
  const socket = open()
  socket.end(request('abc', 9))
  expect(await error).toMatchObject({ code: 'REQUEST_ABORTED' })
})

test('bad heads close the connection with one line', async () => {
  const { open, log } = await serve(() => text(''))
  const socket = open()
  socket.write('GET / HTTP/1.1\r\n\r\n')
  expect(await all(socket)).toBe('')
  expect(log).toEqual([expect.stringMatching(/^scgi: .*use scgi_pass, not proxy_pass.*closed\n$/)])
})

test('paramsTimeoutMs, maxBodyBytes, maxDiscardBytes', async () => {
  const late = await serve(() => text(''), { paramsTimeoutMs: 1 })
  const socket = late.open()
  socket.write('1')
  expect(await all(socket)).toBe('')
  expect(late.log.join()).toContain('paramsTimeoutMs')

  const small = await serve(echo, { maxBodyBytes: 3 })
  const large = small.open()
  large.write(request('four'))
  expect(await all(large)).toContain('Status: 413')

  const impatient = await serve(() => text(''), { maxDiscardBytes: 10 })
  const other = impatient.open()
  other.write(request('', 100_000))
  await once(other, 'data')
  other.write('x'.repeat(50_000))
  await once(other, 'close')
  expect(impatient.log.join()).toContain('maxDiscardBytes')
})

test('an unread body waits: the connection is not read without end', async () => {
  let entered!: (exchange: Exchange) => void
  const exchange = new Promise<Exchange>((resolve) => {
    entered = resolve
  })
  const { open } = await serve((e) => {
    entered(e)
    return new Promise(() => {})
  })
  const socket = open()
  socket.write(request('', 50_000_000))
  const { stdin } = (await exchange) as unknown as { stdin: { queued: number } }
  for (let i = 0; i < 300; i++) socket.write(Buffer.alloc(65536))
  while (stdin.queued < 262_144) await new Promise((resolve) => setImmediate(resolve))
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
  expect(stdin.queued).toBeLessThan(1_000_000)
  expect(socket.writableLength).toBeGreaterThan(10_000_000)
})
