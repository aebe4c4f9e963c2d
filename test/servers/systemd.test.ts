/** systemd sockets: passed on by systemd-socket-activate, and units checked by systemd-analyze. */

import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { load } from '../fastcgi/load.js'
import { get } from '../fastcgi/peer.js'
import { needs, which } from '../support/needs.js'
import { freePort } from '../support/ports.js'
import { isAlive, signalProcess } from '../support/processes.js'
import { request } from '../support/request.js'
import { Wire } from '../support/wire.js'
import { configDirectory } from './docroot.js'
import { answering, app, env, exitOf } from './launchers/place.js'
import { gone, newPath, start } from './launchers/start.js'

const none = { lost: 0, differences: [] }

describe.skipIf(!needs('systemd-socket-activate'))('systemd-socket-activate', () => {
  /** The program becomes the app at the first connection; `env` is all of our environment that the app gets. */
  const activate = (words: readonly string[], place: string | number) =>
    start('systemd-socket-activate', [...words, '-E', `PATH=${env.PATH}`, app], place)

  it('a Unix socket: FastCGI and HTTP, and exit code 0 on SIGTERM', async () => {
    const path = newPath('socket')
    const server = await activate(['-l', path], path)
    expect(await load({ place: path, requests: 100 })).toMatchObject(none)
    expect(await answering(path)).toBe(server.pid)
    expect(await request({ path }, { target: '/?http' })).toMatchObject({ status: 200, text: 'GET?http ' })
    signalProcess(server.pid, 'SIGTERM')
    expect(await gone(server.pid)).toBe(true)
    expect(exitOf(server.pid)).toBe(0)
  })

  it('several sockets, one of them for HTTP alone: all are served', async () => {
    const path = newPath('socket')
    const [tcp, web] = [await freePort(), await freePort()]
    const listen = ['-l', path, '-l', `127.0.0.1:${tcp}`, '-l', `127.0.0.1:${web}`]
    const server = await activate([...listen, '--fdname=local:tcp:http'], path)
    expect(await answering(path)).toBe(server.pid)
    expect(await answering(tcp)).toBe(server.pid)
    expect(await request({ port: web }, { target: '/?7' })).toMatchObject({ status: 200, text: 'GET?7 ' })
    const wire = await Wire.open({ port: web })
    await wire.send(get(1))
    expect(await wire.reply()).toMatchObject({ status: 400 })
    wire.close()
    expect(isAlive(server.pid)).toBe(true)
    const runs = [path, tcp].map((place) => load({ place, requests: 200, concurrency: 4 }))
    expect(await Promise.all(runs)).toMatchObject([none, none])
  })

  it('as descriptor 0 (--inetd, StandardInput=socket)', async () => {
    const port = await freePort()
    const server = await activate(['--inetd', '-l', `127.0.0.1:${port}`], port)
    expect(await answering(port)).toBe(server.pid)
  })
})

describe.skipIf(!needs('systemd-analyze'))('the units of the guide', () => {
  it('are what systemd understands', async () => {
    const directory = newPath('units')
    mkdirSync(directory)
    copyFileSync(join(configDirectory, 'systemd-app.socket'), join(directory, 'app.socket'))
    const service = readFileSync(join(configDirectory, 'systemd-app.service'), 'utf8')
    // It checks whether the program exists.
    writeFileSync(join(directory, 'app.service'), service.replace('/usr/bin/node', process.execPath))
    const units = ['app.socket', 'app.service'].map((name) => join(directory, name))
    const args = ['verify', '--man=no', '--recursive-errors=no', ...units]
    const { stdout, stderr } = await promisify(execFile)(which('systemd-analyze') ?? '', args)
    expect(stdout + stderr).toBe('')
  })
})
