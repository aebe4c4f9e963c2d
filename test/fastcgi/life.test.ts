/**
 * The life of a request: the order of events, what waits for what, and notifications of a client disconnect.
 */
import { describe, expect, test } from 'vitest'
import { toHandler } from '../../src/app/handler.js'
import type { App } from '../../src/app/types.js'
import { RecordType } from '../../src/fastcgi/codec/record.js'
import { until } from '../support/processes.js'
import { begin, get, type Peer, params, record, stdin, stdinEnd } from './peer.js'
import { gate, serve, text } from './serving.js'

const upload = (id: number, length: number, keep = 1) =>
  begin(id, 1, keep) +
  params(id, ['REQUEST_METHOD', 'POST', 'REQUEST_URI', '/', 'CONTENT_LENGTH', String(length)])

describe('a reply before the body', () => {
  test('the head and the first chunk are sent before the body arrives, then the body is echoed', async () => {
    const { peer } = await serve(
      await toHandler({
        fetch(request) {
          const reader = (request.body as ReadableStream<Uint8Array>).getReader()
          const body = new ReadableStream({
            start: (controller) => controller.enqueue(Buffer.from('first ')),
            async pull(controller) {
              const { done, value } = await reader.read()
              if (done) controller.close()
              else controller.enqueue(value)
            },
          })
          return new Response(body, { headers: { 'Content-Type': 'text/plain' } })
        },
      }),
    )
    const p = peer()
    p.send(upload(1, 10))
    await p.until(() => p.answer(1).body === 'first ')
    p.send(stdin(1, '01234'))
    await p.until(() => p.answer(1).body === 'first 01234')
    p.send(stdin(1, '56789') + stdinEnd(1))
    expect((await p.ended(1)).body).toBe('first 0123456789')
  })

  test('with KEEP_CONN what is not read of a body is ignored, and the next request is served', async () => {
    const { peer, log } = await serve(() => text('refused', 413))
    const p = peer()
    for (let id = 1; id <= 3; id++) {
      p.send(upload(id, 1_000_000) + stdin(id, 'x'.repeat(100_000)))
      expect((await p.ended(id)).body).toBe('refused')
      p.send(stdin(id, 'x'.repeat(900_000)))
      p.send(stdinEnd(id))
    }
    p.send(get(9))
    await p.ended(9)
    expect(log).toEqual([])
  })
})

/** How a client disconnects. */
const leavings: [name: string, leave: (p: Peer) => void][] = [
  ['the connection is closed', (p) => p.socket.end()],
  ['the connection breaks', (p) => p.socket.destroy()],
  ['ABORT_REQUEST', (p) => p.send(record(RecordType.ABORT_REQUEST, 1))],
]

describe.each(leavings)('the client disconnects: %s', (_, leave) => {
  test('a fetch app: the signal aborts, the body of the request fails, that of the reply is cancelled', async () => {
    const seen: string[] = []
    const app: App = {
      fetch(request) {
        request.signal.addEventListener('abort', () => seen.push('signal'))
        request.text().catch((error) => seen.push(`body ${error.code}`))
        const body = new ReadableStream({
          pull: (controller) => controller.enqueue(Buffer.from('a')),
          cancel: () => void seen.push('reply cancelled'),
        })
        return new Response(body, { headers: { 'Content-Type': 'text/plain' } })
      },
    }
    const { peer, log } = await serve(await toHandler(app))
    const p = peer()
    p.send(upload(1, 10))
    await p.until(() => p.answer(1).body !== '')
    leave(p)
    await until(() => seen.length === 3)
    expect(seen.sort()).toEqual(['body REQUEST_ABORTED', 'reply cancelled', 'signal'])
    expect(log).toEqual([])
  })

  test("a Node app: 'aborted' and 'close' of req, 'close' of res, both destroyed", async () => {
    const seen: string[] = []
    const app: App = (req, res) => {
      req.on('aborted', () => seen.push('req aborted'))
      req.on('error', (error) => seen.push(`req ${(error as NodeJS.ErrnoException).code}`))
      req.on('close', () => seen.push(`req close ${req.destroyed}`))
      res.on('close', () => seen.push(`res close ${res.destroyed} ${res.writableFinished}`))
      req.resume()
      res.setHeader('Content-Type', 'text/plain')
      res.write('begun')
    }
    const { peer, log } = await serve(await toHandler(app))
    const p = peer()
    p.send(upload(1, 10))
    await p.until(() => p.answer(1).body === 'begun')
    leave(p)
    await until(() => seen.length === 4)
    expect(seen.sort()).toEqual(['req ECONNRESET', 'req aborted', 'req close true', 'res close true false'])
    expect(log).toEqual([])
  })

  test('apps that stop before their reply, because the signal aborted, cause no log line', async () => {
    const entered = [gate(), gate()] as const
    const apps: App[] = [
      (_req, res) => {
        res.on('close', () => {})
        entered[0].open()
      },
      {
        fetch: ({ signal }) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason))
            entered[1].open()
          }),
      },
    ]
    for (const [at, app] of apps.entries()) {
      const { peer, log, service } = await serve(await toHandler(app))
      const p = peer()
      p.send(get(1))
      await entered[at]?.passed
      leave(p)
      await until(() => service.running === 0 && service.connections.size <= 1)
      // The rejection passes through several promises.
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(log).toEqual([])
    }
  })

  test('a handler that has not answered yet: its late answer goes nowhere', async () => {
    const entered = gate()
    const late = gate()
    let aborted = false
    const { peer, log, service } = await serve(async (exchange) => {
      exchange.signal.addEventListener('abort', () => {
        aborted = true
      })
      entered.open()
      await late.passed
      return text('late')
    })
    const p = peer()
    p.send(get(1))
    await entered.passed
    leave(p)
    await until(() => aborted)
    late.open()
    await until(() => service.running === 0)
    expect(p.answer(1).stdout).toBe('')
    expect(log).toEqual([])
  })
})

