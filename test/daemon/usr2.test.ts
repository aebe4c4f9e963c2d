/**
 * SIGUSR2 reloads if there are workers, and ends the process gracefully if there are none; SIGUSR1 is
 * unchanged.
 */

import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { needs, which } from '../support/needs.js'
import { signalProcess, until } from '../support/processes.js'
import { tempDir } from '../support/temp.js'
import { ask, children, ended, newPath, start, writeApp } from './crew.js'
import { type Form, forms, startForm, startHost } from './forms.js'

const directory = tempDir('usr2')
const hint = 'SIGUSR2 ends this process gracefully; started with --workers, it would reload the code instead'

/** `/slow?FILE` answers once the file exists. */
const app = `async (request) => {
  const { existsSync, writeFileSync } = await import('node:fs')
  const { pathname, search } = new URL(request.url)
  const gate = search.slice(1)
  if (pathname === '/slow') {
    writeFileSync(gate + '.begun', '')
    while (!existsSync(gate)) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return new Response('whole ' + process.pid)
}`

const single: readonly Form[] = [forms.development, forms.http, forms.fastcgi, forms.scgi]

describe.each(single.map((form) => [form.name, form] as const))('SIGUSR2 to %s', (_, form: Form) => {
  it('ends it gracefully, logs what it does with workers, and removes its socket', async () => {
    const server = await startForm(form, app)
    const gate = join(directory, basename(server.place))
    const slow = server.ask(`/slow?${gate}`)
    expect(await until(() => existsSync(`${gate}.begun`))).toBe(true)
    signalProcess(server.pid, 'SIGUSR2')
    expect(await until(() => !existsSync(server.place))).toBe(true)
    writeFileSync(gate, '')
    expect(await slow).toContain(`whole ${server.pid}`)
    expect(await until(() => server.exit() !== undefined)).toBe(true)
    expect(server.exit()).toEqual({ code: 0, signal: null })
    expect(server.output()).toContain(hint)
  })

  it('is handled by a listener of the program if there is one', async () => {
    const before = `process.on('SIGUSR2', () => console.error('mine'))`
    const server = await startForm(form, app, { before })
    signalProcess(server.pid, 'SIGUSR2')
    expect(await until(() => server.output().includes('mine'))).toBe(true)
    expect(await server.ask('/')).toContain('whole')
    expect(server.output()).not.toContain(hint)
  })

  it('with an option of Node: the report is written, and the process continues to serve', async () => {
    const reports = tempDir('reports')
    const options = `--report-on-signal --report-directory=${reports}`
    const server = await startForm({ ...form, env: { ...form.env, NODE_OPTIONS: options } }, app)
    signalProcess(server.pid, 'SIGUSR2')
    expect(await until(() => readdirSync(reports).length > 0)).toBe(true)
    expect(await server.ask('/')).toContain('whole')
  })
})

describe('SIGUSR2 to a primary', () => {
  it('reloads the workers, as often as it comes', async () => {
    const server = await startForm(forms.workers, app)
    let before = await server.ask('/')
    for (let times = 1; times <= 2; times++) {
      signalProcess(server.pid, 'SIGUSR2')
      const done = () => server.output().split('reloaded: all workers were replaced').length > times
      expect(await until(done), server.output()).toBe(true)
      // An old worker may still accept one or two connections.
      const now = before
      expect(
        await until(async () => {
          before = await server.ask('/')
          return before !== now
        }),
      ).toBe(true)
    }
    expect(server.output()).not.toContain(hint)
  })

  it('sent to a worker does nothing: the primary decides', async () => {
    const server = await startForm(forms.workers, app)
    const [worker] = children(server.pid) as [number]
    signalProcess(worker, 'SIGUSR2')
    expect(await server.ask('/')).toContain(`whole ${worker}`)
    expect(children(server.pid)).toEqual([worker])
  })
})

it('SIGUSR2 to cgiup host ends it; it never has workers', async () => {
  const server = await startHost('printf "Content-Type: text/plain\\n\\nhello"')
  signalProcess(server.pid, 'SIGUSR2')
  expect(await until(() => server.exit() !== undefined)).toBe(true)
  expect(server.exit()).toEqual({ code: 0, signal: null })
  expect(existsSync(server.place)).toBe(false)
  expect(server.output()).not.toContain('--workers')
})

describe('SIGUSR1', () => {
  it.each([forms.http, forms.fastcgi, forms.scgi, forms.workers])('ends $name gracefully', async (form) => {
    const server = await startForm(form, app)
    signalProcess(server.pid, 'SIGUSR1')
    expect(await until(() => server.exit() !== undefined)).toBe(true)
    expect(server.exit()).toEqual({ code: 0, signal: null })
    expect(server.output()).not.toContain('SIGUSR2')
  })

  it("is Node's in development: the debugger starts", async () => {
    const options = { NODE_OPTIONS: '--inspect-port=127.0.0.1:0' }
    const server = await startForm(
      { ...forms.development, env: { ...forms.development.env, ...options } },
      app,
    )
    signalProcess(server.pid, 'SIGUSR1')
    expect(await until(() => server.output().includes('Debugger listening'))).toBe(true)
    expect(await server.ask('/')).toContain('whole')
  })
})

describe.skipIf(!needs('spawn-fcgi'))('while a process that inherited its socket loads the app', () => {
  async function loading(options: object) {
    const place = newPath('socket')
    const file = writeApp(options)
    writeFileSync(`${file}.hold`, '')
    const server = await start(which('spawn-fcgi') ?? '', ['-n', '-s', place, '--', file], place)
    expect(await until(() => readdirSync(dirname(file)).some((name) => isHeld(file, name)))).toBe(true)
    return { place, server, letGo: () => rmSync(`${file}.hold`) }
  }
  const isHeld = (file: string, name: string) => name.startsWith(`${basename(file)}.hold.`)

  it('SIGUSR2 lets it serve waiting requests, then end', async () => {
    const { place, server, letGo } = await loading({})
    const waiting = ask(place)
    signalProcess(server.pid, 'SIGUSR2')
    letGo()
    expect((await waiting).version).toBe('one')
    expect(await ended(server)).toBe(true)
    expect(server.exit()).toEqual({ code: 0, signal: null })
  })

  it('SIGUSR2 to a primary has no effect: its code is already current', async () => {
    const { place, server, letGo } = await loading({ workers: 1 })
    signalProcess(server.pid, 'SIGUSR2')
    letGo()
    expect((await ask(place)).version).toBe('one')
    expect(server.exit()).toBeUndefined()
  })
})
