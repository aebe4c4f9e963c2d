import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import express from 'express'
import { describe, expect, test } from 'vitest'
import { handler, toHandler } from '../../src/app/handler.js'
import type { App } from '../../src/app/types.js'
import { runCgi } from '../../src/cgi.js'
import { cgiBin, files } from '../../src/host.js'
import { MemoryServer } from '../../src/memory/memory.js'
import { httpHandler } from '../../src/run/http.js'
import { resolveOptions } from '../../src/run/resolve.js'
import { emulate, memory } from '../../src/test.js'
import { tempDir } from '../support/temp.js'

const fetchApp: App = {
  fetch: (request, _env, { mount, url }) => Response.json([mount, new URL(request.url).pathname, url]),
}
const nodeApp: App = (req, res) => {
  const { baseUrl, originalUrl } = req as unknown as { baseUrl: string; originalUrl: string }
  res.setHeader('Content-Type', 'application/json')
  res.end(JSON.stringify([baseUrl, req.url, originalUrl]))
}
const rawApp = handler(({ env }) => ({ status: 200, headers: [], body: env.get('REQUEST_URI') ?? '' }))

const refused = ['/admin//../users', '/admin%2f..%2fpub', '/public#/../admin', '/pub/%2e%2e/admin/x']

describe.each([
  ['memory()', memory],
  ['emulate()', emulate],
])('%s', (_, open) => {
  test.each(refused)('%s is answered with 400, and no app is called', async (target) => {
    for (const app of [fetchApp, nodeApp, rawApp]) {
      const server = open(app, { development: false })
      const response = await server.fetch(target)
      expect(response.status).toBe(400)
      expect(server.stderr()).toMatch(
        /^RequestError|REQUEST_TARGET_REFUSED|read differently|dot segment|resolve/,
      )
    }
  })

  const resolved = { SCRIPT_NAME: '/app', PATH_INFO: '/b/' }

  test('dot segments that the server has resolved do not reach a router', async () => {
    const request = ['/x/../app/a/%2E%2e/b/.?q', { env: { ...resolved, QUERY_STRING: 'q' } }] as const
    const found = await open(fetchApp, {}).fetch(...request)
    expect(await found.json()).toEqual(['/app', '/b/', 'http://localhost/app/b/?q'])
    const node = await open(nodeApp, {}).fetch(...request)
    expect(await node.json()).toEqual(['/app', '/b/?q', '/app/b/?q'])
    const whole = await open(nodeApp, { url: 'full' }).fetch(...request)
    expect(await whole.json()).toEqual(['', '/app/b/?q', '/app/b/?q'])
  })

  test("app.use('/admin') of Express does not run for a path that only passes through /admin", async () => {
    const app = express()
    app.use('/admin', (_req, res) => void res.send('admin'))
    app.use((_req, res) => void res.send('other'))
    const env = { SCRIPT_NAME: '', PATH_INFO: '/pub' }
    for (const target of ['/admin/../pub', '/admin/%2e%2e/pub', '/./admin/../pub']) {
      expect(await (await open(app, {}).fetch(target, { env })).text()).toBe('other')
    }
    expect(await (await open(app, {}).fetch('/x/../admin', { env: { PATH_INFO: '/admin' } })).text()).toBe(
      'admin',
    )
    expect(await (await open(app, {}).fetch('/admin/a%2Fb//c')).text()).toBe('admin')
  })

  test('a backslash does not become a slash when the app parses req.url again', async () => {
    const parsing: App = (req, res) => void res.end(new URL(req.url ?? '', 'http://h').pathname)
    const env = { PATH_INFO: '/pub/..\\admin' }
    expect(await (await open(parsing, {}).fetch('/pub/..\\admin', { env })).text()).toBe('/pub/..%5Cadmin')
  })

  test('a path does not begin with two slashes if the server has merged them: no part of it is parsed as a host', async () => {
    const parsing: App = (req, res) => {
      const { originalUrl } = req as IncomingMessage & { originalUrl: string }
      res.end(`${new URL(req.url ?? '', 'http://h').pathname} ${originalUrl}`)
    }
    const ask = async (target: string, env: Record<string, string>) =>
      (await open(parsing, {}).fetch(target, { env })).text()
    const nginx = { SERVER_SOFTWARE: 'nginx/1.22.1', SCRIPT_NAME: '', PATH_INFO: '/x/admin' }
    expect(await ask('//x/admin?q', nginx)).toBe('/x/admin /x/admin?q')
    expect(await ask('///x/admin', nginx)).toBe('/x/admin /x/admin')
    const mounted = { SERVER_SOFTWARE: 'Apache', SCRIPT_NAME: '/app', PATH_INFO: '/x/admin' }
    expect(await ask('/app//x/admin', mounted)).toBe('/x/admin /app/x/admin')
    expect(await ask('/app/x//admin', mounted)).toBe('/x//admin /app/x//admin')
    // h2o has not merged them: its rules saw //x/admin, and /x/admin is another path.
    const h2o = { SERVER_SOFTWARE: 'h2o/2.2', SCRIPT_NAME: '', PATH_INFO: '//x/admin' }
    expect(await ask('//x/admin', h2o)).toBe('/admin //x/admin')
  })

  const denied = { REDIRECT_STATUS: '403', SCRIPT_NAME: '/app', PATH_INFO: '/denied', QUERY_STRING: 'e=1' }

  test('an error page has its own path, and the status of the error unless the app sets another', async () => {
    for (const app of [fetchApp, nodeApp]) {
      const found = await open(app, {}).fetch('/secret?a=1', { env: denied })
      expect(found.status).toBe(403)
      expect(await found.text()).not.toContain('secret')
    }
    const own: App = { fetch: async () => new Response('x', { status: 410 }) }
    expect((await open(own, {}).fetch('/secret', { env: denied })).status).toBe(410)
    const later: App = { fetch: async () => new Response('x') }
    expect((await open(later, {}).fetch('/secret', { env: denied })).status).toBe(403)
  })

  const still = [
    ['', '/app/secret'],
    ['/app/secret', ''],
    ['/app', '/secret'],
    ['', '/secret'],
    ['', ''],
  ] as const

  test.each(['401', '403'])('the refused path itself is not an error page: %s', async (status) => {
    for (const [script, info] of still) {
      const env = { REDIRECT_STATUS: status, SCRIPT_NAME: script, PATH_INFO: info }
      for (const app of [fetchApp, nodeApp, rawApp]) {
        const response = await open(app, { development: false }).fetch('/app/secret', { env })
        expect(response.status).toBe(Number(status))
        expect(await response.text()).toContain('Access to this page is denied.')
      }
    }
  })

  test('the option target', async () => {
    const env = { SCRIPT_NAME: '/app', PATH_INFO: '/new', QUERY_STRING: '' }
    const seen = async (options: object) => (await open(fetchApp, options).fetch('/old', { env })).json()
    expect(await seen({})).toEqual(['/app', '/new', 'http://localhost/app/new'])
    expect(await seen({ target: 'request-uri' })).toEqual(['', '/old', 'http://localhost/old'])
    expect(await seen({ target: 'script' })).toEqual(['/app', '/new', 'http://localhost/app/new'])
  })
})

