/** How a process ends: signals, running requests, cleanup. */

import { existsSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { beforeEach, describe, expect, it } from 'vitest'
import { get, Peer, post, record } from '../fastcgi/peer.js'
import { signalProcess, until } from '../support/processes.js'
import { type App, exitOf, gone, startApp } from './place.js'

const asked = (target: string) => ['REQUEST_URI', target, 'QUERY_STRING', target.split('?')[1] ?? '']
const signals = ['SIGTERM', 'SIGINT', 'SIGUSR1', 'SIGHUP'] as const

let app: App
beforeEach(async () => {
  app = await startApp()
  return async () => void (await app.server.stop())
})

/** A request that runs until `open` is called. */
async function slow(peer: Peer, id = 1, keep = true) {
  const gate = `${app.run}/gate${Math.random()}`
  peer.send(get(id, asked(`/slow?at=${gate}`), keep))
  expect(await until(() => existsSync(`${gate}.begun`))).toBe(true)
  return { open: () => writeFileSync(gate, '') }
}

describe.each(signals)('%s', (signal) => {
  it('lets a running request end, and exits with 0', async () => {
    const { pid } = app.server
    const peer = new Peer(app.socket)
    const running = await slow(peer)
    signalProcess(pid, signal)
    expect(await until(() => !existsSync(app.socket))).toBe(true)
    running.open()
    expect((await peer.ended(1)).body).toBe(`slow ${pid}`)
    await peer.close()
    expect(await exitOf(app.server)).toEqual({ code: 0, signal: null })
  })

  it('that comes twice ends it at once', async () => {
    const { pid } = app.server
    const peer = new Peer(app.socket)
    await slow(peer)
    signalProcess(pid, signal)
    await until(() => !existsSync(app.socket))
    signalProcess(pid, signal)
    await peer.close()
    expect(await exitOf(app.server)).toEqual({ code: 0, signal: null })
    expect(peer.answer(1).status).toBe('503')
  })
})

describe('when a process ends', () => {
  it('an idle kept connection is still served, and closed after that reply', async () => {
    const peer = new Peer(app.socket)
    peer.send(get(1, asked('/pid')))
    await peer.ended(1)
    signalProcess(app.server.pid, 'SIGTERM')
    await until(() => !existsSync(app.socket))
    peer.answers.clear()
    peer.send(post(2, 'body', asked('/-/sum')))
    expect((await peer.ended(2)).body).toMatch(/^4 /)
    peer.send(get(3, asked('/pid')))
    await peer.close()
    expect(peer.answer(3).protocolStatus).toBeUndefined()
    expect(await exitOf(app.server)).toEqual({ code: 0, signal: null })
  })

  it('idle kept connections, and those that never sent anything, do not delay it for long', async () => {
    const peer = new Peer(app.socket)
    peer.send(get(1, asked('/pid')))
    await peer.ended(1)
    const silent = new Peer(app.socket)
    const before = performance.now()
    signalProcess(app.server.pid, 'SIGTERM')
    await Promise.all([peer.close(), silent.close()])
    expect(await gone(app.server.pid)).toBe(true)
    expect(performance.now() - before).toBeGreaterThan(300)
    expect(performance.now() - before).toBeLessThan(10_000)
  })

  it('a request that has begun to arrive is waited for', async () => {
    const peer = new Peer(app.socket)
    const whole = post(1, 'slow body', asked('/-/sum'))
    peer.send(whole.slice(0, 30))
    const other = await slow(new Peer(app.socket))
    signalProcess(app.server.pid, 'SIGTERM')
    await until(() => !existsSync(app.socket))
    await new Promise((resolve) => setTimeout(resolve, 600))
    peer.send(whole.slice(30))
    expect((await peer.ended(1)).body).toMatch(/^9 /)
    other.open()
    expect(await gone(app.server.pid)).toBe(true)
  })

  it('connections that the kernel has accepted are served', async () => {
    const { pid } = app.server
    // While stopped, the process accepts nothing; the kernel does.
    signalProcess(pid, 'SIGSTOP')
    const peers = Array.from({ length: 60 }, () => new Peer(app.socket))
    for (const peer of peers) peer.send(get(1, asked('/pid'), false))
    await Promise.all(peers.map((peer) => until(() => peer.socket.readyState === 'open')))
    signalProcess(pid, 'SIGTERM')
    signalProcess(pid, 'SIGCONT')
    const answers = await Promise.all(peers.map((peer) => peer.ended(1)))
    expect(answers.map(({ body }) => body)).toEqual(peers.map(() => String(pid)))
    expect(await exitOf(app.server)).toEqual({ code: 0, signal: null })
  })

  it('a Unix socket is removed, and nothing else', async () => {
    const { pid } = app.server
    signalProcess(pid, 'SIGTERM')
    expect(await gone(pid)).toBe(true)
    expect(existsSync(app.socket)).toBe(false)
    expect(app.alive()).toEqual([])
  })
})

describe('graceMs', () => {
  it('a request that takes longer is answered with 503, and the process exits with 0', async () => {
    const hasty = await startApp([], { env: { RUN_OPTIONS: '{"graceMs":300}' } })
    const peer = new Peer(hasty.socket)
    const gate = `${hasty.run}/never`
    peer.send(get(1, asked(`/slow?at=${gate}`)))
    await until(() => existsSync(`${gate}.begun`))
    signalProcess(hasty.server.pid, 'SIGTERM')
    await peer.close()
    expect(peer.answer(1).status).toBe('503')
    expect(await exitOf(hasty.server)).toEqual({ code: 0, signal: null })
  })
})

describe('an app that ends the process itself', () => {
  const remainders = [
    ['process.exit()', '/exit', 3],
    ['an uncaught error', '/crash', 1],
  ] as const
  it.each(remainders)('%s: the Unix socket is removed nevertheless', async (_, target, code) => {
    const peer = new Peer(app.socket)
    peer.send(get(1, asked(target)))
    await peer.close()
    expect(await exitOf(app.server)).toEqual({ code: code, signal: null })

    expect(existsSync(app.socket)).toBe(false)
  })

  it('with its own handler for the signal: the handler runs to its end', async () => {
    const own = await startApp([], { env: { OWN_HANDLER: '1' } })
    signalProcess(own.server.pid, 'SIGTERM')
    expect(await exitOf(own.server)).toEqual({ code: 7, signal: null })
    expect(own.server.output()).toContain('the app has ended')
  })
})

describe('SCGI and HTTP', () => {
  it('a running SCGI request is finished', async () => {
    const scgi = await startApp([], { server: 'scgi' })
    const gate = `${scgi.run}/gate`
    const pairs = ['CONTENT_LENGTH', '0', 'SCGI', '1', 'REQUEST_METHOD', 'GET']
    const head = [...pairs, ...asked(`/slow?at=${gate}`)].map((text) => `${text}\0`).join('')
    const socket = connect(scgi.socket)
    let reply = ''
    socket.on('data', (data) => {
      reply += data
    })
    socket.write(`${head.length}:${head},`)
    await until(() => existsSync(`${gate}.begun`))
    signalProcess(scgi.server.pid, 'SIGTERM')
    await until(() => !existsSync(scgi.socket))
    writeFileSync(gate, '')
    await new Promise((resolve) => socket.on('close', resolve))
    expect(reply).toMatch(/^Status: 200 OK\r\n[\s\S]*slow \d+$/)
    expect(await exitOf(scgi.server)).toEqual({ code: 0, signal: null })
  })
})

describe('other records', () => {
  it('GET_VALUES is answered while a process ends', async () => {
    const peer = new Peer(app.socket)
    const running = await slow(peer)
    signalProcess(app.server.pid, 'SIGTERM')
    await until(() => !existsSync(app.socket))
    peer.send(record(9, 0, '\x0f\0FCGI_MPXS_CONNS'))
    await peer.until(() => peer.answer(0).types.length > 0)
    running.open()
    await peer.ended(1)
    await peer.close()
  })
})
