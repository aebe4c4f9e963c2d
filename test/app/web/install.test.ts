import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'

/** Node binaries to try, separated by spaces. */
const nodes = [process.execPath, ...(process.env.CGIUP_TEST_NODES ?? '').split(' ').filter(Boolean)]
const entry = new URL('../../../dist/index.js', import.meta.url).href
const install = new URL('../../../dist/app/web/install.js', import.meta.url).href

const directory = mkdtempSync(join(tmpdir(), 'cgiup-light-'))
afterAll(() => rmSync(directory, { recursive: true }))

const cgi = {
  GATEWAY_INTERFACE: 'CGI/1.1',
  REQUEST_METHOD: 'GET',
  REQUEST_URI: '/x',
  SCRIPT_NAME: '',
  PATH_INFO: '/x',
  SERVER_NAME: 'localhost',
  SERVER_PORT: '80',
  SERVER_PROTOCOL: 'HTTP/1.1',
  HTTP_HOST: 'localhost',
}

let count = 0

function script(code: string): string {
  const file = join(directory, `${++count}.mjs`)
  writeFileSync(file, code)
  return file
}

/** @param limit of the address space, in KiB */
function run(node: string, file: string, env: Record<string, string>, limit?: number) {
  const shell = limit ? `ulimit -v ${limit}; exec "$0" "$@"` : 'exec "$0" "$@"'
  const { PATH = '' } = process.env
  return spawnSync('/bin/sh', ['-c', shell, node, file], {
    env: { PATH, ...env },
    input: '',
    encoding: 'utf8',
  })
}

/** The values that a program prints, parsed as JSON, with the light classes installed. */
function values(code: string): unknown {
  const file = script(`import { installLightWeb, lightWebIsInstalled } from '${install}'
    ${code.includes('installLightWeb') ? '' : 'installLightWeb()'}
    const loaded = () => process.moduleLoadList.some((name) => name.includes('undici'))
    ${code}`)
  const { stdout, stderr, status } = run(process.execPath, file, {})
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return JSON.parse(stdout)
}

describe('installLightWeb()', () => {
  it('binds free names to the light classes, and loads nothing', () => {
    const seen = values(`
      const request = new Request('http://a/', { method: 'POST', body: '{"a":1}', headers: new Headers({ b: '2' }) })
      const response = Response.json(await request.clone().json(), { headers: request.headers })
      class Mine extends Response {}
      const text = await new Mine(response.body, response).text()
      console.log(JSON.stringify([lightWebIsInstalled(), text, response instanceof Response, loaded()]))`)
    expect(seen).toEqual([true, '{"a":1}', true, false])
  })

  it('does not replace the classes of globalThis', () => {
    const seen = values(`
      const before = loaded()
      const same = globalThis.Response === Response
      console.log(JSON.stringify([before, same, new Response() instanceof globalThis.Response,
        new globalThis.Response() instanceof Response, loaded()]))`)
    expect(seen).toEqual([false, false, true, true, true])
  })

  it('does nothing a second time, if undici is loaded, or if the names are taken', () => {
    expect(values('installLightWeb(); installLightWeb(); console.log(lightWebIsInstalled())')).toBe(true)
    expect(values('void Response; installLightWeb(); console.log(lightWebIsInstalled())')).toBe(false)
    const taken = `import vm from 'node:vm'
      vm.runInThisContext('let Response = 1'); installLightWeb(); console.log(lightWebIsInstalled())`
    expect(values(taken)).toBe(false)
  })

  it('lets fetch() send light Request objects', () => {
    const seen = values(`
      import { createServer } from 'node:http'
      const server = createServer((req, res) => req.pipe(res.setHeader('x', req.method + req.headers.a)))
      await new Promise((done) => server.listen(0, '127.0.0.1', done))
      const url = 'http://127.0.0.1:' + server.address().port
      const request = new Request(url, { method: 'PUT', body: 'text', headers: { a: '1' } })
      const response = await fetch(request)
      const facts = [response instanceof Response, response.headers.get('x'), await response.text(), request.bodyUsed]
      const second = await fetch(url, { method: 'POST', body: 'b', headers: new Headers({ a: '2' }) })
      facts.push(second.headers.get('x'), await new Response(second.body, second).text(), fetch.name, fetch.length)
      facts.push(await fetch(new Request(url, { signal: AbortSignal.abort() })).catch((error) => error.name))
      facts.push(await fetch().catch((error) => error.name))
      server.close()
      server.closeAllConnections()
      console.log(JSON.stringify(facts))`)
    expect(seen).toEqual([true, 'PUT1', 'text', true, 'POST2', 'b', 'fetch', 1, 'AbortError', 'TypeError'])
  })

  it('uses the platform for forms', () => {
    const seen = values(`
      const body = new URLSearchParams('a=1&b=2')
      const form = await new Request('http://a/', { method: 'POST', body }).formData()
      const copy = await new Response(form).formData()
      console.log(JSON.stringify([form instanceof FormData, [...copy]]))`)
    expect(seen).toEqual([
      true,
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ])
  })
})

const limit = 2 * 1024 * 1024
const wait = 'await new Promise((done) => setTimeout(done, 30))'
const apps = [
  ['names Response', `return new Response('fine')`],
  ['names the platform’s Response', `const r = new globalThis.Response('fine'); ${wait}; return r`],
  ['names FormData', `new FormData(); ${wait}; return new Response('fine')`],
  [
    'reads a form',
    `await new Response(new URLSearchParams('a=1')).formData(); ${wait}; return new Response('fine')`,
  ],
  ['reads the global class', `void globalThis.Request; ${wait}; return new Response('fine')`],
] as const

describe.each(nodes)('under ulimit -v 2097152, %s', (node) => {
  it.each(apps)('an app that %s answers', (_, body) => {
    const file = script(`import { run } from '${entry}'
      run({ async fetch() { ${body} } })`)
    const { stdout, stderr, status } = run(node, file, cgi, limit)
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^Status: 200 OK\r\n[\s\S]*\r\n\r\nfine$/)
    expect(status).toBe(0)
  })

  it('an app that cannot use fetch() gets an error with the reason', () => {
    const file = script(`import { run } from '${entry}'
      import { createServer } from 'node:http'
      run({ async fetch() {
        const server = createServer((req, res) => res.end('fetched'))
        await new Promise((done) => server.listen(0, '127.0.0.1', done))
        try {
          const response = await fetch('http://127.0.0.1:' + server.address().port)
          return new Response(await response.text())
        } catch (error) {
          return new Response(error.cause.message)
        } finally {
          server.close()
          server.closeAllConnections()
        }
      } })`)
    const { stdout, status } = run(node, file, cgi, limit)
    expect(stdout).toMatch(
      /\r\n\r\n(fetched|fetch\(\) needs WebAssembly memory[\s\S]*--disable-wasm-trap-handler)$/,
    )
    expect(status).toBe(0)
  })
})

it('the entry of the package binds the names only in a CGI process', () => {
  const file = script(`await import('${entry}')
    process.stderr.write(String(Response === globalThis.Response))`)
  expect(run(process.execPath, file, cgi).stderr).toBe('false')
  expect(run(process.execPath, file, {}).stderr).toBe('true')
})
