/** Request heads that do not arrive in time, alone and after replies that are still running. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { Handler } from '../../src/core/exchange.js'
import { acceptHttp, serveHttp } from '../../src/http/server/server.js'
import { text } from './replies.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

const options = { headersTimeoutMs: 150, port: 0, stderr: () => {} }
const get = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
const last = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
const cut = last.length - 9

const ways: [string, (handler: Handler) => Promise<number>][] = [
  [
    'a separate server',
    async (handler) => {
      const server = await serveHttp(handler, options)
      cleanups.push(() => server.close({ graceMs: 0 }))
      return (server.address as AddressInfo).port
    },
  ],
  [
    'connections accepted elsewhere',
    async (handler) => {
      const http = acceptHttp(handler, options)
      const server = createServer((socket) => http.accept(socket)).listen(0, '127.0.0.1')
      await once(server, 'listening')
      cleanups.push(
        () => server.close(),
        () => http.close({ graceMs: 0 }),
      )
      return (server.address() as AddressInfo).port
    },
  ],
]

describe.each(ways)('%s', (_, start) => {
  const open = async (handler: Handler, bytes: string): Promise<Socket & { got: string }> => {
    const socket = Object.assign(connect(await start(handler), '127.0.0.1'), { got: '' })
    socket.on('error', () => {})
    socket.on('data', (piece) => {
      socket.got += piece.toString('latin1')
    })
    cleanups.push(() => socket.destroy())
    socket.write(bytes)
    return socket
  }

  // After 40 pipelined requests the server stops reading the connection: the client is not late.
  test.each([40, 1])('a head after %i slow replies is waited for', async (count) => {
    let go = () => {}
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    const socket = await open(async () => {
      await gate
      return text('<x>')
    }, get.repeat(count) + last.slice(0, cut))
    await new Promise((resolve) => setTimeout(resolve, 600))
    expect(socket.got).toBe('')
    socket.write(last.slice(cut))
    go()
    await once(socket, 'close')
    expect(socket.got).not.toContain('HTTP/1.1 408')
    expect(socket.got.match(/<x>/g)?.length).toBe(count + 1)
  })

  test('... but not forever: its time starts after the reply', async () => {
    const socket = await open(async () => {
      await new Promise((resolve) => setTimeout(resolve, 600))
      return text('<x>')
    }, get + last.slice(0, cut))
    const drip = setInterval(() => socket.write('x'), 20)
    cleanups.push(() => clearInterval(drip))
    await once(socket, 'close')
    expect(socket.got).toMatch(
      /^HTTP\/1\.1 200 [\s\S]*<x>HTTP\/1\.1 408 Request Timeout\r\nConnection: close\r\n\r\n$/,
    )
  })

  test.each([
    ['no HTTP', 'what is this?\r\n\r\n', '400 Bad Request'],
    ['a head that does not end', get.slice(0, -2), '408 Request Timeout'],
  ])('%s gets the same reply as from Node', async (_, bytes, status) => {
    const socket = await open(() => text('<x>'), bytes)
    await once(socket, 'close')
    expect(socket.got).toBe(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`)
  })
})
