/** The life of req and res: events, when a reply is sent, and work after it. */
import type { RequestListener } from 'node:http'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { nodeHandler } from '../../src/app/node.js'
import { iterate, openExchange, replyTo, text } from './node-exchange.js'

describe('the shape of the reply', () => {
  test('a response that ends at once is available at once, and not streamed', async () => {
    const serve = await nodeHandler((_, res) => res.end('hello'))
    expect(serve(await openExchange('/'))).toEqual({ status: 200, reason: 'OK', headers: [], body: 'hello' })
  })

  test('everything written in one turn is sent as one chunk', async () => {
    const reply = await replyTo((_, res) => {
      res.write('a')
      res.write('b')
      res.end('c')
    })
    expect(reply.body).toBe('abc')
  })

  test('a response that continues later is streamed, the chunks of one turn joined', async () => {
    const reply = await replyTo((_, res) => {
      res.write('a')
      res.write('b')
      setImmediate(() => {
        res.write('c')
        res.end('d')
      })
    })
    const pieces: string[] = []
    for await (const piece of reply.body as AsyncIterable<Uint8Array>)
      pieces.push(Buffer.from(piece).toString())
    expect(pieces).toEqual(['ab', 'cd'])
  })

  test('flushHeaders sends the head before the body', async () => {
    let end = () => {}
    const reply = await replyTo((_, res) => {
      res.setHeader('X-A', '1')
      res.flushHeaders()
      end = () => res.end('late')
    })
    expect(reply.headers).toEqual(['X-A', '1'])
    end()
    expect(await text(reply)).toBe('late')
  })

  test('corked output is held back', async () => {
    const reply = await replyTo((_, res) => {
      res.cork()
      res.write('a')
      setImmediate(() => {
        res.write('b')
        res.uncork()
        setImmediate(() => res.end('c'))
      })
    })
    const pieces = iterate(reply)
    expect(Buffer.from((await pieces.next()).value as Uint8Array).toString()).toBe('ab')
    expect(await text({ ...reply, body: { [Symbol.asyncIterator]: () => pieces } })).toBe('c')
  })

  test('Content-Disposition beyond ASCII keeps its bytes', async () => {
    const value = 'attachment; filename="\u00e9.txt"'
    const reply = await replyTo((_, res) => {
      res.setHeader('Content-Length', 1)
      res.setHeader('Content-Disposition', value)
      res.end('x')
    })
    expect(reply.headers).toEqual(['Content-Length', '1', 'Content-Disposition', value])
  })
})

/** Records events and state of a response, in order. */
function recorder(done: (log: string[]) => void): RequestListener {
  return (req, res) => {
    const log: string[] = []
    const note = (name: string) => () =>
      log.push(`${name} ended=${res.writableEnded} finished=${res.writableFinished} closed=${res.closed}`)
    for (const name of ['prefinish', 'finish', 'close']) res.on(name, note(`res ${name}`))
    req.on('aborted', () => log.push('req aborted'))
    res.on('close', () => done(log))
    log.push(`sent=${res.headersSent}`)
    res.end('hello', () => log.push('end callback'))
    log.push(
      `sent=${res.headersSent} ended=${res.writableEnded} status=${res.statusCode} ${res.statusMessage}`,
    )
  }
}

test('the events of a response are those of http.Server', async () => {
  const expected = await new Promise<string[]>((resolve) => {
    const server = http
      .createServer(recorder((log) => setImmediate(resolve, log)))
      .listen(0, '127.0.0.1', () => {
        http.get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent: false }, (res) => {
          res.resume()
          server.close()
        })
      })
  })
  const seen = await new Promise<string[]>((resolve) => {
    void replyTo(recorder((log) => setImmediate(resolve, log)))
  })
  expect(seen).toEqual(expected)
})

describe('a body that was not read', () => {
  /** An exchange whose body counts the reads. */
  async function counted() {
    const exchange = await openExchange('/', { body: Buffer.alloc(100) })
    const asked: string[] = []
    const { stdin } = exchange
    const counting = {
      length: 100,
      read: () => {
        asked.push('read')
        return stdin.read()
      },
      cancel: () => void asked.push('cancel'),
    }
    return { asked, exchange: Object.assign(exchange, { stdin: counting }) }
  }

  test('is cancelled at the end', async () => {
    const { asked, exchange } = await counted()
    const events: string[] = []
    const serve = await nodeHandler((req, res) => {
      for (const name of ['end', 'close', 'aborted']) req.on(name, () => events.push(name))
      res.end('no')
    })
    await serve(exchange)
    await turn()
    expect([asked, events]).toEqual([['cancel'], ['end', 'close']])
  })

  test('is read to its end if the app is reading it', async () => {
    const { asked, exchange } = await counted()
    let length = 0
    const serve = await nodeHandler((req, res) => {
      req.on('data', (piece) => {
        length += piece.length
      })
      res.end('early')
    })
    await serve(exchange)
    await turn()
    expect([asked, length]).toEqual([['read', 'read'], 100])
  })
})

describe('work after the reply', () => {
  test('an async function keeps the process until it is done', async () => {
    const exchange = await openExchange('/')
    let done = false
    const serve = await nodeHandler(async (_, res) => {
      res.end('answered')
      await turn()
      done = true
    })
    expect((await serve(exchange)).body).toBe('answered')
    expect(done).toBe(false)
    await Promise.all(exchange.work)
    expect(done).toBe(true)
  })

  test('a process that ends after one reply waits for finish and close', async () => {
    const exchange = await openExchange('/')
    const log: string[] = []
    const once = Object.assign(exchange, { gateway: { ...exchange.gateway, runOnce: true } })
    const serve = await nodeHandler((_, res) => {
      for (const name of ['finish', 'close']) res.on(name, () => log.push(name))
      res.end('x')
    })
    await serve(once)
    expect(log).toEqual([])
    await Promise.all(exchange.work)
    expect(log).toEqual(['finish', 'close'])
  })
})

test('process.exit() of a CGI script is not an error of the app: the output so far is the reply', async () => {
  const exit = Object.assign(new Error('exit'), { [Symbol.for('cgiup.ProcessExit')]: true })
  const exchange = await openExchange('/')
  const serve = await nodeHandler(async (_, res) => {
    res.write('a')
    setImmediate(() => res.end('b'))
    throw exit
  })
  expect(await text(await serve(exchange))).toBe('ab')
  expect(exchange.log).toEqual([])
})

describe('timeouts', () => {
  test('res.setTimeout calls its listener after silence', async () => {
    const reply = await replyTo((_, res) => {
      res.setTimeout(5, () => res.end('slow'))
    })
    expect(await text(reply)).toBe('slow')
  })

  test('without a listener the response is destroyed', async () => {
    await expect(replyTo((req) => void req.socket.setTimeout(5))).rejects.toMatchObject({
      code: 'RESPONSE_DESTROYED',
    })
  })
})
