/** The end of accepting: no request that has reached the process may be lost. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Handler } from '../../src/core/exchange.js'
import { Entrance } from '../../src/process/accept.js'
import { serveDaemon } from '../../src/process/daemon.js'
import { get } from '../fastcgi/peer.js'
import { tempDir } from '../support/temp.js'

const listening = async (server: Server): Promise<number> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as { port: number }).port
}

const gate = () => {
  let open!: () => void
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, passed }
}

/** All data until the end; rejects if the connection did not end properly. */
const all = async (socket: Socket): Promise<string> => {
  let text = ''
  for await (const chunk of socket) text += chunk.toString('latin1')
  return text
}

test('connections in the backlog of the kernel are served', async () => {
  const entrance = new Entrance((wire) => {
    const data = (chunk: Buffer) => {
      wire.text(`got ${chunk}`)
      wire.destroySoon()
    }
    wire.open({ data, ahead: 0, gone: () => wire.destroy(), closed: () => {} })
  })
  const { server } = entrance
  const port = await listening(server)
  const sockets = Array.from({ length: 40 }, () => connect(port, '127.0.0.1'))
  for (const [i, socket] of sockets.entries()) socket.write(`${i}`)
  const replies = sockets.map(all)
  await Promise.all([entrance.close(), once(server, 'close')])
  expect(await Promise.all(replies)).toEqual(sockets.map((_, i) => `got ${i}`))
  await expect(once(connect(port, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED')
})

test.each([
  ['FastCGI', get(1, [], false)],
  ['HTTP', 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'],
])('a connection that had not sent a byte when the shutdown began is waited for: %s', async (_, request) => {
  const { open, passed } = gate()
  const begun = gate()
  const handler: Handler = async () => {
    begun.open()
    await passed
    return { status: 200, headers: ['Content-Type', 'text/plain'], body: 'late' }
  }
  const path = join(tempDir('daemon'), 's')
  const daemon = await serveDaemon(handler, { path })
  const socket = connect(path)
  await once(socket, 'connect')
  let ended = false
  const closed = daemon.close().then(() => {
    ended = true
  })
  socket.write(request, 'latin1')
  const reply = all(socket)
  await begun.passed
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(ended).toBe(false)
  open()
  expect(await reply).toContain('late')
  await closed
})

test('a socket on descriptor 0 is closed at once, not when the process ends', async () => {
  const server = createServer()
  const port = await listening(server)
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle
  const app = `
    import { Socket } from 'node:net'
    import { run } from 'cgiup'
    const told = () => new Promise((resolve) => new Socket({ fd: 3 }).once('data', resolve))
    run({
      fetch: ({ url }) => url.endsWith('/slow')
        ? told().then(() => new Response('slow'))
        : new Response('here'),
    })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', app], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: [fd, 'ignore', 'ignore', 'pipe'],
    env: { ...process.env, CGIUP_SERVER: 'http' },
  })
  server.close()
  const ask = (path: string) => {
    const socket = connect(port, '127.0.0.1')
    socket.write(`GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`)
    return socket
  }
  // It serves, so its signal handlers are installed.
  expect(await all(ask('/'))).toContain('here')
  const socket = ask('/slow')
  const reply = all(socket)
  await once(socket, 'connect')
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  let refused = false
  while (!refused && child.exitCode === null) {
    const probe = connect(port, '127.0.0.1')
    refused = await once(probe, 'connect').then(
      () => false,
      () => true,
    )
    probe.destroy()
  }
  expect({ refused, exitCode: child.exitCode }).toEqual({ refused: true, exitCode: null })
  ;(child.stdio[3] as Socket).write('now')
  expect(await reply).toContain('slow')
  expect(await exit).toEqual([0, null])
})

test('SIGTERM while the app is loading: waiting requests are served first', async () => {
  const server = createServer()
  const port = await listening(server)
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle
  const app = `
    import { run } from 'cgiup'
    process.stderr.write('loading')
    await new Promise((resolve) => setTimeout(resolve, 300))
    run({ fetch: () => new Response('here') })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', app], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: [fd, 'ignore', 'pipe'],
    env: { ...process.env, CGIUP_SERVER: 'http' },
  })
  server.close()
  const exit = once(child, 'exit')
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')
  const reply = all(socket)
  await once(child.stderr as NodeJS.ReadableStream, 'data')
  child.kill('SIGTERM')
  expect(await reply).toContain('here')
  expect(await exit).toEqual([0, null])
})
