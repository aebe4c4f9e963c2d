/**
 * Clients that send pipelined requests: these run one at a time, and none runs for a client that has
 * disconnected.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { Exchange, Handler, Reply } from '../../src/core/exchange.js'
import { cgiBin } from '../../src/host.js'
import { type HttpOptions, serveHttp } from '../../src/http/server/server.js'
import { serveDaemon } from '../../src/process/daemon.js'
import { scripts, sh } from '../host/support.js'
import { processesIn, until } from '../support/processes.js'
import { readAll, slowly, text } from './replies.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

type Start = (
  handler: Handler,
  options: HttpOptions,
) => Promise<{ address: AddressInfo | string; close(): unknown }>

const ways: [string, Start][] = [
  [
    'development',
    async (handler, options) => {
      const server = await serveHttp(handler, options)
      return { address: server.address, close: () => server.close({ graceMs: 100 }) }
    },
  ],
  [
    'a persistent process',
    async (handler, options) => {
      const daemon = await serveDaemon(handler, { ...options, protocols: ['http', 'fastcgi'] })
      return { address: daemon.address, close: () => daemon.close(100) }
    },
  ],
]

const get = (path = '/', more = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`

describe.each(ways)('%s', (_, start) => {
  async function serve(handler: Handler, options: HttpOptions = {}) {
    let log = ''
    const note = (more: string) => {
      log += more
    }
    const all = { port: 0, stderr: note, ...options }
    const server = await start(handler, all)
    cleanups.push(() => server.close())
    const open = (bytes: string): Socket & { got: string } => {
      const socket = connect((server.address as AddressInfo).port, '127.0.0.1').on('error', () => {})
      cleanups.push(() => socket.destroy())
      socket.write(Buffer.from(bytes, 'latin1'))
      return Object.assign(socket, { got: '' })
    }
    const talk = async (bytes: string): Promise<string> => {
      const socket = open(bytes)
      socket.on('data', (piece) => {
        socket.got += piece.toString('latin1')
      })
      // Rejects if the server closed the connection with unread data.
      await once(socket, 'close').catch(() => {})
      return socket.got
    }
    return { server, open, talk, log: () => log }
  }

  /** Counts concurrent calls. */
  function counting(handler: Handler) {
    const seen = { begun: 0, most: 0, aborted: 0 }
    let now = 0
    const counted: Handler = async (exchange) => {
      seen.begun++
      seen.most = Math.max(seen.most, ++now)
      exchange.signal.addEventListener('abort', () => seen.aborted++)
      try {
        return await handler(exchange)
      } finally {
        now--
      }
    }
    return { seen, counted }
  }

  const last = get('/last', 'Connection: close\r\n')
  const bodies = (got: string) => got.match(/<[^>]*>/g)

  test('requests are answered one at a time, in order, including bodies and HEAD', async () => {
    const { seen, counted } = counting(async (exchange: Exchange): Promise<Reply> => {
      const body = (await readAll(exchange)).toString()
      const name = `<${exchange.env.get('REQUEST_URI')}${body}>`
      return text(name.length % 2 ? name : slowly([name, '']))
    })
    const { talk } = await serve(counted)
    const post = (path: string, more = '') =>
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n${more}\r\nbody`
    const head = 'HEAD /h HTTP/1.1\r\nHost: localhost\r\n\r\n'
    const chunked =
      'PUT /c HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
    const expects = post('/e', 'Expect: 100-continue\r\n')
    const got = await talk(get('/1') + post('/22') + head + chunked + expects + get('/3') + last)
    expect(bodies(got)).toEqual(['</1>', '</22body>', '</cabc>', '</ebody>', '</3>', '</last>'])
    expect(seen).toEqual({ begun: 7, most: 1, aborted: 0 })
  })

  test('5,000 requests sent at once all get their replies', async () => {
    const { seen, counted } = counting((exchange) => text(`<${exchange.env.get('REQUEST_URI')}>`))
    const { talk } = await serve(counted)
    const paths = Array.from({ length: 5000 }, (_, i) => `/${i}`)
    const got = await talk(paths.map((path) => get(path)).join('') + last)
    expect(bodies(got)).toEqual([...paths, '/last'].map((path) => `<${path}>`))
    expect(seen.most).toBe(1)
  })

  test.each([
    ['is silent', () => new Promise<Reply>(() => {})],
    ['streams', (exchange: Exchange) => text(forever(exchange.signal))],
    ['streams without looking at its signal', () => text(forever())],
  ] as const)('a client that leaves while the app %s', async (_, handler) => {
    let returned = 0
    const { seen, counted } = counting(async (exchange) => {
      const reply = await handler(exchange)
      return { ...reply, body: watched(reply.body as AsyncIterable<Uint8Array>, () => returned++) }
    })
    const { open } = await serve(counted)
    for (const count of [2, 30, 900]) {
      const socket = open(get('/').repeat(count))
      const before = seen.begun
      await until(() => seen.begun > before)
      socket.destroy()
    }
    expect(await until(() => seen.aborted === 3)).toBe(true)
    expect(seen.begun).toBe(3)
    if (!_.includes('silent')) expect(await until(() => returned === 3)).toBe(true)
  })

  test('requests that wait for a reply that never comes are buffered only up to a limit', async () => {
    const { seen, counted } = counting(() => new Promise(() => {}))
    const { talk, log } = await serve(counted, { sendTimeoutMs: 200 })
    expect(await talk(get('/').repeat(20_000))).toBe('')
    expect(seen.begun).toBe(1)
    expect(await until(() => seen.aborted === 1)).toBe(true)
    expect(log()).toContain('sent more than 4000 pipelined requests; the connection is closed')
  })

  test.each([
    ['a reply that breaks', () => text(broken()), ''],
    ['Connection: close of the client', () => text('<x>'), 'Connection: close\r\n'],
    ['a verbatim reply', () => ({ ...text('HTTP/1.1 200 OK\r\n\r\n<v>'), verbatim: true }), ''],
  ])('nothing behind %s is served', async (_, reply, more) => {
    const { seen, counted } = counting(reply)
    const { talk } = await serve(counted)
    await talk(get('/1', more) + get('/2') + get('/3'))
    expect(seen.begun).toBe(1)
  })

  test('when the server ends: the running request gets its reply, later ones are not started', async () => {
    let go = () => {}
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    const { seen, counted } = counting(async () => {
      await gate
      return text('<done>')
    })
    const { server, open } = await serve(counted)
    const socket = open(get('/').repeat(10))
    socket.on('data', (piece) => {
      socket.got += piece.toString('latin1')
    })
    await until(() => seen.begun === 1)
    const closed = server.close()
    setTimeout(go, 20)
    await once(socket, 'close')
    await closed
    expect(bodies(socket.got)).toEqual(['<done>'])
    expect(seen.begun).toBe(1)
  })
})

test('cgiup host: none of 30 requested scripts continues to run', async () => {
  const directory = scripts({
    'x.cgi': sh('printf "Content-Type: text/plain\\n\\n"; while :; do echo x; sleep 0.1; done'),
  })
  const server = await serveHttp(cgiBin(directory), { port: 0, stderr: () => {} })
  cleanups.push(() => server.close({ graceMs: 0 }))
  const socket = connect((server.address as AddressInfo).port, '127.0.0.1').on('error', () => {})
  socket.write(get('/x.cgi').repeat(30))
  expect(await until(() => processesIn(directory).length > 0)).toBe(true)
  socket.destroy()
  expect(await until(() => processesIn(directory).length === 0)).toBe(true)
})

async function* forever(signal?: AbortSignal) {
  while (!signal?.aborted) {
    yield Buffer.from('x')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function* broken() {
  yield Buffer.from('part')
  throw new Error('broken')
}

async function* watched(body: AsyncIterable<Uint8Array>, returned: () => void) {
  try {
    yield* body
  } finally {
    returned()
  }
}
