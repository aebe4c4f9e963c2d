/** NODE_ENV: production for apps behind a gateway, untouched everywhere else. */
import { execFileSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, describe, expect, it } from 'vitest'
import { handler } from '../../src/app/handler.js'
import { runCgi } from '../../src/cgi.js'
import { emulate, memory } from '../../src/test.js'
import { bin, root } from '../cli/cgiup.js'
import { directory, node, program } from './programs.js'

symlinkSync(join(root, 'node_modules', 'express'), join(directory, 'node_modules', 'express'))
const request = {
  GATEWAY_INTERFACE: 'CGI/1.1',
  REQUEST_METHOD: 'GET',
  REQUEST_URI: '/',
  SERVER_PROTOCOL: 'HTTP/1.1',
}
const body = (stdout: string) => stdout.split('\r\n\r\n')[1]
const seen = 'process.env.NODE_ENV ?? "unset"'

const own = process.env.NODE_ENV
afterEach(() => {
  process.env.NODE_ENV = own
})

describe('behind a gateway', () => {
  const esm = program(
    'seen.mjs',
    `import { run } from 'cgiup'\nconst first = ${seen}\nrun({ fetch: () => new Response(first) })\n`,
  )
  const cjs = program(
    'seen.cjs',
    `const { run } = require('cgiup')\nconst first = ${seen}\nrun({ fetch: () => new Response(first) })\n`,
  )
  const file = program(
    'first.mjs',
    `const first = ${seen}\nexport default { fetch: () => new Response(first) }\n`,
  )
  const cgiup = (env: Record<string, string>) =>
    execa(process.execPath, [bin, file], {
      env: { PATH: process.env.PATH, ...request, ...env },
      extendEnv: false,
      stdin: 'ignore',
    })

  it.each<[Record<string, string>, string]>([
    [{}, 'production'],
    [{ NODE_ENV: '' }, 'production'],
    [{ NODE_ENV: 'test' }, 'test'],
    [{ NODE_ENV: 'development' }, 'development'],
    [{ CGIUP_NODE_ENV: 'keep' }, 'unset'],
    [{ CGIUP_NODE_ENV: 'keep', NODE_ENV: 'staging' }, 'staging'],
  ])('with %j an app sees %s from its first line on', async (env, expected) => {
    expect(body((await node(esm, { ...request, ...env })).stdout)).toBe(expected)
    expect(body((await node(cjs, { ...request, ...env })).stdout)).toBe(expected)
    expect(body((await cgiup(env)).stdout)).toBe(expected)
  })

  it('Express does not show a stack to clients', async () => {
    const text = `import express from 'express'\nconst app = express()
      app.get('/', () => { throw new Error('on purpose') })\n`
    const exported = program('express-app.mjs', `${text}export default app\n`)
    const own = program('express-run.mjs', `import { run } from 'cgiup'\n${text}run(app)\n`)
    const env = { PATH: process.env.PATH, ...request }
    const byCommand = await execa(process.execPath, [bin, exported], {
      env,
      extendEnv: false,
      stdin: 'ignore',
    })
    for (const { stdout } of [byCommand, await node(own, request)]) {
      expect(stdout).toMatch(/^Status: 500/)
      expect(stdout).not.toMatch(/on purpose|\bat /)
    }
  })
})

/** Prints NODE_ENV at the time when the app was created and when it serves; then ends. */
const reporting = (options: string) => `import { run } from 'cgiup'
const first = ${seen}
const running = await run({ fetch: () => new Response('') }, ${options})
if (running.role !== 'worker') console.error('NODE_ENV', first, ${seen})
if (running.role !== 'worker') await running.close()
`

