import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { AppFiles } from '../../src/process/changes.js'
import { lossRun } from '../servers/losses.js'
import { needs } from '../support/needs.js'
import { until } from '../support/processes.js'
import { request } from '../support/request.js'
import { tempDir } from '../support/temp.js'
import { type Server, startApp, startFcgid, startLighttpd } from './place.js'

describe('AppFiles', () => {
  let root: string
  const at = (name: string) => join(root, name)
  const write = (name: string, text = '') => {
    mkdirSync(dirname(at(name)), { recursive: true })
    writeFileSync(at(name), text)
  }
  beforeEach(() => {
    root = tempDir('changes')
    write('package.json', '{}')
    write('public/app.cjs', "require('../lib/part.cjs'); require('dep'); require('../data.json')")
    write('lib/part.cjs')
    write('lib/unused.cjs')
    write('data.json', '{}')
    write('node_modules/dep/index.js')
    createRequire(at('public/app.cjs'))('./app.cjs')
  })

  it.each(['public/app.cjs', 'lib/part.cjs', 'data.json'])('%s: loaded, and part of the package', (name) => {
    const files = new AppFiles(at('public/app.cjs'))
    expect(files.changed()).toBeNull()
    write(name, '/* changed */')
    expect(files.changed()).toBe(at(name))
  })

  it.each(['lib/unused.cjs', 'node_modules/dep/index.js', 'public/new.cjs'])('%s: not watched', (name) => {
    const files = new AppFiles(at('public/app.cjs'))
    expect(files.changed()).toBeNull()
    write(name, '/* changed */')
    expect(files.changed()).toBeNull()
  })

  it.each(['public/tmp/restart.txt', 'tmp/restart.txt'])('%s: may appear, and be touched', (name) => {
    const files = new AppFiles(at('public/app.cjs'))
    expect(files.changed()).toBeNull()
    write(name)
    expect(files.changed()).toBe(at(name))
    const next = new AppFiles(at('public/app.cjs'))
    expect(next.changed()).toBeNull()
    utimesSync(at(name), new Date(), new Date(Date.now() + 5000))
    expect(next.changed()).toBe(at(name))
  })

  it('a missing file is being replaced: only the new file counts as a change', () => {
    const files = new AppFiles(at('public/app.cjs'))
    renameSync(at('public/app.cjs'), at('saved'))
    expect(files.changed()).toBeNull()
    renameSync(at('saved'), at('public/app.cjs'))
    expect(files.changed()).toBeNull()
    rmSync(at('public/app.cjs'))
    write('public/app.cjs', 'new')
    expect(files.changed()).toBe(at('public/app.cjs'))
  })

  it('a symlink in the path of the app that is changed', () => {
    write('releases/1/app.cjs', '1')
    write('releases/2/app.cjs', '2')
    symlinkSync('releases/1', at('current'))
    const files = new AppFiles(at('current/app.cjs'))
    expect(files.changed()).toBeNull()
    symlinkSync('releases/2', at('next'))
    renameSync(at('next'), at('current'))
    expect(files.changed()).toBe(at('current/app.cjs'))
  })

  it('code that is loaded later is watched from that moment', () => {
    const files = new AppFiles(at('public/app.cjs'))
    expect(files.changed()).toBeNull()
    createRequire(at('public/app.cjs'))('../lib/unused.cjs')
    for (let i = 0; i < 40; i++) expect(files.changed()).toBeNull()
    write('lib/unused.cjs', '/* changed */')
    expect(files.changed()).toBe(at('lib/unused.cjs'))
  })
})

const servers = [
  { name: 'Apache mod_fcgid', program: 'apache2', start: startFcgid },
  { name: 'lighttpd', program: 'lighttpd', start: startLighttpd },
] as const

describe.each(servers.filter(({ program }) => needs(program)))('$name', ({ start }) => {
  const version = async (server: Server): Promise<string> => {
    const { status, text } = await request({ port: server.port }, { target: '/version' })
    expect(status, server.log().slice(-2000)).toBe(200)
    return text
  }
  const release = (server: Server, text: string) =>
    writeFileSync(join(dirname(server.app), 'version.mjs'), `export const version = '${text}'\n`)
  const comes = (server: Server, text: string) => until(async () => (await version(server)) === text, 10_000)

  it('development: a changed ES module, a changed app file; no request fails', async () => {
    const server = await start({ nodeEnv: 'development' })
    expect(await version(server)).toBe('one')
    release(server, 'two')
    expect(await comes(server, 'two')).toBe(true)
    release(server, 'three')
    expect(await comes(server, 'three')).toBe(true)
    expect(server.log()).toMatch(/is recycled: .*version\.mjs has changed/)
    await server.server.stop()
    expect(server.alive()).toEqual([])
  })

  it('tmp/restart.txt, under load, none lost', async () => {
    const server = await start({ options: { restartOnChange: true } })
    expect(await version(server)).toBe('one')
    const changed = async () => {
      for (const text of ['two', 'three']) {
        release(server, text)
        const restart = join(dirname(server.app), 'tmp/restart.txt')
        writeFileSync(restart, text)
        if (!(await comes(server, text))) throw new Error(`${text} did not come`)
      }
    }
    const work = changed()
    const report = await lossRun({
      port: server.port,
      mount: '',
      method: 'POST',
      concurrency: 4,
      until: work,
    })
    await work
    expect(report, server.log().slice(-2000)).toMatchObject({ lost: 0, differences: [] })
    expect(report.sent).toBeGreaterThan(100)
    await server.server.stop()
  })

  it('production: nothing is watched', async () => {
    const server = await start()
    const { text: pid } = await request({ port: server.port }, { target: '/pid' })
    release(server, 'two')
    await new Promise((resolve) => setTimeout(resolve, 1500))
    expect((await request({ port: server.port }, { target: '/pid' })).text).toBe(pid)
    await server.server.stop()
  })
})

describe('a socket that it created', () => {
  it('--restart-on-change: a primary starts the fresh process', async () => {
    const app = await startApp(['--restart-on-change'])
    const first = app.begun()
    writeFileSync(join(dirname(app.app), 'tmp/restart.txt'), '')
    expect(await until(() => app.serving().length === 2, 10_000)).toBe(true)
    expect(await until(() => app.exitOf(first[0] as number) === 0)).toBe(true)
    await app.server.stop()
  })
})