test('the HTTP server of cgiup refuses the path before the mount path is resolved', async () => {
  for (const app of [fetchApp, nodeApp]) {
    const server = new MemoryServer(
      await httpHandler(app, resolveOptions({ mount: '/app', development: false })),
      {},
    )
    expect((await server.fetch('/app/x')).status).toBe(200)
    await expect(server.fetch('/x/../app/admin')).rejects.toMatchObject({ code: 'REQUEST_TARGET_REFUSED' })
    await expect(server.fetch('/app//../admin')).rejects.toMatchObject({ code: 'REQUEST_TARGET_REFUSED' })
  }
  const host = new MemoryServer(
    await httpHandler(handler(files('test/fixtures')), resolveOptions({ mount: '/app', development: false })),
    {},
  )
  expect((await host.fetch('/app/x/../captures/README.md')).status).toBe(200)
})

test('another target is an error', async () => {
  await expect(toHandler(fetchApp, { target: 'else' } as object)).rejects.toMatchObject({ code: 'USAGE' })
  await expect(toHandler(nodeApp, { target: 'else' } as object)).rejects.toMatchObject({ code: 'USAGE' })
})

test('runCgi() does the same, and accepts the option', async () => {
  const { PassThrough } = await import('node:stream')
  const answer = async (env: Record<string, string>, options: object = {}) => {
    const stdout = new PassThrough()
    const stderr = { write: () => true }
    const all = { REQUEST_METHOD: 'GET', ...env }
    const { status } = await runCgi(fetchApp, { env: all, stdout, stderr, ...options })
    return [status, String(stdout.read())]
  }
  expect((await answer({ REQUEST_URI: '/a//../b', SCRIPT_NAME: '/b' }))[0]).toBe(400)
  const env = { REQUEST_URI: '/old', SCRIPT_NAME: '/app', PATH_INFO: '/new' }
  expect((await answer(env))[1]).toContain('["/app","/new"')
  expect((await answer(env, { target: 'request-uri' }))[1]).toContain('["","/old"')
})

