import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import express from 'express'
import fastify from 'fastify'
import Koa from 'koa'
import polka from 'polka'
import { afterEach, describe, expect, test } from 'vitest'
import { type CaughtServer, catchListen, type ListenTrap, mayListen } from '../../src/app/listen.js'
import { replyTo, text } from './node-exchange.js'

let trap: ListenTrap | undefined
afterEach(() => trap?.release())

async function caught(program: () => unknown): Promise<CaughtServer> {
  trap = catchListen()
  program()
  return (await trap.first()) as CaughtServer
}

describe('the app of a program that listens', () => {
  const programs: Record<string, () => unknown> = {
    'http.createServer': () => http.createServer((_, res) => res.end('hello')).listen(3000),
    'https.createServer': () => https.createServer((_, res) => res.end('hello')).listen(3000),
    'a listener added after listen()': () => {
      const server = http.createServer()
      server.listen(3000)
      server.on('request', (_, res) => res.end('hello'))
    },
    Express: () =>
      express()
        .get('/', (_, res) => void res.send('hello'))
        .listen(3000),
    Koa: () =>
      new Koa()
        .use((context) => {
          context.body = 'hello'
        })
        .listen(3000),
    Fastify: () => {
      const app = fastify()
      app.get('/', async () => 'hello')
      return app.listen({ port: 3000 })
    },
    Polka: () =>
      polka()
        .get('/', (_, res) => res.end('hello'))
        .listen(3000),
    'a program that listens later': () =>
      setImmediate(() => http.createServer((_, res) => res.end('hello')).listen(3000)),
  }
  test.each(Object.entries(programs))('%s', async (_, program) => {
    const { server, asked } = await caught(program)
    expect(asked.port).toBe(3000)
    expect(await text(await replyTo(server))).toBe('hello')
  })
})

describe('the arguments of listen()', () => {
  const server = () => http.createServer(() => {})
  test.each<[string, (server: http.Server) => unknown, object, unknown]>([
    ['a port', (s) => s.listen(3000), { port: 3000 }, { address: '127.0.0.1', family: 'IPv4', port: 3000 }],
    [
      'a port as text',
      (s) => s.listen('3000' as never),
      { port: 3000 },
      expect.objectContaining({ port: 3000 }),
    ],
    [
      'port and host',
      (s) => s.listen(3000, '::1', 5),
      { port: 3000, host: '::1' },
      { address: '::1', family: 'IPv6', port: 3000 },
    ],
    [
      'options',
      (s) => s.listen({ port: 1, host: 'localhost' }),
      { port: 1, host: 'localhost' },
      expect.anything(),
    ],
    ['nothing', (s) => s.listen(), { port: 0 }, expect.objectContaining({ port: 0 })],
    ['a callback', (s) => s.listen(() => {}), { port: 0 }, expect.anything()],
    ['a Unix socket', (s) => s.listen('/run/app.sock'), { path: '/run/app.sock' }, '/run/app.sock'],
    [
      'a Unix socket by option',
      (s) => s.listen({ path: '/run/app.sock' }),
      { path: '/run/app.sock' },
      '/run/app.sock',
    ],
  ])('%s', async (_, listen, asked, address) => {
    const one = server()
    expect(await caught(() => listen(one))).toEqual({ server: one, asked })
    expect(one.address()).toEqual(address)
  })
})

test('the listen callback of the program is called, and close() works', async () => {
  const log: string[] = []
  const server = http.createServer(() => {})
  server.on('listening', () => log.push('listening'))
  await caught(() => server.listen(3000, '127.0.0.1', () => log.push('callback')))
  expect([server.listening, log]).toEqual([true, []])
  await once(server, 'listening')
  expect(log.sort()).toEqual(['callback', 'listening'])
  server.close(() => log.push('closed'))
  await once(server, 'close')
  expect([server.listening, log.at(-1)]).toEqual([false, 'closed'])
})

test('the first of several servers is the app', async () => {
  const [one, two] = [http.createServer(() => {}), http.createServer(() => {})]
  const { server } = await caught(() => {
    one.listen(1)
    two.listen(2)
  })
  expect(server).toBe(one)
  expect(two.listening).toBe(true)
})

test('servers that are not HTTP listen as usual, and all do when the trap is released', async () => {
  trap = catchListen()
  const plain = net.createServer().listen(0, '127.0.0.1')
  await once(plain, 'listening')
  expect((plain.address() as net.AddressInfo).port).toBeGreaterThan(0)
  trap.release()
  const free = http.createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  expect((free.address() as net.AddressInfo).port).toBeGreaterThan(0)
  await Promise.all([plain, free].map((server) => new Promise((resolve) => server.close(resolve))))
})

test('the trap can be set to let servers listen', async () => {
  trap = catchListen(() => true)
  const server = http.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  expect((server.address() as net.AddressInfo).port).toBeGreaterThan(0)
  await new Promise((resolve) => server.close(resolve))
})

test.each<[string, boolean]>([
  ['app.listen(3000)', true],
  ["import './server.js'", true],
  ['export default app\nif (import.meta.main) app.listen(3000)', true],
  ['export default { fetch() {} }', false],
  ['module.exports = app', false],
])('a file that reads %j may listen: %s', (source, expected) => {
  expect(mayListen(source)).toBe(expected)
})
