/** Bodies that are read into memory have a size limit; bodies that are streamed have none. */
import { connect } from 'node:net'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { fetchHandler } from '../../src/app/fetch.js'
import { receiveRequest } from '../../src/app/fetch-request.js'
import type { FetchApp } from '../../src/app/types.js'
import { wholeBodyLimit } from '../../src/app/whole-body.js'
import { runCgi } from '../../src/cgi.js'
import type { Exchange, Gateway } from '../../src/core/exchange.js'
import { Environment } from '../../src/env/environment.js'
import { translate } from '../../src/env/request.js'
import { form } from '../../src/form.js'
import { serveDaemon } from '../../src/process/daemon.js'
import { memory } from '../../src/test.js'
import { begin, params } from '../fastcgi/peer.js'
import { tempDir } from '../support/temp.js'

const MiB = 1 << 20
const gateway: Gateway = { protocol: 'memory', role: 'responder', runOnce: false, multiprocess: false }

/** An exchange with a body of this size, in chunks that share their memory. */
function exchangeOf(size: number, announced: boolean, more: Partial<Exchange> = {}) {
  const piece = Buffer.alloc(MiB, 'x')
  const body = { left: size, cancelled: false }
  const exchange: Exchange = {
    env: new Environment(['REQUEST_METHOD', 'POST', 'REQUEST_URI', '/', 'CONTENT_TYPE', 'text/plain']),
    stdin: {
      length: announced ? size : null,
      async read() {
        if (body.left === 0 || body.cancelled) return null
        const next = piece.subarray(0, Math.min(MiB, body.left))
        body.left -= next.length
        return next
      },
      cancel() {
        body.cancelled = true
      },
    },
    signal: new AbortController().signal,
    gateway,
    stderr() {},
    waitUntil() {},
    ...more,
  }
  return { exchange, body }
}

type Ask = (request: Request) => Promise<unknown>

/** The request of a fetch app, in each of the two implementations. */
const made: Readonly<Record<string, (exchange: Exchange) => Promise<Request>>> = {
  async platform(exchange) {
    let got: Request | undefined
    const app = fetchHandler({
      fetch(request) {
        got = request
        return new Response()
      },
    })
    await app(exchange)
    return got as Request
  },
  light: async (exchange) =>
    receiveRequest(exchange, translate(exchange.env, { bodyLength: exchange.stdin.length }), false),
}

async function ask(request: Request, act: Ask): Promise<string> {
  try {
    return `took ${await act(request)}`
  } catch (error) {
    const { code, status, message } = error as Error & { code?: string; status?: number }
    return `${code} ${status} ${message}`
  }
}

const methods: Readonly<Record<string, Ask>> = {
  text: async (request) => (await request.text()).length,
  json: (request) => request.json(),
  arrayBuffer: async (request) => (await request.arrayBuffer()).byteLength,
  formData: (request) => request.formData(),
  blob: async (request) => (await request.blob()).size,
  'text of a clone': async (request) => (await request.clone().text()).length,
}

const stream: Ask = async (request) => {
  let size = 0
  for await (const piece of request.body ?? []) size += piece.length
  return size
}

describe.each(Object.entries(made))('the %s Request', (name, make) => {
  it('is of that implementation', async () => {
    const request = await make(exchangeOf(1, true).exchange)
    expect(Object.getPrototypeOf(request) === Request.prototype).toBe(name === 'platform')
  })

  describe.each([
    ['announced', true],
    ['without a length', false],
  ])('a body %s', (_, announced) => {
    // Without a length, the whole body has to arrive before it is too large: a smaller limit saves time.
    const [max, option] = announced ? [64 * MiB, {}] : [MiB, { maxBodyBytes: MiB }]

    it.each(Object.entries(methods))('%s: 413 above the limit', async (_, method) => {
      const { exchange, body } = exchangeOf(max + 1, announced, option)
      const text = await ask(await make(exchange), method)
      const size = announced ? `The request body of ${max + 1} bytes` : 'The request body'
      expect(text).toMatch(
        new RegExp(`^REQUEST_TOO_LARGE 413 ${size} exceeds the limit maxBodyBytes \\(${max}\\)`),
      )
      expect(text).toContain('read request.body in chunks')
      // The rest of the body is not read.
      if (announced) expect(body.left).toBe(max + 1)
    })

    it('a body of exactly the limit is accepted, and a streamed body of any size', async () => {
      const exact = exchangeOf(max, announced, option)
      expect(await ask(await make(exact.exchange), methods.arrayBuffer as Ask)).toBe(`took ${max}`)
      const large = exchangeOf(max + 9 * MiB, announced, option)
      expect(await ask(await make(large.exchange), stream)).toBe(`took ${max + 9 * MiB}`)
    })

    it('the option sets the limit: lower, higher, none', async () => {
      const less = exchangeOf(11, announced, { maxBodyBytes: 10 })
      expect(await ask(await make(less.exchange), methods.text as Ask)).toContain('maxBodyBytes (10)')
      const fits = exchangeOf(10, announced, { maxBodyBytes: 10 })
      expect(await ask(await make(fits.exchange), methods.text as Ask)).toBe('took 10')
      // A body with Content-Length is judged by that alone.
      for (const maxBodyBytes of announced ? [65 * MiB, Number.POSITIVE_INFINITY] : []) {
        const more = exchangeOf(65 * MiB, announced, { maxBodyBytes })
        expect(await ask(await make(more.exchange), methods.arrayBuffer as Ask)).toBe(`took ${65 * MiB}`)
      }
    })

    it('a body that was already read gives the usual error', async () => {
      const twice: Ask = async (request) => {
        await request.text()
        return request.text()
      }
      expect(await ask(await make(exchangeOf(5, announced).exchange), twice)).toMatch(
        /^undefined undefined Body is unusable/,
      )
    })
  })

  it('a program that wraps the body in a Response reads it in chunks', async () => {
    const own: Ask = async (request) => (await new Response(request.body).arrayBuffer()).byteLength
    expect(await ask(await make(exchangeOf(65 * MiB, true).exchange), own)).toBe(`took ${65 * MiB}`)
  })
})

