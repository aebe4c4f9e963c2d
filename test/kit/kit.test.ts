import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { handler } from '../../src/app/handler.js'
import { emulate, memory, type TestServer } from '../../src/test.js'
import { isAlive, until } from '../support/processes.js'
import { tempDir } from '../support/temp.js'

const echo = {
  async fetch(request: Request, env: Record<string, string>) {
    const { pathname, search } = new URL(request.url)
    const headers = {
      type: request.headers.get('content-type'),
      length: request.headers.get('content-length'),
    }
    const body = await request.text()
    const { SCRIPT_NAME, REMOTE_USER, MINE } = env
    return Response.json({
      method: request.method,
      url: pathname + search,
      ...headers,
      body,
      SCRIPT_NAME,
      REMOTE_USER,
      MINE,
    })
  },
}

type Seen = Record<string, string | null | undefined>

const json = async (response: Promise<Response>): Promise<Seen> => (await (await response).json()) as Seen

describe.each([
  ['memory', (options: object) => memory(echo, options)],
  ['emulate of an app object', (options: object) => emulate(echo, options)],
])('%s: requests', (_, open) => {
  it('takes a path as it is, GET by default', async () => {
    expect(await json(open({}).fetch('/a//%2F?b'))).toMatchObject({
      method: 'GET',
      url: '/a//%2F?b',
      length: null,
    })
  })

  it.each([
    ['a string', 'grün', 'text/plain;charset=UTF-8', '5', 'grün'],
    ['bytes', new Uint8Array([65, 66]), null, '2', 'AB'],
    [
      'search parameters',
      new URLSearchParams({ a: 'b c' }),
      'application/x-www-form-urlencoded;charset=UTF-8',
      '5',
      'a=b+c',
    ],
    ['a blob', new Blob(['blob'], { type: 'text/x-blob' }), 'text/x-blob', '4', 'blob'],
  ])('sends %s with its length and type; POST by default', async (_name, body, type, length, text) => {
    expect(await json(open({}).fetch('/', { body }))).toMatchObject({
      method: 'POST',
      type,
      length,
      body: text,
    })
  })

  it('sends a form', async () => {
    const form = new FormData()
    form.set('name', 'value')
    const found = await json(open({}).fetch('/', { body: form }))
    expect(found.type).toMatch(/^multipart\/form-data; boundary=/)
    expect(found.body).toContain('name="name"\r\n\r\nvalue\r\n')
  })

  it('sends chunks without a length', async () => {
    const pieces = (async function* () {
      yield 'one '
      yield new TextEncoder().encode('two')
    })()
    const found = await json(open({}).fetch('/', { body: pieces }))
    expect(found).toMatchObject({ method: 'POST', length: null, body: 'one two' })
  })

  it('accepts headers in every form', async () => {
    for (const headers of [
      { 'Content-Type': 'x/y' },
      new Headers({ 'Content-Type': 'x/y' }),
      ['content-type', 'x/y'],
    ]) {
      expect((await json(open({}).fetch('/', { body: 'x', headers }))).type).toBe('x/y')
    }
  })

  it('mounts the app, and sets variables for all requests or for one', async () => {
    const server = open({ mount: '/cgi/app', env: { REMOTE_USER: 'jürgen', MINE: 'all' } })
    expect(await json(server.fetch('/cgi/app/x'))).toMatchObject({
      url: '/x',
      SCRIPT_NAME: '/cgi/app',
      REMOTE_USER: 'jürgen',
      MINE: 'all',
    })
    const found = await json(server.fetch('/cgi/app', { env: { REMOTE_USER: undefined, MINE: 'one' } }))
    expect(found).toMatchObject({ url: '/', MINE: 'one' })
    expect(found.REMOTE_USER).toBeUndefined()
    await expect(server.fetch('/elsewhere')).rejects.toThrow(/not below the mount path/)
  })

  it.each(['relative', 'http:/x', '/a b', '/a\nb', '/日本', ''])('refuses the path %j', async (path) => {
    await expect(open({}).fetch(path)).rejects.toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})

const slow = handler(async (exchange) => {
  await new Promise((_, reject) =>
    exchange.signal.addEventListener('abort', () => reject(exchange.signal.reason)),
  )
  return { status: 200, headers: [], body: null }
})

describe.each([
  ['memory', (app: Parameters<typeof memory>[0], options?: object) => memory(app, options)],
  [
    'emulate of an app object',
    (app: Parameters<typeof memory>[0], options?: object) => emulate(app, options),
  ],
])('%s: replies', (_, open) => {
  it('follows no redirect', async () => {
    const app = handler(() => ({ status: 302, headers: ['Location', '/other'], body: null }))
    const response = await open(app).fetch('/')
    expect([response.status, response.headers.get('location')]).toEqual([302, '/other'])
  })

  it('pulls a streamed body as the test reads it', async () => {
    let made = 0
    async function* endless() {
      for (;;) yield Buffer.alloc(65_536, String(made++ % 10))
    }
    const server = open(
      handler(() => ({ status: 200, headers: ['Content-Type', 'text/plain'], body: endless() })),
    )
    const reader = (await server.fetch('/')).body?.getReader()
    for (let i = 0; i < 3; i++) await reader?.read()
    expect(made).toBeLessThan(12)
    await reader?.cancel()
    const stopped = made
    await server.close()
    expect(made).toBeLessThanOrEqual(stopped + 1)
  })

  it('shows errors in development, and hides them without', async () => {
    const failing = handler(() => {
      throw new Error('on purpose')
    })
    const server = open(failing)
    const response = await server.fetch('/')
    expect(response.status).toBe(500)
    expect(await response.text()).toContain('Error: on purpose')
    expect(server.stderr()).toMatch(/on purpose[\s\S]*kit\.test\.ts/)
    const hidden = open(failing, { development: false })
    expect(await (await hidden.fetch('/')).text()).not.toContain('on purpose')
  })

  it('aborts the request with the signal of the test', async () => {
    const abort = new AbortController()
    const waiting = open(slow).fetch('/', { signal: abort.signal })
    abort.abort()
    await expect(waiting).rejects.toThrow(expect.objectContaining({ code: 'REQUEST_ABORTED' }))
    await expect(open(slow).fetch('/', { signal: AbortSignal.abort() })).rejects.toThrow()
  })

  it('close() aborts running requests and waits for work after the reply', async () => {
    let done = false
    const app = handler((exchange) => {
      exchange.waitUntil(new Promise((resolve) => setTimeout(resolve, 20)).then(() => (done = true)))
      return { status: 204, headers: [], body: null }
    })
    const server = open(app)
    await server.fetch('/')
    expect(done).toBe(false)
    await server.close()
    expect(done).toBe(true)
    const busy = open(slow)
    const waiting = busy.fetch('/')
    waiting.catch(() => {})
    await new Promise((resolve) => setImmediate(resolve))
    await busy.close()
    await expect(waiting).rejects.toThrow(expect.objectContaining({ code: 'REQUEST_ABORTED' }))
  })

  it('rejects a value that is not an app', async () => {
    const response = await open(42 as never).fetch('/')
    expect(response.status).toBe(500)
    expect(await response.text()).toContain('The app is a number')
  })
})

describe('emulate of a file', () => {
  let directory: string
  const write = (name: string, text: string, mode = 0o755) => {
    const file = join(directory, name)
    writeFileSync(file, text)
    chmodSync(file, mode)
    return file
  }
  const open = async (server: TestServer, ...request: Parameters<TestServer['fetch']>) => {
    const response = await server.fetch(...request)
    return { status: response.status, text: await response.text(), response }
  }

  beforeAll(() => {
    directory = tempDir('kit')
    mkdirSync(join(directory, 'node_modules'))
    symlinkSync(fileURLToPath(new URL('../..', import.meta.url)), join(directory, 'node_modules', 'cgiup'))
  })

  it('starts one process per request, with its variables, body and stderr', async () => {
    const file = write(
      'script.sh',
      `#!/bin/sh
printf 'Status: 201 Made\\nContent-Type: text/plain\\n\\n'
echo "$$|$REQUEST_METHOD|$PATH_INFO|$QUERY_STRING|$CONTENT_LENGTH|$MINE|$HTTP_AUTHORIZATION|$UNSET"
cat
echo "to the log" >&2`,
    )
    process.env.UNSET = 'ours, not the script’s'
    const server = emulate(file, { env: { MINE: 'all' } })
    const init = { body: 'the body', headers: { Authorization: 'Bearer x' } }
    const { status, text, response } = await open(server, '/a%20b?c', init)
    expect([status, response.statusText]).toEqual([201, 'Made'])
    expect(text).toMatch(/^\d+\|POST\|\/a b\|c\|8\|all\|Bearer x\|\nthe body$/)
    const second = await open(server, '/', { env: { MINE: 'one' } })
    expect(second.text).toMatch(/\|one\|/)
    expect(second.text.split('|')[0]).not.toBe(text.split('|')[0])
    await server.close()
    expect(server.stderr()).toBe('to the log\nto the log\n')
    delete process.env.UNSET
  })

  it('runs app files and cgiup scripts without cgiup on the PATH', async () => {
    const app = "export default { fetch: (r) => new Response('app ' + new URL(r.url).pathname) }"
    for (const file of [
      write('app.mjs', app, 0o644),
      write('app.cgi', `#!/usr/bin/env cgiup\n${app}`),
      write('own.mjs', `import { run } from 'cgiup'\nrun((req, res) => res.end('app ' + req.url))`, 0o644),
    ]) {
      const server = emulate(pathToFileURL(file), { env: { PATH: '/usr/bin:/bin' } })
      expect((await open(server, '/x')).text).toBe('app /x')
    }
  })

  it('accepts an interpreter', async () => {
    const file = write('text.txt', 'Content-Type: text/plain\n\nI am the text\n', 0o644)
    expect((await open(emulate(file, { interpreter: ['cat'] }), '/')).text).toBe('I am the text\n')
  })

  it('answers for a script that fails as a web server does, with the reason', async () => {
    const broken = emulate(write('broken.sh', '#!/bin/sh\necho nonsense'))
    const { status, text } = await open(broken, '/')
    expect(status).toBe(502)
    expect(text).toContain('nonsense')
    const stuck = emulate(write('stuck.sh', '#!/bin/sh\nsleep 60'), { timeoutMs: 200 })
    expect((await open(stuck, '/')).status).toBe(504)
  })

  it('a script that dies during its body breaks the response', async () => {
    const file = write('dies.sh', '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\nbegun"\nkill -9 $$')
    const response = await emulate(file).fetch('/')
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow()
  })

  it('a client disconnect stops the script', async () => {
    const file = write('waits.sh', '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n$$"\nexec sleep 60')
    const server = emulate(file)
    const reader = (await server.fetch('/')).body?.getReader()
    const pid = Number(Buffer.from((await reader?.read())?.value ?? []).toString())
    expect(isAlive(pid)).toBe(true)
    await reader?.cancel()
    expect(await until(() => !isAlive(pid))).toBe(true)
    await server.close()
  })

  it('refuses a missing file', () => {
    expect(() => emulate(join(directory, 'missing.cgi'))).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })

  it('refuses an invalid time limit; Infinity means no limit', async () => {
    const file = write('quick.sh', '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\nquick"')
    for (const timeoutMs of ['30s', Number.NaN, -1, null])
      expect(() => emulate(file, { timeoutMs } as never)).toThrow('The option timeoutMs must be')
    expect((await open(emulate(file, { timeoutMs: Number.POSITIVE_INFINITY }), '/')).text).toBe('quick')
  })
})
