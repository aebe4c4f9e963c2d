/** Who gets development pages: one table for every gateway, and the header fields that reveal proxies. */
import { spawn } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { developsScripts, isDevelopment, showsDevelopment } from '../../src/core/development.js'
import type { Exchange, Peer } from '../../src/core/exchange.js'
import { cgiBin, mount } from '../../src/host.js'
import { isLoopback } from '../../src/http/server/peer.js'
import { proxyFields, proxyMark } from '../../src/http/server/proxy-marks.js'
import { root as repository } from '../cli/cgiup.js'
import { begin, params, stdinEnd } from '../fastcgi/peer.js'
import { serve as serveFcgi } from '../fastcgi/serving.js'
import { scripts, sh, startHost } from '../host/support.js'
import { until } from '../support/processes.js'
import { request } from '../support/request.js'
import { tempDir } from '../support/temp.js'
import { directory, node, program } from './programs.js'

const own = process.env.NODE_ENV
beforeEach(() => {
  delete process.env.NODE_ENV
})
afterEach(() => {
  process.env.NODE_ENV = own
})

const here: Peer = { isLoopback: true, isLocal: true, proxyMark: undefined }
const asked = (protocol: Exchange['gateway']['protocol'], peer?: Peer) =>
  ({ gateway: { protocol }, peer, stderr() {} }) as unknown as Exchange

/** NODE_ENV: unset, '', test, production, development. */
const table: readonly [string, Exchange, ...boolean[]][] = [
  ['CGI', asked('cgi'), false, false, false, false, true],
  ['FastCGI', asked('fastcgi'), false, false, false, false, true],
  ['SCGI', asked('scgi'), false, false, false, false, true],
  ['HTTP on a socket that was handed over', asked('http'), false, false, false, false, true],
  ['memory', asked('memory'), true, true, true, false, true],
  ['HTTP from this machine', asked('http', here), true, true, true, false, true],
  ['HTTP by a proxy', asked('http', { ...here, proxyMark: 'Via' }), false, false, false, false, false],
  [
    'HTTP by another account',
    asked('http', { ...here, isLocal: false }),
    ...[false, false, false, false, false],
  ],
]