/** The head of a request whose body would be one byte too large. No byte of the body needs to arrive. */
const LENGTH = 64 * MiB + 1
const app: FetchApp = {
  async fetch(request) {
    return new Response(String((await request.text()).length))
  },
}

describe('every gateway answers 413 by default', () => {
  const variables = ['REQUEST_METHOD', 'POST', 'REQUEST_URI', '/', 'SERVER_NAME', 'x', 'SERVER_PORT', '80']
  const scgiHead = ['CONTENT_LENGTH', String(LENGTH), 'SCGI', '1', ...variables]
    .map((text) => `${text}\0`)
    .join('')
  it.each([
    ['http', `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${LENGTH}\r\n\r\n`],
    ['fastcgi', begin(1, 1, 0) + params(1, [...variables, 'CONTENT_LENGTH', String(LENGTH)])],
    ['scgi', `${scgiHead.length}:${scgiHead},`],
  ] as const)('%s', async (protocol, head) => {
    const path = join(tempDir('limit'), 's')
    const lines: string[] = []
    const options = { path, protocols: [protocol], stderr: (line: string) => void lines.push(line) }
    const daemon = await serveDaemon(fetchHandler(app), options)
    const socket = connect(path).on('error', () => {})
    try {
      socket.write(head, 'latin1')
      const first = await new Promise<Buffer>((resolve) => socket.once('data', resolve))
      expect(first.toString('latin1')).toMatch(/(?:HTTP\/1\.1|Status:) 413/)
      expect(lines.join('')).toContain('exceeds the limit maxBodyBytes (67108864)')
    } finally {
      socket.destroy()
      await daemon.close(0)
    }
  })

  it('cgi', async () => {
    const env = { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'POST', SCRIPT_NAME: '', REQUEST_URI: '/' }
    const stdout = new PassThrough()
    const stdin = Readable.from([Buffer.from('x')])
    let stderr = ''
    const write = (text: string) => {
      stderr += text
    }
    const all = env as Record<string, string>
    all.CONTENT_LENGTH = String(LENGTH)
    const result = await runCgi(app, { env: all, stdin, stdout, stderr: { write } })
    expect(result.status).toBe(413)
    expect(stderr).toContain('maxBodyBytes (67108864)')
    // The option also limits streamed bodies.
    const pieces: FetchApp = {
      fetch: async (request) => new Response(String((await form(request)).fields.length)),
    }
    all.CONTENT_LENGTH = '20'
    all.CONTENT_TYPE = 'application/x-www-form-urlencoded'
    const options = { env: all, stdin: Readable.from(['a=1']), stdout: new PassThrough(), stderr: { write } }
    expect((await runCgi(pieces, { ...options, maxBodyBytes: 10 })).status).toBe(413)
    expect(stderr).toContain('maxBodyBytes (10)')
  })

  it('memory', async () => {
    async function* large() {
      for (let i = 0; i <= 64; i++) yield Buffer.alloc(MiB)
    }
    const { status } = await memory(app).fetch('/', { method: 'POST', body: large() })
    expect(status).toBe(413)
  })
})

it('the default is 64 MiB', () => {
  expect(wholeBodyLimit({})).toBe(67_108_864)
})