test('a guess is logged once by a persistent process', async () => {
  const server = memory(fetchApp)
  const nginx = { SERVER_SOFTWARE: 'nginx/1.22.1', PATH_INFO: undefined }
  const front = { ...nginx, SCRIPT_NAME: '/front', DOCUMENT_URI: '/front' }
  const page = { ...nginx, SCRIPT_NAME: '/page', DOCUMENT_URI: '/page', REDIRECT_STATUS: '404' }
  const proxied = { SCRIPT_NAME: '/p/x', PATH_INFO: undefined, SCRIPT_FILENAME: 'proxy:fcgi://h/new/x' }
  for (let times = 0; times < 2; times++) {
    await server.fetch('/x', { env: front })
    await server.fetch('/y', { env: page })
    await server.fetch('/p/x', { env: proxied })
  }
  const lines = server.stderr().trim().split('\n')
  expect(lines).toHaveLength(3)
  expect(lines[0]).toMatch(/asked for "\/x", the web server serves "\/front".*"request-uri"/)
  expect(lines[1]).toMatch(/error page for "\/y" \(REDIRECT_STATUS=404\) and gets "\/page"/)
  expect(lines[2]).toMatch(/asked for "\/p\/x", the web server serves "\/new\/x"/)
})

describe('a host behind a web server', () => {
  const directory = tempDir('served-host')
  mkdirSync(join(directory, 'admin'))
  for (const [name, says] of [
    ['admin/secret.sh', 'SECRET'],
    ['denied.sh', 'denied $SCRIPT_NAME $REQUEST_URI $QUERY_STRING'],
  ] as const) {
    writeFileSync(
      join(directory, name),
      `#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\necho "${says}"\n`,
    )
    chmodSync(join(directory, name), 0o755)
  }
  const nginx = { SERVER_SOFTWARE: 'nginx/1.22.1', DOCUMENT_URI: '/denied.sh', REDIRECT_STATUS: '403' }
  const server = memory(handler(cgiBin(directory)), { development: false })

  test('runs the script of the error page, with its path', async () => {
    const env = {
      ...nginx,
      SCRIPT_NAME: '/denied.sh',
      PATH_INFO: undefined,
      QUERY_STRING: 'e=1',
    }
    const found = await server.fetch('/admin/secret.sh?a=1', { env })
    expect([found.status, await found.text()]).toEqual([403, 'denied /denied.sh /denied.sh?e=1 e=1\n'])
  })

  test('resolves dot segments itself, but refuses ambiguous paths', async () => {
    expect((await server.fetch('/x/../denied.sh')).status).toBe(200)
    expect((await server.fetch('/admin//../denied.sh')).status).toBe(400)
  })
})