describe('development pages', () => {
  it.each(table)('%s', (_, exchange, ...expected) => {
    const seen = [undefined, '', 'test', 'production', 'development'].map((value) => {
      if (value === undefined) delete process.env.NODE_ENV
      else process.env.NODE_ENV = value
      expect(showsDevelopment(exchange, true)).toBe(true)
      expect(showsDevelopment(exchange, false)).toBe(false)
      return showsDevelopment(exchange, undefined)
    })
    expect(seen).toEqual(expected)
  })

  it('a process keeps the data for development pages only if it can send them', () => {
    expect(
      (['cgi', 'fastcgi', 'scgi', 'http'] as const).map((name) => isDevelopment(name, undefined)),
    ).toEqual([...[false, false, false, true]])
    expect(isDevelopment('cgi', true)).toBe(true)
    expect(isDevelopment('http', false)).toBe(false)
  })

  it('for scripts, only loopback addresses and proxy fields are checked, which is cheap', () => {
    const dear: Peer = {
      isLoopback: true,
      proxyMark: undefined,
      get isLocal(): boolean {
        throw new Error('asked')
      },
    }
    expect(developsScripts(asked('http', dear), undefined)).toBe(true)
    expect(developsScripts(asked('http', { ...here, isLoopback: false }), undefined)).toBe(false)
    expect(developsScripts(asked('cgi'), undefined)).toBe(false)
  })

  it('are sent only to this machine, below mount() and after a local redirect too', async () => {
    const bin = scripts({
      'x.cgi': sh('echo "oops $NODE_ENV"'),
      'to.cgi': sh('printf "Location: /bin/x.cgi\\n\\n"'),
      'env.cgi': sh('printf "Content-Type: text/plain\\n\\n[$NODE_ENV]"'),
    })
    const host = await startHost(mount({ '/bin': cgiBin(bin) }))
    for (const target of ['/bin/x.cgi', '/bin/to.cgi', '/bin/', '/bin/none']) {
      expect((await host.get(target)).text).toMatch(/oops development|x\.cgi<|none does not exist/)
      for (const mark of ['Via: 1.1 x', 'X-Forwarded-Proto: https', 'x_real_ip: ::1']) {
        expect((await host.get(target, { headers: [mark] })).text).not.toMatch(/oops|x\.cgi|exist/)
      }
    }
    expect((await host.get('/bin/env.cgi')).text).toBe('[development]')
    expect((await host.get('/bin/env.cgi', { headers: ['Via: 1.1 x'] })).text).toBe('[]')
  })

  it('a Unix socket does not count as this machine', async () => {
    const path = join(tempDir('unix'), 'http.sock')
    const host = await startHost(cgiBin(scripts({ 'x.cgi': sh('echo oops') })), { path })
    expect((await host.get('/x.cgi')).text).not.toContain('oops')
  })

  it('not to the clients of a web server: cgiBin() in an app over FastCGI', async () => {
    const { peer } = await serveFcgi(cgiBin(scripts({ 'x.cgi': sh('echo "oops $NODE_ENV"') })))
    for (const target of ['/x.cgi', '/']) {
      const client = peer()
      client.send(begin(1) + params(1, ['REQUEST_METHOD', 'GET', 'REQUEST_URI', target]) + stdinEnd(1))
      const answer = await client.ended(1)
      expect(answer.stdout).toContain('Status: ')
      expect(answer.stdout).not.toMatch(/oops|x\.cgi/)
      expect(answer.stderr).toMatch(/oops|is a directory/)
    }
  })

  it('nor over CGI', async () => {
    const bin = scripts({ 'x.cgi': sh('echo "oops $NODE_ENV"') })
    const file = program(
      'bin.mjs',
      `import { handler, run } from 'cgiup'\nimport { cgiBin } from 'cgiup/host'
      run(handler(cgiBin(${JSON.stringify(bin)})))`,
    )
    const env = { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET', SCRIPT_NAME: '' }
    for (const PATH_INFO of ['/x.cgi', '/']) {
      const { stdout, stderr } = await node(file, { ...env, PATH_INFO, REQUEST_URI: PATH_INFO })
      expect(stdout).not.toMatch(/oops|x\.cgi/)
      expect(stderr).toMatch(PATH_INFO === '/' ? /is a directory/ : /exited with code 0/)
    }
    const shown = await node(file, { ...env, PATH_INFO: '/', NODE_ENV: 'development' })
    expect(shown.stdout).toContain('x.cgi')
  })
})

const plain = ['Host', 'localhost']

describe('header fields of proxies', () => {
  it.each([
    ['curl', ['Host', 'localhost:8080', 'User-Agent', 'curl/8', 'Accept', '*/*']],
    [
      'a browser',
      ['Host', 'localhost', 'Connection', 'keep-alive', 'sec-ch-ua', '"x"', 'Sec-Fetch-Site', 'none'],
    ],
    [
      'fetch of Node',
      ['host', 'localhost', 'connection', 'keep-alive', 'accept', '*/*', 'sec-fetch-mode', 'cors'],
    ],
    ['Python', ['Accept-Encoding', 'identity', 'Host', 'localhost', 'Connection', 'close']],
    ['no field', []],
    ['similar names', [...plain, 'X-Forward', '1', 'Viable', '1', 'Forwarded-By', '1', 'X-Real', '1']],
  ])('%s has none', (_, fields) => {
    expect(proxyMark('1.1', fields)).toBeUndefined()
  })

  it.each(proxyFields.map((name) => [name.replace('*', '-x')]))('%s, in every spelling', (name) => {
    for (const field of [name, name.toUpperCase(), name.replaceAll('-', '_')]) {
      expect(proxyMark('1.1', [...plain, field, ''])).toBe(field)
    }
  })

  it('HTTP/1.0, as sent by nginx; lower-case names without Connection, as sent by HAProxy', () => {
    expect(proxyMark('1.0', plain)).toBe('HTTP/1.0')
    expect(proxyMark('1.1', ['host', 'localhost', 'user-agent', 'curl'])).toMatch(/HAProxy/)
  })

  it.each([
    ['127.0.0.1', true],
    ['127.8.9.1', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['10.0.0.1', false],
    ['::ffff:10.0.0.1', false],
    ['::2', false],
    ['127.0.0.1.example.com', false],
    [undefined, false],
  ])('%s is loopback: %s', (address, expected) => {
    expect(isLoopback(address)).toBe(expected)
  })
})

/** Starts `cgiup`; resolves when it listens. */
async function cgiup(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(repository, 'bin', 'cgiup.js'), ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH, ...env },
  })
  let log = ''
  child.stderr.on('data', (text) => (log += text))
  expect(await until(() => log.includes('Ctrl-C'), 15_000)).toBe(true)
  const port = Number(/:(\d+)\//.exec(log)?.[1])
  return { port, log: () => log, stop: () => child.kill('SIGKILL') }
}

