/** Fresh workers: on SIGHUP, on SIGTERM to one of them, after a number of requests; no request is lost. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { load } from '../fastcgi/load.js'
import { get, Peer } from '../fastcgi/peer.js'
import { freePort } from '../support/ports.js'
import { isAlive, signalProcess, until } from '../support/processes.js'
import type { ServerProcess } from '../support/server-process.js'
import { allGone, ask, children, crew, newPath, slowRequest, start, startCrew, writeApp } from './crew.js'

const reloaded = (primary: ServerProcess, times = 1) =>
  until(() => primary.output().split('reloaded: all workers were replaced').length > times, 15_000)

/** Reloads twice; settles when the last worker is new. */
async function reloadTwice(primary: ServerProcess): Promise<void> {
  for (const times of [1, 2]) {
    signalProcess(primary.pid, 'SIGHUP')
    expect(await reloaded(primary, times), primary.output()).toBe(true)
  }
}

const none = { lost: 0, differences: [] }

describe('SIGHUP', () => {
  it('new code is loaded; a running request finishes in its old worker', async () => {
    const { place, file, primary, pids } = await crew(2)
    const slow = await slowRequest(place)
    writeFileSync(`${file}.version`, 'two')
    signalProcess(primary.pid, 'SIGHUP')
    expect(await reloaded(primary)).toBe(true)
    // An old worker may still accept one or two connections.
    expect(await until(async () => (await ask(place)).version === 'two')).toBe(true)
    expect(await allGone(pids.filter((pid) => pid !== slow.pid))).toBe(true)
    slow.letGo()
    expect(await slow.answer).toMatchObject({ pid: slow.pid, version: 'one' })
    expect(await allGone(pids)).toBe(true)
    expect(children(primary.pid)).toHaveLength(2)
  })

  it('sent to all processes of that name (pkill -HUP -f app.js), including a worker that is starting', async () => {
    const { primary, pids } = await crew(1)
    signalProcess(primary.pid, 'SIGHUP')
    const fresh = () => children(primary.pid).find((pid) => !pids.includes(pid)) ?? 0
    expect(await until(() => fresh() > 0)).toBe(true)
    signalProcess(fresh(), 'SIGHUP')
    expect(await reloaded(primary), primary.output()).toBe(true)
    expect(await allGone(pids)).toBe(true)
    expect(children(primary.pid)).toHaveLength(1)
  })

  it('new code that does not start: the old workers stay', async () => {
    const { place, file, primary, pids } = await crew(2)
    writeFileSync(`${file}.broken`, '')
    signalProcess(primary.pid, 'SIGHUP')
    expect(await until(() => primary.output().includes('reload aborted'))).toBe(true)
    expect(primary.output()).toContain('the app is broken')
    expect(primary.output()).toContain('the old worker keeps serving')
    expect(new Set(children(primary.pid))).toEqual(new Set(pids))
    expect((await ask(place)).version).toBe('one')
    rmSync(`${file}.broken`)
    writeFileSync(`${file}.version`, 'two')
    signalProcess(primary.pid, 'SIGHUP')
    expect(await reloaded(primary)).toBe(true)
    // An old worker may still accept one or two connections.
    expect(await until(async () => (await ask(place)).version === 'two')).toBe(true)
  })

  it('another address requires a restart: the old workers keep their address', async () => {
    const { place, file, primary, pids } = await crew(1)
    writeFileSync(file, readFileSync(file, 'utf8').replace(place, `${place}-other`))
    signalProcess(primary.pid, 'SIGHUP')
    expect(await until(() => primary.output().includes('reload aborted'))).toBe(true)
    expect(primary.output()).toContain(
      `The workers listen on ${place}; restart the whole process to listen on ${place}-other`,
    )
    expect((await ask(place)).pid).toBe(pids[0])
  })

  it('an old worker that does not end within graceMs is killed', async () => {
    const { place, primary } = await crew(1, { graceMs: 200 })
    const slow = await slowRequest(place)
    signalProcess(slow.pid, 'SIGSTOP')
    signalProcess(primary.pid, 'SIGHUP')
    expect(await reloaded(primary)).toBe(true)
    expect(await allGone([slow.pid])).toBe(true)
    expect((await ask(place)).version).toBe('one')
  })

  it.each([
    ['a Unix socket', async () => newPath('socket')],
    ['TCP', freePort],
  ] as const)(
    'FastCGI on %s under load, kept connections: they continue in the new workers',
    async (_, make) => {
      const place = await make()
      const where = typeof place === 'number' ? { port: place } : { listen: place }
      const { primary } = await startCrew(writeApp({ server: 'fastcgi', workers: 2, ...where }), place, 2)
      const report = await load({ place, until: reloadTwice(primary) })
      expect(report).toMatchObject({ ...none, connections: 16 })
      expect(report.pids.size).toBeGreaterThan(3)
    },
  )

  it('an idle kept connection continues in a new worker', async () => {
    const { place, primary, pids } = await crew(1)
    const peer = new Peer(place)
    const pid = async () => {
      peer.answers.clear()
      peer.send(get(1, ['REQUEST_URI', '/']))
      return Number(/^x-pid: (\d+)/im.exec((await peer.ended(1)).stdout)?.[1])
    }
    expect(await pid()).toBe(pids[0])
    signalProcess(primary.pid, 'SIGHUP')
    expect(await allGone(pids)).toBe(true)
    expect(await pid()).toBe(children(primary.pid)[0])
    peer.socket.destroy()
  })

  it('FastCGI under load, a connection for each request', async () => {
    const { place, primary } = await crew(2)
    const report = await load({ place, until: reloadTwice(primary), kept: false, method: 'POST' })
    expect(report).toMatchObject(none)
    expect(report.pids.size).toBeGreaterThan(3)
  })

  it('SCGI under load', async () => {
    const place = newPath('socket')
    const file = writeApp({ server: 'scgi', listen: place, workers: 2 })
    const primary = await start(process.execPath, [file], place)
    let going = true
    const over = reloadTwice(primary).finally(() => {
      going = false
    })
    const faults: string[] = []
    const pids = new Set<string | undefined>()
    const client = async () => {
      for (let number = 0; going; number++) {
        const reply = await askScgi(place, `/?${number}`)
        pids.add(/^x-pid: (\d+)/im.exec(reply)?.[1])
        if (!reply.endsWith(`\r\n\r\nGET?${number} `)) faults.push(reply)
      }
    }
    await Promise.all([over, ...Array.from({ length: 8 }, client)])
    expect(faults).toEqual([])
    expect(pids.size).toBeGreaterThan(3)
  })

  it.each([true, false])('HTTP under load, kept connections: %s', async (kept) => {
    const port = await freePort()
    const file = writeApp({ server: 'http', port, workers: 2, quiet: true })
    const { primary } = await startCrew(file, port, 2, 'http')
    const report = await httpLoad(port, kept, reloadTwice(primary))
    expect(report.faults).toEqual([])
    expect(report.pids.size).toBeGreaterThan(3)
  })
})