describe('with a server chosen in code', () => {
  it.each(['fastcgi', 'scgi'])('%s sets it, and warns once that this was late', async (server) => {
    const file = program(`late-${server}.mjs`, reporting(`{ server: '${server}', port: 0, quiet: true }`))
    const { stderr } = await node(file)
    expect(stderr).toContain('NODE_ENV unset production')
    expect(stderr.match(/has set NODE_ENV=production/g)).toHaveLength(1)
    expect((await node(file, { NODE_ENV: 'production' })).stderr).not.toContain('has set')
    expect((await node(file, { CGIUP_SERVER: server })).stderr.trim()).toBe('NODE_ENV production production')
    expect((await node(file, { CGIUP_NODE_ENV: 'keep' })).stderr.trim()).toBe('NODE_ENV unset unset')
  })

  it('workers do not repeat the warning', async () => {
    const file = program(
      'late-workers.mjs',
      reporting("{ server: 'fastcgi', port: 0, quiet: true, workers: 2 }"),
    )
    expect((await node(file)).stderr.match(/has set NODE_ENV=production/g)).toHaveLength(1)
  })

  it('development: true does not change it', async () => {
    const file = program(
      'dev.mjs',
      reporting("{ server: 'fastcgi', port: 0, quiet: true, development: true }"),
    )
    expect((await node(file)).stderr.trim()).toBe('NODE_ENV unset unset')
  })
})

describe('cgiup FILE', () => {
  const file = program('print.mjs', `console.error('NODE_ENV', ${seen})\nprocess.exit(0)\n`)
  const cgiup = async (args: string[], env: Record<string, string> = {}) =>
    (
      await execa(process.execPath, [bin, ...args], {
        env: { PATH: process.env.PATH, ...env },
        extendEnv: false,
        reject: false,
        stdin: 'ignore',
      })
    ).stderr.trim()

  it('sets it before the file is loaded, for every gateway but HTTP', async () => {
    const listen = ['--listen', '127.0.0.1:0']
    expect(await cgiup([file, '--server', 'fastcgi', ...listen])).toBe('NODE_ENV production')
    expect(await cgiup([file, ...listen], { CGIUP_SERVER: 'scgi' })).toBe('NODE_ENV production')
    expect(await cgiup([file, '--server', 'fastcgi', '--development', ...listen])).toBe('NODE_ENV unset')
    expect(await cgiup([file, ...listen])).toBe('NODE_ENV unset')
    expect(await cgiup([file, '--server', 'fastcgi', ...listen], { NODE_ENV: 'test' })).toBe('NODE_ENV test')
  })

  // An inherited socket has a web server in front, whatever the protocol.
  it.each([
    ['fastcgi', [], {}],
    ['http', ['--server', 'http'], {}],
    ['http', [], { CGIUP_SERVER: 'http' }],
  ])('does so on descriptor 0 (%s %j %j)', async (_, args, env) => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle
    const { stderr } = await execa(process.execPath, [bin, ...args, file], {
      env: { PATH: process.env.PATH, ...env },
      extendEnv: false,
      stdio: [fd as 0, 'pipe', 'pipe'],
    })
    server.close()
    expect(stderr.trim()).toBe('NODE_ENV production')
  })
})

describe('never', () => {
  it('by HTTP, runCgi(), handler(), memory(), emulate()', async () => {
    const http = program('http.mjs', reporting('{ port: 0, quiet: true }'))
    expect((await node(http)).stderr.trim()).toBe('NODE_ENV unset unset')
    delete process.env.NODE_ENV
    const app = handler(() => ({ status: 200, headers: [], body: process.env.NODE_ENV ?? 'unset' }))
    const { PassThrough } = await import('node:stream')
    await runCgi(app, { env: { REQUEST_METHOD: 'GET' }, stdout: new PassThrough().resume() })
    expect(await (await memory(app).fetch('/')).text()).toBe('unset')
    expect(await (await emulate(app).fetch('/')).text()).toBe('unset')
    const script = program('env.sh', '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n$NODE_ENV"\n')
    execFileSync('chmod', ['+x', script])
    expect(await (await emulate(script).fetch('/')).text()).toBe('development')
    expect(process.env.NODE_ENV).toBeUndefined()
  })
})
