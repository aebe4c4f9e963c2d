import { spawnSync } from 'node:child_process'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Handler } from '../../src/core/exchange.js'
import { serveHttp } from '../../src/http/server/server.js'
import { startHost } from '../host/support.js'
import { until } from '../support/processes.js'
import { request } from '../support/request.js'
import { tempDir } from '../support/temp.js'
import { text } from './replies.js'

const hello: Handler = () => ({ status: 200, headers: ['Content-Type', 'text/plain'], body: 'hello' })

test('port 0 uses a free port and reports it', async () => {
  const host = await startHost(hello)
  expect(host.url).toBe(`http://127.0.0.1:${host.port}`)
  expect(await (await fetch(host.url)).text()).toBe('hello')
})

test('a taken port: LISTEN_TAKEN, with the address and what to do', async () => {
  const host = await startHost(hello)
  await expect(serveHttp(hello, { port: host.port })).rejects.toMatchObject({
    name: 'UsageError',
    code: 'LISTEN_TAKEN',
    message: `127.0.0.1:${host.port} is in use: another program listens there.`,
    fix: expect.stringContaining('--listen :0'),
  })
})

test('an address of another machine: LISTEN_FAILED', async () => {
  await expect(serveHttp(hello, { host: '203.0.113.1', port: 0 })).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: 'Cannot listen on 203.0.113.1:0: this machine does not have that address.',
  })
})

test.each(['::1', '[::1]'])('IPv6, written %s', async (address) => {
  const host = await startHost(hello, { host: address }).catch(() => null)
  if (!host) return // a machine without IPv6
  expect(host.url).toBe(`http://[::1]:${host.port}`)
  expect((await request({ host: '::1', port: host.port })).text).toBe('hello')
})

test('a Unix socket: its mode, its address, removed at the end', async () => {
  const path = join(tempDir('socket'), 'app.sock')
  const host = await startHost(hello, { path, socketMode: 0o600 })
  expect(host.url).toBe(`unix:${path}`)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect((await host.get('/')).text).toBe('hello')
  expect(host.entries[0]?.remoteAddress).toBe('')
  await host.server.close()
  expect(existsSync(path)).toBe(false)
})

test('a stale socket is replaced', async () => {
  const path = join(tempDir('socket'), 'app.sock')
  const code = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', code])
  expect(existsSync(path)).toBe(true)
  const host = await startHost(hello, { path })
  expect((await host.get('/')).text).toBe('hello')
})

test('a socket in use is not replaced: LISTEN_TAKEN', async () => {
  const path = join(tempDir('socket'), 'app.sock')
  const host = await startHost(hello, { path })
  await expect(serveHttp(hello, { path })).rejects.toMatchObject({ code: 'LISTEN_TAKEN' })
  expect((await host.get('/')).text).toBe('hello')
})

test('a file that is not a socket is not replaced: LISTEN_FAILED', async () => {
  const path = join(tempDir('socket'), 'precious')
  writeFileSync(path, 'data')
  await expect(serveHttp(hello, { path })).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: `Cannot listen on ${path}: a file that is not a socket is in the way.`,
  })
  expect(statSync(path).size).toBe(4)
})

test('a socket that has replaced ours is not removed at the end', async () => {
  const path = join(tempDir('socket'), 'app.sock')
  const host = await startHost(hello, { path })
  const { unlinkSync } = await import('node:fs')
  unlinkSync(path)
  const other = createServer().listen(path)
  await until(() => other.listening)
  await host.server.close()
  expect(existsSync(path)).toBe(true)
  await new Promise((resolve) => other.close(resolve))
})

test('a path too long for a socket: the error says so', async () => {
  const path = join(tempDir('socket'), 'x'.repeat(120))
  await expect(serveHttp(hello, { path })).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: expect.stringContaining('too long for a Unix socket'),
  })
})

test('close() lets running requests end, and closes idle connections', async () => {
  let release = () => {}
  const host = await startHost(async () => {
    await new Promise<void>((resolve) => {
      release = resolve
    })
    return { status: 200, headers: ['Content-Type', 'text/plain'], body: 'done' }
  })
  const idle = connect(host.port, '127.0.0.1')
  const wire = await host.open({ headers: ['Connection: keep-alive'] })
  await until(() => release.name !== 'release' && wire.socket.bytesWritten > 0)
  await new Promise((resolve) => setTimeout(resolve, 20))
  const closing = host.server.close()
  expect(host.server.close()).toBe(closing)
  await expect(request({ port: host.port })).rejects.toThrow()
  release()
  const reply = await wire.reply()
  expect([reply.text, reply.header('connection')]).toEqual(['done', 'close'])
  await closing
  expect(await until(() => idle.destroyed || idle.closed || idle.readableEnded)).toBe(true)
  idle.destroy()
})

test('close() aborts requests that do not end within graceMs', async () => {
  let aborted: unknown
  let running = false
  const host = await startHost(
    (x) =>
      new Promise((_, reject) => {
        running = true
        x.signal.addEventListener('abort', () => {
          aborted = x.signal.reason
          reject(aborted)
        })
      }),
  )
  const wire = await host.open({})
  expect(await until(() => running)).toBe(true)
  await host.server.close({ graceMs: 10 })
  expect(aborted).toMatchObject({ code: 'REQUEST_ABORTED', message: 'The server is shutting down.' })
  wire.close()
})

test('keepAliveTimeoutMs closes an idle connection; 0 and Infinity keep it', async () => {
  const opened = async (keepAliveTimeoutMs: number) => {
    const host = await startHost(() => text('x'), { keepAliveTimeoutMs })
    const socket = connect(host.port, '127.0.0.1')
    socket.resume().write('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
    return socket
  }
  const [short, zero, endless] = await Promise.all([100, 0, Number.POSITIVE_INFINITY].map(opened))
  expect(await until(() => short?.readableEnded === true)).toBe(true)
  expect([zero?.readableEnded, endless?.readableEnded]).toEqual([false, false])
  zero?.destroy()
  endless?.destroy()
})