describe('back-pressure', () => {
  test('a reply of 64 MiB waits for a client that does not read; then it comes whole', async () => {
    const size = 64 << 20
    let made = 0
    const piece = Buffer.alloc(65536, 'r')
    const { peer } = await serve(({ env }) =>
      env.get('X')
        ? text('quick')
        : text(
            (async function* () {
              for (; made < size; made += piece.length) yield piece
            })(),
          ),
    )
    const p = peer()
    p.socket.pause()
    p.send(get(1))
    await until(() => made > 65536)
    let before = -1
    // Until no more chunks are produced while other requests are served.
    while (before !== made) {
      before = made
      for (let i = 0; i < 5; i++) {
        const q = peer()
        q.send(get(1, ['X', '1'], false))
        await q.close()
      }
    }
    expect(made).toBeLessThan(2 << 20)
    let got = 0
    p.socket.on('data', (chunk) => {
      got += chunk.length
    })
    p.socket.resume()
    await until(() => got > size, 20_000)
    expect(made).toBe(size)
  })

  test('a reply that waits holds up no other one on another connection, nor its own aborting', async () => {
    let returned = false
    const { peer, service } = await serve(() =>
      text(
        (async function* () {
          try {
            for (;;) yield Buffer.alloc(65536)
          } finally {
            returned = true
          }
        })(),
      ),
    )
    const p = peer()
    p.socket.pause()
    p.send(get(1))
    await until(() => service.running === 1)
    p.socket.destroy()
    await until(() => returned)
    expect(returned).toBe(true)
  })
})

describe('after the reply', () => {
  test('waitUntil work runs on after END_REQUEST, and its failure is a line in the log', async () => {
    const work = gate()
    let done = false
    const { peer, log } = await serve(
      await toHandler({
        fetch(_request, _env, context) {
          context.waitUntil(
            work.passed.then(() => {
              done = true
              throw new Error('too late to matter')
            }),
          )
          return new Response('answered')
        },
      }),
    )
    const p = peer()
    p.send(get(1, [], false))
    await p.close()
    expect(p.answer(1).protocolStatus).toBe(0)
    expect(done).toBe(false)
    work.open()
    await until(() => log.length > 0)
    expect(log.join('')).toContain('too late to matter')
  })

  test('stderr output of a request after its end goes to the log of the process', async () => {
    const { peer, log } = await serve((exchange) => {
      setImmediate(() => setImmediate(() => exchange.stderr('afterwards\n')))
      return text('')
    })
    const p = peer()
    p.send(get(1))
    expect((await p.ended(1)).stderr).toBe('')
    await until(() => log.length > 0)
    expect(log).toEqual(['afterwards\n'])
  })

  test('an error of the app is in FCGI_STDERR with the request, and in the log of a process of its own', async () => {
    const handler = () => {
      throw new Error('my mistake')
    }
    for (const logErrors of [true, false]) {
      const { peer, log } = await serve(handler, { logErrors })
      const p = peer()
      p.send(get(1))
      const { stderr, status } = await p.ended(1)
      expect(status).toBe('500')
      expect(stderr).toMatch(/^cgiup: GET \/: Error: my mistake\n {4}at /)
      expect(log).toEqual(logErrors ? [stderr] : [])
    }
  })
})
