/** The HTTP server on connections accepted elsewhere, as in a process that speaks FastCGI too. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { Handler } from '../../src/core/exchange.js'
import { acceptHttp, type HttpOptions } from '../../src/http/server/server.js'
import { standStill } from '../support/processes.js'
import { text } from './replies.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

async function serve(handler: Handler, options: HttpOptions = {}) {
  const http = acceptHttp(handler, { stderr: () => {}, ...options })
  const server = createServer((socket) => http.accept(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(
    () => server.close(),
    () => http.close({ graceMs: 0 }),
  )
  const open = (request: string) => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
    cleanups.push(() => socket.destroy())
    socket.write(request)
    return socket
  }
  return { http, open }
}

/** All data until the connection is closed. */
async function all(socket: Socket): Promise<string> {
  let got = ''
  socket.on('data', (chunk) => {
    got += chunk.toString('latin1')
  })
  await once(socket, 'close')
  return got
}

const get = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

test('headersTimeoutMs: a request head that does not end is answered with 408', async () => {
  const { open } = await serve(() => text('hello'), { headersTimeoutMs: 50 })
  expect(await all(open('GET / HT'))).toMatch(/^HTTP\/1\.1 408 /)
})

test('close(): idle connections are closed, and requests that run for longer than graceMs get 503', async () => {
  let asked = () => {}
  const running = new Promise<void>((resolve) => {
    asked = resolve
  })
  let reason: unknown
  const { http, open } = await serve((exchange) => {
    if (exchange.env.get('REQUEST_METHOD') === 'GET') return text('hello')
    asked()
    return new Promise((_, reject) => {
      exchange.signal.addEventListener('abort', () => {
        reason = exchange.signal.reason
        reject(reason)
      })
    })
  })
  const idle = open(get)
  await once(idle, 'data')
  const stuck = open(get.replace('GET', 'DELETE'))
  await running
  const ended = Promise.all([all(idle), all(stuck)])
  await http.close({ graceMs: 20 })
  expect(await ended).toEqual(['', expect.stringMatching(/^HTTP\/1\.1 503 Service Unavailable\r\n/)])
  expect(reason).toMatchObject({ code: 'REQUEST_ABORTED' })
})

test('close(): a request that arrived while the event loop was blocked is answered', async () => {
  const { http, open } = await serve(() => text('hello'))
  const socket = open(get)
  await once(socket, 'data')
  const closed = http.close({ graceMs: 5000, idleGraceMs: 50 })
  socket.write(get)
  standStill(60)
  expect(await all(socket)).toMatch(/^HTTP\/1\.1 200 [\s\S]*hello$/)
  await closed
})
