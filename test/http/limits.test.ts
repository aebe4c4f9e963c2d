/**
 * The limits of the HTTP server, in development and in a persistent process: what exceeds each, and the
 * effect.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Exchange, Handler, Reply } from '../../src/core/exchange.js'
import { type HttpOptions, serveHttp } from '../../src/http/server/server.js'
import { serveDaemon } from '../../src/process/daemon.js'
import { until } from '../support/processes.js'
import { tempDir } from '../support/temp.js'
import { readAll, text } from './replies.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

const get = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
const last = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
const piece64k = Buffer.alloc(65_536)
const post = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n'

describe.each(['serve()', 'a persistent process'])('%s', (way) => {
  async function serve(handler: Handler, options: HttpOptions) {
    let log = ''
    const stderr = (more: string) => {
      log += more
    }
    const server =
      way === 'serve()'
        ? await serveHttp(handler, { port: 0, stderr, ...options })
        : await serveDaemon(handler, { port: 0, stderr, protocols: ['http', 'fastcgi'], ...options })
    cleanups.push(() => ('running' in server ? server.close(0) : server.close({ graceMs: 0 })))
    const open = (bytes = '') => {
      const { address } = server
      const place = typeof address === 'string' ? { path: address } : { port: (address as AddressInfo).port }
      const socket = connect(place).on('error', () => {})
      cleanups.push(() => socket.destroy())
      socket.write(bytes)
      return socket
    }
    return { open, log: () => log }
  }

  test('maxRequests: 503 with Retry-After; then requests are served again', async () => {
    const gates: (() => void)[] = []
    const { open, log } = await serve(
      () => new Promise<Reply>((resolve) => gates.push(() => resolve(text('served')))),
      { maxRequests: 2 },
    )
    const first = [all(open(last)), all(open(last))]
    expect(await until(() => gates.length === 2)).toBe(true)
    expect(await all(open(last))).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\nRetry-After: 1\r\n/)
    expect(log()).toContain(': answered with 503: maxRequests is 2')
    for (const go of gates.splice(0)) go()
    for (const reply of await Promise.all(first)) expect(reply).toContain('served')
    const again = all(open(last))
    expect(await until(() => gates.length === 1)).toBe(true)
    gates[0]?.()
    expect(await again).toContain('served')
  })

  test('maxConnections: requests on further ones get 503', async () => {
    const { open, log } = await serve(() => text('served'), { maxConnections: 2 })
    const kept = [open(get), open(get)]
    for (const socket of kept) await once(socket, 'data')
    expect(await all(open(last))).toMatch(/^HTTP\/1\.1 503 /)
    expect(log()).toContain('maxConnections is 2')
    kept[0]?.destroy()
    await until(async () => (await all(open(last))).includes('served'))
  })

  test('bodyTimeoutMs: a body that trickles in gets 408, however often a chunk arrives', async () => {
    const { open } = await serve(async (exchange) => text(await readAll(exchange)), { bodyTimeoutMs: 300 })
    const socket = open(post)
    const drip = setInterval(() => socket.write('x'), 60)
    cleanups.push(() => clearInterval(drip))
    socket.once('data', () => clearInterval(drip))
    const reply = await all(socket)
    expect(reply).toMatch(/^HTTP\/1\.1 408 [\s\S]*\r\nConnection: close\r\n/)
  })

  test('... the app gets the reason; a request whose body arrives in time may run for any time', async () => {
    const { open } = await serve(
      async (exchange) => {
        const body = await readAll(exchange).catch((error) => `${error.code} ${error.message}`)
        if (body.length === 10) await new Promise((resolve) => setTimeout(resolve, 500))
        return text(body)
      },
      { bodyTimeoutMs: 200 },
    )
    const slow = all(open(`${post}12345`))
    const quick = all(open(`${post.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')}1234567890`))
    expect(await slow).toContain(
      'REQUEST_BODY_TIMEOUT The request body did not arrive within 0.2 s (bodyTimeoutMs); 5 bytes of it were received.',
    )
    expect(await quick).toMatch(/200 OK[\s\S]*1234567890$/)
  })

  const large = Buffer.alloc(50 << 20, 'x')
  async function* stream({ signal }: Exchange) {
    while (!signal.aborted) yield large.subarray(0, 65536)
  }

  test.each([
    ['a stream', (exchange: Exchange) => text(stream(exchange))],
    ['one large piece', () => text(large)],
  ])('sendTimeoutMs: a client that takes nothing of %s', async (_, reply) => {
    let aborted = false
    const { open, log } = await serve(
      (exchange) => {
        exchange.signal.addEventListener('abort', () => {
          aborted = true
        })
        return reply(exchange)
      },
      { sendTimeoutMs: 300 },
    )
    const socket = open(get)
    socket.pause()
    expect(await until(() => aborted)).toBe(true)
    expect(log()).toContain('read none of its reply for 0.3 s (sendTimeoutMs); the connection is closed')
  })

  test('... a client that reads little by little gets the complete reply, even of one large chunk', async () => {
    // On a Unix socket: with small buffers, the kernel reports small progress.
    const path = join(tempDir('slow'), 's')
    const { open, log } = await serve(() => text(large), { sendTimeoutMs: 1000, path })
    const socket = open(last)
    let size = 0
    const begun = Date.now()
    socket.on('data', (piece) => {
      size += piece.length
      socket.pause()
      setTimeout(() => socket.resume(), Date.now() - begun < 2500 ? 20 : 0)
    })
    await once(socket, 'close')
    expect(size).toBeGreaterThan(large.length)
    expect(log()).toBe('')
  })

  test.runIf(process.platform === 'linux')(
    '... over TCP, too, where the kernel holds megabytes',
    async () => {
      const endless = async function* () {
        for (;;) yield piece64k
      }
      let aborted = false
      const { open, log } = await serve(
        (exchange) => {
          exchange.signal.addEventListener('abort', () => {
            aborted = true
          })
          return text(endless())
        },
        { sendTimeoutMs: 2000 },
      )
      const socket = open(get)
      // 430 kB per second, even if this process is slow: the kernel accepts more only after one to three
      // seconds.
      let next: NodeJS.Timeout | undefined
      let [size, begun] = [0, 0]
      socket.on('data', (chunk) => {
        begun ||= performance.now()
        size += chunk.length
        const early = size / 430 - (performance.now() - begun)
        if (early <= 0) return
        socket.pause()
        next = setTimeout(() => socket.resume(), early)
      })
      await new Promise((resolve) => setTimeout(resolve, 6000))
      expect([aborted, log()]).toEqual([false, ''])
      clearTimeout(next)
      socket.pause()
      expect(await until(() => aborted)).toBe(true)
      socket.destroy()
    },
  )

  test('... a long silence of the app does not count as a client that reads nothing', async () => {
    const { open } = await serve(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 700))
        return text('late')
      },
      { sendTimeoutMs: 100 },
    )
    expect(await all(open(last))).toContain('late')
  })

  test('... nor does a client that sends its body before it reads', async () => {
    const { open } = await serve(
      async (exchange) => {
        void readAll(exchange).catch(() => {})
        return text(large)
      },
      { sendTimeoutMs: 1500 },
    )
    const socket = open(post.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
    socket.pause()
    for (let i = 0; i < 10; i++) {
      await new Promise((resolve) => setTimeout(resolve, 220))
      socket.write('x')
    }
    const { length } = await all(socket)
    expect(length).toBeGreaterThan(large.length)
  })
})

async function all(socket: Socket): Promise<string> {
  let got = ''
  socket.on('data', (piece) => {
    got += piece.toString('latin1')
  })
  socket.resume()
  await once(socket, 'close').catch(() => {})
  return got
}
