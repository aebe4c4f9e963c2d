/**
 * A persistent process loads everything it may need before it serves: Node remembers a failed import forever,
 * even one that failed for a moment's lack of descriptors. Here the whole package is removed once the process
 * serves.
 */
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { get, Peer, post } from '../fastcgi/peer.js'
import { all, encodeScgiHead } from '../scgi/peer.js'
import { freePort } from '../support/ports.js'
import { until } from '../support/processes.js'
import { request } from '../support/request.js'
import { type ServerProcess, startServer } from '../support/server-process.js'
import { tempDir } from '../support/temp.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

const app = `
import { form } from 'cgiup/form'
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url)
    if (pathname === '/throw') throw new Error('as asked')
    if (pathname === '/form') {
      const sent = await form(request)
      await sent.dispose()
      return new Response(sent.get('a') + '\\n')
    }
    return new Response('hello\\n')
  },
}
`

const boundary = 'limit-of-parts'
const multipart = [
  `--${boundary}`,
  'Content-Disposition: form-data; name="a"',
  '',
  'one',
  `--${boundary}`,
  'Content-Disposition: form-data; name="f"; filename="f.txt"',
  'Content-Type: text/plain',
  '',
  'text of a file',
  `--${boundary}--`,
  '',
].join('\r\n')

const servers: ServerProcess[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

/** A directory with a copy of the package, which can be removed, and the files of the test. */
function home(files: Record<string, string>) {
  const directory = tempDir('ahead')
  const modules = join(directory, 'node_modules')
  const own = join(modules, 'cgiup')
  mkdirSync(own, { recursive: true })
  for (const name of ['dist', 'bin', 'package.json'])
    cpSync(join(root, name), join(own, name), {
      recursive: true,
      filter: (path) => !path.includes('.cache') && !path.endsWith('.tmp'),
    })
  for (const name of ['busboy', 'streamsearch'])
    cpSync(join(root, 'node_modules', name), join(modules, name), { recursive: true, dereference: true })
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(directory, name), text)
    chmodSync(join(directory, name), 0o755)
  }
  return { directory, takeAway: () => renameSync(modules, join(directory, 'gone')) }
}

async function started(
  place: ReturnType<typeof home>,
  args: (port: number) => string[],
  env: Record<string, string> = {},
) {
  const port = await freePort()
  const server = await startServer(process.execPath, args(port), {
    listens: { port },
    cwd: place.directory,
    env: { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR, ...env },
  })
  servers.push(server)
  place.takeAway()
  return { port, server }
}

const bin = join('node_modules', 'cgiup', 'bin', 'cgiup.js')

describe.each([
  ['development', {}, []],
  ['production', { NODE_ENV: 'production' }, []],
  ['workers', { NODE_ENV: 'production' }, ['--workers', '1']],
])('HTTP, %s', (kind, env, more) => {
  it('imports nothing once it serves requests', async () => {
    const { port, server } = await started(
      home({ 'app.mjs': app }),
      (at) => [bin, 'app.mjs', '--listen', String(at), ...more],
      env,
    )
    await checkHttp(port)
    const page = await request({ port }, { target: '/throw', headers: ['Accept: text/html'] })
    expect([page.status, page.header('content-type')]).toEqual([500, 'text/html; charset=utf-8'])
    if (kind === 'development') expect(page.text).toContain('as asked')
    expect(await until(() => server.output().includes('as asked'))).toBe(true)
    expect(server.output()).not.toMatch(/ERR_MODULE_NOT_FOUND|Cannot find/)
    expect(await server.stop()).toEqual([])
  })
})

async function checkHttp(port: number): Promise<void> {
  const at = { port }
  expect((await request(at)).text).toBe('hello\n')
  const parts = await request(at, {
    target: '/form',
    method: 'POST',
    headers: [`Content-Type: multipart/form-data; boundary=${boundary}`],
    body: multipart,
  })
  expect([parts.status, parts.text]).toEqual([200, expect.stringContaining('one')])
  const plain = await request(at, {
    target: '/form',
    method: 'POST',
    headers: ['Content-Type: application/x-www-form-urlencoded'],
    body: 'a=two',
  })
  expect([plain.status, plain.text]).toEqual([200, expect.stringContaining('two')])
}

it('a program that calls run() itself, from CommonJS', async () => {
  const text = `const { run } = require('cgiup')
    run({ fetch: (r) => { if (r.url.endsWith('/throw')) throw new Error('as asked'); return new Response('hi\\n') } }, { port: +process.argv[2] })`
  const { port, server } = await started(home({ 'app.cjs': text }), (at) => ['app.cjs', String(at)])
  expect((await request({ port }, { target: '/throw' })).status).toBe(500)
  expect((await request({ port }, { target: '/' })).text).toBe('hi\n')
  expect(server.output()).not.toMatch(/MODULE_NOT_FOUND/)
})