describe('--development', () => {
  const failing = "export default { fetch() { throw new Error('on purpose') } }\n"

  it.each(['app', 'host'])(
    'shows pages to everybody, and warns where others can connect (%s)',
    async (kind) => {
      const file = program('shown.mjs', failing)
      const bin = scripts({ 'x.cgi': sh('echo on purpose') })
      const target = kind === 'app' ? '/' : '/x.cgi'
      const args = kind === 'app' ? [file] : ['host', bin]
      const open = await cgiup([...args, '--development', '--listen', '*:0'])
      const kept = await cgiup([...args, '--listen', '127.0.0.1:0'])
      try {
        const headers = ['Accept: text/html', 'Via: 1.1 x']
        expect((await request({ port: open.port }, { target, headers })).text).toContain('on purpose')
        expect(open.log()).toMatch(/WARNING: everybody who can reach/)
        expect((await request({ port: kept.port }, { target, headers })).text).not.toContain('on purpose')
        expect(kept.log()).not.toContain('WARNING')
        expect(kept.log()).toContain('proxy (Via). Behind a proxy set NODE_ENV=production: ')
      } finally {
        open.stop()
        kept.stop()
      }
    },
  )

  it.skipIf(process.getuid?.() !== 0)('another account on this machine is a stranger', async () => {
    const file = join(tempDir('other'), 'client.mjs')
    writeFileSync(file, 'const r = await fetch(process.argv[2]); console.log(await r.text())\n')
    chmodSync(file, 0o755)
    const host = await cgiup(['host', scripts({ 'x.cgi': sh('echo oops') }), '--listen', '127.0.0.1:0'])
    const ask = async (uid: number) => {
      const child = spawn(process.execPath, [file, `http://127.0.0.1:${host.port}/x.cgi`], { uid, env: {} })
      let out = ''
      child.stdout.on('data', (text) => (out += text))
      await new Promise((resolve) => child.once('close', resolve))
      return out
    }
    try {
      expect(await ask(0)).toContain('oops')
      const text = await ask(65534)
      expect(text).toContain('502')
      expect(text).not.toContain('oops')
      expect(host.log()).toContain('not running on this machine as this user')
    } finally {
      host.stop()
    }
  })
})

describe('a socket that was handed over', () => {
  it('counts as a gateway, with any protocol', async () => {
    const file = program(
      'handed.mjs',
      "import { run } from 'cgiup'\nrun({ fetch() { throw new Error('oops') } })\n",
    )
    const server: Server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const child = spawn(process.execPath, [file], {
      env: { PATH: process.env.PATH, CGIUP_NODE_ENV: 'keep', CGIUP_SERVER: 'http' },
      stdio: [(server as unknown as { _handle: { fd: number } })._handle.fd, 'ignore', 'ignore'],
    })
    server.close()
    try {
      const { status, text } = await request({ port }, { headers: ['Accept: text/html'] })
      expect([status, text.includes('oops')]).toEqual([500, false])
    } finally {
      child.kill('SIGKILL')
    }
  })
})
