/** Files of a form whose client disconnects, forms in third-party servers, and cleanup after many forms. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createHttp2, connect as http2 } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { fetchHandler } from '../../src/app/fetch.js'
import { nodeHandler } from '../../src/app/node.js'
import type { FetchContext } from '../../src/app/types.js'
import { runCgi } from '../../src/cgi.js'
import type { Handler } from '../../src/core/exchange.js'
import { type Form, form } from '../../src/form.js'
import { serveDaemon } from '../../src/process/daemon.js'
import { begin, params, stdin, stdinEnd } from '../fastcgi/peer.js'
import { gate } from '../fastcgi/serving.js'
import { until } from '../support/processes.js'
import { tempDir } from '../support/temp.js'
import { field, file, multipart, multipartType } from './bodies.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

const upload = multipart(field('a', '1'), file('f', 'a.txt', 'content'))

/** What a client sends: the complete body, or its beginning. */
const spoken = {
  http: (length: number) =>
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${multipartType}\r\nContent-Length: ${upload.length}\r\n\r\n${upload.toString('latin1', 0, length)}`,
  fastcgi: (length: number) => {
    const variables = ['REQUEST_METHOD', 'POST', 'REQUEST_URI', '/', 'SERVER_NAME', 'x', 'SERVER_PORT', '80']
    const all = [...variables, 'CONTENT_TYPE', multipartType, 'CONTENT_LENGTH', String(upload.length)]
    const whole = length === upload.length ? stdinEnd(1) : ''
    return begin(1, 1, 0) + params(1, all) + stdin(1, upload.toString('latin1', 0, length)) + whole
  },
  scgi: (length: number) => {
    const variables = ['CONTENT_LENGTH', String(upload.length), 'SCGI', '1', 'REQUEST_METHOD', 'POST']
    const all = [...variables, 'REQUEST_URI', '/', 'CONTENT_TYPE', multipartType]
    const head = all.map((text) => `${text}\0`).join('')
    return `${head.length}:${head},${upload.toString('latin1', 0, length)}`
  },
}
const names = ['http', 'fastcgi', 'scgi'] as const

async function serve(name: (typeof names)[number], handler: Handler | Promise<Handler>) {
  const path = join(tempDir('leaving'), 's')
  const lines: string[] = []
  const options = { path, protocols: [name], stderr: (line: string) => void lines.push(line) }
  const daemon = await serveDaemon(await handler, options)
  cleanups.push(() => daemon.close(0))
  const send = (length = upload.length): Socket => {
    const socket = connect(path).on('error', () => {})
    cleanups.push(() => socket.destroy())
    socket.write(spoken[name](length), 'latin1')
    return socket
  }
  return { send, lines }
}

const room = () => {
  const base = tempDir('room')
  const directory = join(base, 'stored')
  mkdirSync(directory)
  return { directory, kept: join(base, 'kept') }
}

const empty = (directory: string) => until(() => readdirSync(directory).length === 0)

describe.each(names)('over %s', (name) => {
  it.each(['fetch', 'node'])(
    'a %s app can still use its files after the client has disconnected',
    async (style) => {
      const { directory, kept } = room()
      const [stored, left, moved] = [gate(), gate(), gate()]
      const work = async (data: Form) => {
        stored.open()
        await left.passed
        expect(await data.file('f')?.text()).toBe('content')
        await data.file('f')?.move(kept)
        moved.open()
      }
      const app: Handler | Promise<Handler> =
        style === 'fetch'
          ? fetchHandler({
              async fetch(request) {
                request.signal.addEventListener('abort', left.open)
                await work(await form(request, { directory }))
                return new Response()
              },
            })
          : nodeHandler(async (req, res) => {
              res.on('close', left.open)
              await work(await form(req, { directory }))
              res.end()
            })
      const { send } = await serve(name, app)
      const socket = send()
      await stored.passed
      socket.destroy()
      await moved.passed
      expect(readFileSync(kept, 'utf8')).toBe('content')
      expect(await empty(directory)).toBe(true)
    },
  )

  it('a client that disconnects during its upload leaves no files', async () => {
    const { directory } = room()
    const ended = gate()
    let error: unknown
    const app = fetchHandler({
      async fetch(request) {
        try {
          await form(request, { directory })
        } catch (thrown) {
          error = thrown
        }
        ended.open()
        return new Response()
      },
    })
    const { send } = await serve(name, app)
    const socket = send(upload.length - 25)
    expect(await until(() => readdirSync(directory).length === 1)).toBe(true)
    socket.destroy()
    await ended.passed
    expect(error).toMatchObject({ code: expect.stringMatching(/^REQUEST_(ABORTED|BODY_SHORT)$/) })
    expect(await empty(directory)).toBe(true)
  })

  it('a client that disconnects during the reply', async () => {
    const { directory } = room()
    const app = fetchHandler({
      async fetch(request) {
        await form(request, { directory })
        return new Response(new ReadableStream({ start: (to) => to.enqueue(Buffer.from('first')) }))
      },
    })
    const { send } = await serve(name, app)
    const socket = send()
    await new Promise((resolve) => socket.once('data', resolve))
    expect(readdirSync(directory)).toHaveLength(1)
    socket.destroy()
    expect(await empty(directory)).toBe(true)
  })
})

describe('a third-party server', () => {
  const forms = async (directory: string, listener: (app: RequestListener) => RequestListener) => {
    const replied: string[] = []
    const app = listener(async (req, res) => {
      const data = await form(req, { directory })
      replied.push((await data.file('f')?.text()) ?? '')
      expect(readdirSync(directory)).toHaveLength(1)
      res.end('done')
    })
    return { app, replied }
  }

  it.each([
    ['http', (app: RequestListener) => app],
    [
      'Express, which sets req.res',
      (app: RequestListener): RequestListener =>
        (req, res) => {
          Object.assign(req, { res })
          return app(req, res)
        },
    ],
  ])('node:%s: at the close of the response', async (_, listener) => {
    const { directory } = room()
    const { app, replied } = await forms(directory, listener)
    const server = createServer(app).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    cleanups.push(() => server.close())
    const { port } = server.address() as AddressInfo
    // Twice over the same connection.
    for (let i = 1; i <= 2; i++) {
      const headers = { 'content-type': multipartType }
      const body = new Uint8Array(upload)
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body })
      expect(await response.text()).toBe('done')
      expect(await empty(directory)).toBe(true)
      expect(replied).toHaveLength(i)
    }
  })

  it('node:http2', async () => {
    const { directory } = room()
    const { app } = await forms(directory, (listener) => listener)
    const server = createHttp2(app as never).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const client = http2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    cleanups.push(
      () => server.close(),
      () => client.destroy(),
    )
    const stream = client.request({ ':method': 'POST', ':path': '/', 'content-type': multipartType })
    stream.end(upload)
    const pieces: Buffer[] = []
    for await (const piece of stream) pieces.push(piece)
    expect(Buffer.concat(pieces).toString()).toBe('done')
    expect(await empty(directory)).toBe(true)
  })
})

it('runCgi(), which does not end the process: after its request and its work after the reply', async () => {
  const { directory } = room()
  let later: Promise<string | undefined> | undefined
  const app = {
    async fetch(request: Request, _env: unknown, context: FetchContext) {
      const data = await form(request, { directory })
      later = new Promise((resolve) => setTimeout(resolve, 50)).then(() => data.file('f')?.text())
      context.waitUntil(later)
      return new Response()
    },
  }
  const variables = { REQUEST_METHOD: 'POST', REQUEST_URI: '/', CONTENT_TYPE: multipartType }
  const { status } = await runCgi(app, {
    env: { ...variables, CONTENT_LENGTH: String(upload.length) },
    stdin: Readable.from([upload]),
    stdout: new PassThrough().resume(),
  })
  expect(status).toBe(200)
  expect(await later).toBe('content')
  expect(await empty(directory)).toBe(true)
})

it('a process that has served many forms keeps nothing of them: no directory, no listener', async () => {
  const { directory } = room()
  const listeners = () => ['exit', 'SIGINT', 'SIGHUP', 'SIGTERM'].map((name) => process.listenerCount(name))
  let most = 0
  const { send } = await serve(
    'http',
    fetchHandler({
      async fetch(request) {
        const data = await form(request, { directory })
        most = Math.max(most, process.listenerCount('exit'))
        return new Response(await data.file('f')?.text())
      },
    }),
  )
  const before = listeners()
  const ask = () =>
    new Promise<void>((resolve) => {
      const socket = send()
      socket.once('data', () => socket.destroy()).once('close', resolve)
    })
  await Promise.all(Array.from({ length: 40 }, ask))
  expect(await empty(directory)).toBe(true)
  expect(most).toBe((before[0] as number) + 1)
  expect(await until(() => String(listeners()) === String(before))).toBe(true)
})
