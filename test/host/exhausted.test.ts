/** A machine without free resources: the request gets 503, and the process survives. */
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ScriptProcess } from '../../src/cgi/script/process.js'
import { shortage } from '../../src/core/errors.js'
import { freePort } from '../support/ports.js'
import { headText } from '../support/request.js'
import { type ServerProcess, startServer } from '../support/server-process.js'
import { tempDir } from '../support/temp.js'
import { Wire } from '../support/wire.js'
import { scripts, sh } from './support.js'

describe('no file descriptor is free', () => {
  let server: ServerProcess
  let port = 0

  beforeAll(async () => {
    const directory = scripts({
      'a.cgi': sh('printf "Content-Type: text/plain\\n\\nhi\\n"'),
      'cat.cgi': sh('printf "Content-Type: text/plain\\n\\n"; cat'),
      'page.txt': Buffer.from('a page\n'),
    })
    mkdirSync(join(directory, 'list'))
    const home = tempDir('exhausted')
    mkdirSync(join(home, 'node_modules'))
    symlinkSync(fileURLToPath(new URL('../..', import.meta.url)), join(home, 'node_modules', 'cgiup'))
    const file = join(home, 'host.mjs')
    copyFileSync(new URL('../fixtures/host/exhausted.mjs', import.meta.url), file)
    port = await freePort()
    const command = `ulimit -n 80; exec "${process.execPath}" "${file}" "${directory}"`
    server = await startServer('/bin/sh', ['-c', command], {
      listens: { port },
      env: { PATH: process.env.PATH, PORT: String(port) },
    })
  })
  afterAll(() => server?.stop())

  /** Opens the connections before the descriptors are used up: each serves one request then. */
  async function whileUsedUp(requests: readonly (readonly [string, string?])[]) {
    const wires = []
    for (const _ of requests) wires.push(await Wire.open({ port }, {}))
    const control = await Wire.open({ port }, {})
    const ask = (wire: Wire, target: string, body?: string) =>
      wire.send(
        headText({
          target,
          headers: ['Connection: keep-alive', ...(body === undefined ? [] : ['Transfer-Encoding: chunked'])],
          ...(body !== undefined && { method: 'POST' }),
        }) + (body === undefined ? '' : `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`),
      )
    await ask(control, '/use-up')
    expect((await control.reply()).text).toBe('EMFILE\n')
    const replies = []
    for (const [i, [target, body]] of requests.entries()) {
      const wire = wires[i] as Wire
      await ask(wire, target, body)
      replies.push(await wire.reply())
    }
    control.close()
    const free = wires[0] as Wire
    free.again()
    await ask(free, '/give-back')
    await free.reply()
    for (const wire of wires) wire.close()
    return replies
  }

  it('scripts, the test kit, static files, listings and buffered bodies answer 503; then all work again', async () => {
    const large = 'x'.repeat(5000)
    const all = [['/a.cgi'], ['/emulate'], ['/files/page.txt'], ['/list/'], ['/cat.cgi', large]] as const
    const replies = await whileUsedUp(all)
    expect(replies.map(({ status }) => status)).toEqual([503, 503, 503, 503, 503])
    expect(replies[0]?.header('retry-after')).toBe('5')
    expect(server.exit()).toBeUndefined()
    expect(server.output()).toContain('no file descriptors left (EMFILE)')
    for (const [target, text] of [
      ['/a.cgi', 'hi\n'],
      ['/emulate', 'hi\n'],
      ['/files/page.txt', 'a page\n'],
    ] as const) {
      const response = await fetch(`http://127.0.0.1:${port}${target}`)
      expect([response.status, await response.text()]).toEqual([200, text])
    }
  })

  it.runIf(process.platform === 'linux')('failed starts leave no descriptor open', async () => {
    const response = await fetch(`http://127.0.0.1:${port}/tight`)
    expect(await response.text()).toBe('0 more; 200,503\n')
  })

  it('a connection that cannot be accepted neither ends the process nor floods the log', async () => {
    const control = await Wire.open({ port }, {})
    const ask = async (target: string) => {
      await control.send(headText({ target, headers: ['Connection: keep-alive'] }))
    }
    await ask('/use-up')
    await control.head()
    const before = server.output().length
    const wires = await Promise.all(Array.from({ length: 20 }, () => Wire.open({ port }, {})))
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(server.exit()).toBeUndefined()
    expect(server.output().length - before).toBeLessThan(4000)
    await ask('/give-back')
    for (const wire of wires) wire.close()
    control.close()
    await expect(
      fetch(`http://127.0.0.1:${port}/files/page.txt`).then((reply) => reply.status),
    ).resolves.toBe(200)
  })
})

describe('a program that cannot be started', () => {
  const launch = { cwd: '/', env: {}, stdin: 'ignore', killGraceMs: 100 } as const

  it.each([
    ['ENOENT', { command: ['/no/such/program'] }],
    ['EACCES', { command: [join(scripts({ x: Buffer.from('') }), 'x')] }],
    ['E2BIG', { command: ['/bin/true'], env: { LARGE: 'x'.repeat(200_000) } }],
    ['ENOENT', { command: ['/bin/true'], cwd: '/no/such/directory' }],
  ])('rejects with %s', async (code, more) => {
    await expect(ScriptProcess.start({ ...launch, ...more })).rejects.toMatchObject({ code })
  })

  it.each(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM', 'ENOSPC'])('%s is a failure of the machine', (code) => {
    const error = shortage(Object.assign(new Error(code), { code }), 'x.cgi could not be started')
    expect(error).toMatchObject({ code: 'NO_RESOURCES', status: 503 })
    expect(error?.message).toContain(code)
  })

  it.each(['ENOENT', 'EACCES', 'E2BIG', 'constructor'])('%s is not', (code) => {
    expect(shortage(Object.assign(new Error(code), { code }), 'x')).toBeNull()
  })
})
