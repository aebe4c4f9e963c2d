import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express from 'express'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RequestError } from '../../src/core/errors.js'
import type { Exchange } from '../../src/core/exchange.js'
import { Environment } from '../../src/env/environment.js'
import { type FormOptions, form } from '../../src/form.js'
import { failure, field, file, multipart, multipartType, request, urlencodedType } from './bodies.js'

let room: string
beforeEach(async () => {
  room = await mkdtemp(join(tmpdir(), 'cgiup-test-'))
})
afterEach(() => rm(room, { recursive: true, force: true }))

type Listener = (req: IncomingMessage, res: ServerResponse) => void

async function serving<T>(listener: Listener, use: (port: number) => Promise<T>): Promise<T> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  try {
    return await use((server.address() as AddressInfo).port)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** Replies with the content of the form, or with the status of the error. */
function answer(options?: FormOptions): Listener {
  return async (req, res) => {
    try {
      const data = await form(req, options)
      res.end(JSON.stringify([data.fields, data.files.map(({ name, size }) => [name, size])]))
      await data.dispose()
    } catch (error) {
      res.writeHead((error as RequestError).status ?? 500).end((error as Error).message)
    }
  }
}

describe('a Node request', () => {
  const body = multipart(field('a', '1'), file('f', 'f.txt', Buffer.alloc(300_000, 'x')))

  test('yields its form', () =>
    serving(answer(), async (port) => {
      const reply = await fetch(`http://127.0.0.1:${port}/`, {
        method: 'POST',
        headers: { 'content-type': multipartType },
        body: Uint8Array.from(body),
      })
      expect(await reply.json()).toEqual([[{ name: 'a', value: '1' }], [['f.txt', 300_000]]])
    }))

  test('the client gets the 413 while it is still sending, and the connection stays open', () =>
    serving(answer({ fileSize: 1000 }), async (port) => {
      const statuses: unknown[] = []
      for (let turn = 0; turn < 2; turn++) {
        statuses.push(
          await new Promise((resolve, reject) => {
            const headers = { 'content-type': multipartType, 'transfer-encoding': 'chunked' }
            const client = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers }, (reply) => {
              reply.resume().on('end', () => resolve(reply.statusCode))
            })
            client.on('error', reject)
            for (let at = 0; at < body.length; at += 10_000) client.write(body.subarray(at, at + 10_000))
            client.end()
          }),
        )
      }
      expect(statuses).toEqual([413, 413])
    }))

  test('a client disconnect is REQUEST_ABORTED, and the files are removed', async () => {
    let outcome: Promise<Error & { code?: string }> | undefined
    let arrived = () => {}
    const fileArrived = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const listener: Listener = (req) => {
      outcome = failure(form(req, { directory: room }))
      req.once('data', () => setImmediate(arrived))
    }
    await serving(listener, async (port) => {
      const socket = connect(port, '127.0.0.1')
      socket.write(
        `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${multipartType}\r\nContent-Length: ${body.length}\r\n\r\n`,
      )
      socket.write(body.subarray(0, 100_000))
      await fileArrived
      socket.destroy()
      await expect.poll(() => outcome).toBeDefined()
      expect(await outcome).toMatchObject({ name: 'RequestError', code: 'REQUEST_ABORTED' })
      expect(await readdir(room)).toEqual([])
    })
  })

  test('in Express, next to other routes', async () => {
    const app = express().post('/form', answer({ store: 'memory' }))
    await serving(app, async (port) => {
      const reply = await fetch(`http://127.0.0.1:${port}/form`, {
        method: 'POST',
        headers: { 'content-type': urlencodedType },
        body: 'a=1',
      })
      expect(await reply.json()).toEqual([[{ name: 'a', value: '1' }], []])
    })
  })

  test('a body parser that ran before: an error that says so, never a hang', async () => {
    const app = express()
      .use(express.urlencoded({ extended: false }))
      .post('/', answer())
    await serving(app, async (port) => {
      const reply = await fetch(`http://127.0.0.1:${port}/`, {
        method: 'POST',
        headers: { 'content-type': urlencodedType },
        body: 'a=1',
      })
      expect(reply.status).toBe(500)
      expect(await reply.text()).toContain('body parser')
    })
  })
})

describe('a fetch Request', () => {
  test('whose body was read is refused', async () => {
    const sent = request(urlencodedType, 'a=1')
    await sent.text()
    expect(await failure(form(sent))).toMatchObject({ name: 'UsageError', code: 'FORM_SOURCE' })
  })

  test('whose body breaks: REQUEST_ABORTED, or our own error that caused it', async () => {
    const broken = (reason: unknown) => {
      const body = new ReadableStream({ pull: (controller) => controller.error(reason) })
      const headers = { 'content-type': urlencodedType }
      return form(new Request('http://x/', { method: 'POST', headers, body, duplex: 'half' } as RequestInit))
    }
    const cause = new TypeError('terminated')
    expect(await failure(broken(cause))).toMatchObject({ code: 'REQUEST_ABORTED', cause })
    const short = new RequestError('REQUEST_BODY_SHORT')
    expect(await failure(broken(short))).toBe(short)
  })

  test('the signal of the request or of the caller ends the wait', async () => {
    for (const whose of ['request', 'caller']) {
      const stop = new AbortController()
      let cancelled = false
      const body = new ReadableStream({
        cancel: () => {
          cancelled = true
        },
      })
      const sent = {
        headers: new Headers({ 'content-type': urlencodedType }),
        body,
        signal: whose === 'request' ? stop.signal : null,
      }
      const pending = failure(form(sent, whose === 'caller' ? { signal: stop.signal } : {}))
      stop.abort()
      expect(await pending).toMatchObject({ code: 'REQUEST_ABORTED' })
      expect(cancelled).toBe(true)
      expect(await failure(form(sent, { signal: stop.signal }))).toMatchObject({ code: 'REQUEST_ABORTED' })
    }
  })
})

describe('an Exchange', () => {
  function exchange(type: string, body: string | Buffer, cancelled = () => {}): Exchange {
    const pieces = [Buffer.from(body)]
    return {
      env: new Environment(['REQUEST_METHOD', 'POST', 'CONTENT_TYPE', type]),
      stdin: { length: null, read: async () => pieces.shift() ?? null, cancel: cancelled },
      signal: new AbortController().signal,
      gateway: { protocol: 'memory', role: 'responder', runOnce: false, multiprocess: false },
      stderr: () => {},
      waitUntil: () => {},
    }
  }

  test('yields its form', async () => {
    expect((await form(exchange(urlencodedType, 'a=1&b=2'))).getAll('b')).toEqual(['2'])
    const body = multipart(file('f', 'f.txt', 'x'))
    expect((await form(exchange(multipartType, body), { store: 'memory' })).file('f')?.size).toBe(1)
  })

  test('its body is cancelled after an error', async () => {
    let cancelled = false
    const sent = exchange('text/plain', 'x', () => {
      cancelled = true
    })
    expect(await failure(form(sent))).toMatchObject({ status: 415 })
    expect(cancelled).toBe(true)
  })
})

test.each([undefined, null, 'a=1', {}, { headers: {} }, new Response('a=1').headers])(
  '%o is refused with a message that shows what is accepted',
  async (wrong) => {
    const error = await failure(form(wrong as never))
    expect(error).toMatchObject({ name: 'UsageError', code: 'FORM_SOURCE' })
    expect(error.message).toContain('c.req.raw')
  },
)