it('FastCGI', async () => {
  const { port, server } = await started(home({ 'app.mjs': app }), (at) => [
    bin,
    'app.mjs',
    '--server',
    'fastcgi',
    '--listen',
    String(at),
  ])
  const peer = new Peer(port)
  peer.send(get(1))
  expect((await peer.ended(1)).body).toBe('hello\n')
  peer.send(get(1, ['REQUEST_URI', '/throw', 'HTTP_ACCEPT', 'text/html']))
  await peer.until(() => peer.answer(1).stdout.includes('</html>'))
  const type = ['REQUEST_URI', '/form', 'CONTENT_TYPE', `multipart/form-data; boundary=${boundary}`]
  peer.send(post(2, multipart, type))
  expect((await peer.ended(2)).body).toContain('one')
  peer.socket.destroy()
  expect(server.output()).not.toMatch(/MODULE_NOT_FOUND/)
})

it('SCGI', async () => {
  const { port, server } = await started(home({ 'app.mjs': app }), (at) => [
    bin,
    'app.mjs',
    '--server',
    'scgi',
    '--listen',
    String(at),
  ])
  const ask = (list: string[], body = '') => {
    const socket = connect(port, '127.0.0.1')
    socket.write(encodeScgiHead(list, body.length) + body, 'latin1')
    return all(socket)
  }
  const accept = ['HTTP_ACCEPT', 'text/html']
  expect(await ask(['REQUEST_METHOD', 'GET', 'REQUEST_URI', '/throw', ...accept])).toContain('</html>')
  const type = ['CONTENT_TYPE', `multipart/form-data; boundary=${boundary}`]
  expect(await ask(['REQUEST_METHOD', 'POST', 'REQUEST_URI', '/form', ...type], multipart)).toContain('one')
  expect(server.output()).not.toMatch(/MODULE_NOT_FOUND/)
})

it('cgiup host', async () => {
  const place = home({
    'a.cgi': '#!/bin/sh\necho Content-Type: text/plain\necho\necho hi\n',
    'bad.cgi': '#!/bin/sh\necho bad\n',
    'go.cgi': '#!/bin/sh\necho Location: /a.cgi\necho\n',
    'nph-b.cgi': '#!/bin/sh\nprintf "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok"\n',
  })
  const { port, server } = await started(place, (at) => [bin, 'host', '.', '--files', '--listen', String(at)])
  const statuses = []
  for (const target of ['/a.cgi', '/bad.cgi', '/go.cgi', '/nph-b.cgi', '/', '/none', '/%ff%00'])
    statuses.push((await request({ port }, { target })).status)
  expect(statuses).toEqual([200, 502, 200, 200, 200, 404, 400])
  const body = Array.from({ length: 30 }, () => 'x'.repeat(65_536))
  expect((await request({ port }, { target: '/a.cgi', method: 'POST', pieces: body })).status).toBe(200)
  expect(server.output()).not.toMatch(/MODULE_NOT_FOUND/)
  expect(await server.stop()).toEqual([])
})

it('a server created by the program, with form() and the handlers of cgiup/host', async () => {
  const text = `import { createServer } from 'node:http'
    import { form } from 'cgiup/form'
    import { script, serve } from 'cgiup/host'
    await serve(script('a.cgi'), { port: 0 })
    createServer(async (req, res) => {
      const sent = await form(req)
      await sent.dispose()
      res.end(sent.get('a') + '\\n')
    }).listen(+process.argv[2], '127.0.0.1')`
  const place = home({ 'app.mjs': text, 'a.cgi': '#!/bin/sh\n' })
  const { port } = await started(place, (at) => ['app.mjs', String(at)])
  const headers = [`Content-Type: multipart/form-data; boundary=${boundary}`]
  const reply = await request({ port }, { method: 'POST', headers, body: multipart })
  expect([reply.status, reply.text]).toEqual([200, expect.stringContaining('one')])
})

/** Files that call import() without onDemand(): during the start of the process, or under CGI. */
const known = [
  'app/handler.ts',
  'app/load.ts',
  'cgi/child/stdin.ts',
  'form/read.ts',
  'process/daemon.ts',
  'run/check.ts',
  'run/http.ts',
  'run/persistent.ts',
  'run/run.ts',
  'socket/unix-socket.ts',
]

it('no other file of the package calls import() without onDemand()', () => {
  const source = join(root, 'src')
  const found = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.startsWith('cli/'))
    .filter((name) => {
      const text = readFileSync(join(source, name), 'utf8')
        .replace(/^\s*(\/\/|\*|\/\*).*$/gm, '')
        .replace(/onDemand\(\(\) => import\(/g, '')
      return /(?<!typeof )\bimport\((?!'node:)/.test(text)
    })
  expect(found.sort()).toEqual(known)
})