function askScgi(path: string, uri: string): Promise<string> {
  const head = ['CONTENT_LENGTH', '0', 'SCGI', '1', 'REQUEST_METHOD', 'GET', 'REQUEST_URI', uri, ''].join(
    '\0',
  )
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(path, () => socket.write(`${head.length}:${head},`))
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('error', (error) => resolve(error.message))
    socket.on('close', () => resolve(text))
  })
}

/** Sixteen node:http clients. */
async function httpLoad(port: number, keepAlive: boolean, over: Promise<unknown>) {
  const agent = new Agent({ keepAlive, maxSockets: 16 })
  const faults: string[] = []
  const pids = new Set<string>()
  let [sent, going] = [0, true]
  const one = (number: number) =>
    new Promise<string>((resolve, reject) => {
      const req = request({ port, agent, path: `/?${number}` }, (res) => {
        let text = ''
        res.on('data', (chunk) => {
          text += chunk
        })
        res.on('error', reject)
        res.on('end', () => {
          pids.add(String(res.headers['x-pid']))
          resolve(text)
        })
      })
      req.on('error', reject).end()
    })
  const client = async () => {
    while (going) {
      const number = sent++
      const text = await one(number).catch((error: Error) => error.message)
      if (text !== `GET?${number} `) faults.push(text)
    }
  }
  const clients = Array.from({ length: 16 }, client)
  try {
    await over
  } finally {
    going = false
    await Promise.all(clients)
    agent.destroy()
  }
  return { faults, pids }
}

describe('a worker that will end', () => {
  it('SIGTERM to one worker: a fresh one serves before it ends', async () => {
    const { place, primary, pids } = await crew(1)
    const old = pids[0] as number
    const slow = await slowRequest(place)
    signalProcess(old, 'SIGTERM')
    expect(await until(async () => (await ask(place)).pid !== old)).toBe(true)
    expect(isAlive(old)).toBe(true)
    slow.letGo()
    expect((await slow.answer).pid).toBe(old)
    expect(await allGone([old])).toBe(true)
    expect(children(primary.pid)).toHaveLength(1)
  })

  it('recycle.maxRequests: no request is lost while workers change', async () => {
    const { place, pids } = await crew(2, { recycle: { maxRequests: 100 } })
    const report = await load({ place, until: allGone(pids, 10_000) })
    expect(report).toMatchObject({ ...none, connections: 16 })
    // The first replacement has served; the second may have come too late.
    expect(report.pids.size).toBeGreaterThan(2)
  })
})
