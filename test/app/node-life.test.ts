/** The life of req and res: events, back-pressure, errors, clients that leave. */
import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline, Readable } from 'node:stream'
import { pipeline as pipelined } from 'node:stream/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { nodeHandler } from '../../src/app/node.js'
import { RequestError } from '../../src/errors.js'
import type { Exchange, Reply } from '../../src/exchange.js'
import { openExchange, readBody, replyTo, text } from './node-exchange.js'

const iterate = (reply: Reply) => (reply.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()

describe('the shape of the reply', () => {
  test('a response that ends at once is there at once, in one piece', async () => {
    const serve = await nodeHandler((_, res) => res.end('hello'))
    expect(serve(await openExchange('/'))).toEqual({ status: 200, reason: 'OK', headers: [], body: 'hello' })
  })

  test('what is written in one turn goes out in one piece', async () => {
    const reply = await replyTo((_, res) => {
      res.write('a')
      res.write('b')
      res.end('c')
    })
    expect(reply.body).toBe('abc')
  })

  test('a response that goes on later is streamed, pieces of one turn joined', async () => {
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

  test('flushHeaders sends the head before there is a body', async () => {
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

  test('what is corked waits', async () => {
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

/** Events and state of a response, as they come. */
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

test('the events of a response come as on http.Server', async () => {
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

describe('back-pressure', () => {
  test('write says stop at the high-water mark, and drain when the reader has taken it', async () => {
    const log: unknown[] = []
    const reply = await replyTo((_, res) => {
      const size = res.writableHighWaterMark
      log.push(res.write(Buffer.alloc(size)), res.writableNeedDrain, res.writableLength >= size)
      res.on('drain', () => {
        log.push(`drain ${res.writableNeedDrain}`)
        res.end('end')
      })
    })
    await turn()
    expect(log).toEqual([false, true, true])
    await readBody(reply)
    expect(log).toEqual([false, true, true, 'drain false'])
  })

  test('a stream is not read faster than the reply', async () => {
    let made = 0
    const source = new Readable({
      read() {
        made += 16384
        this.push(made > 20_000_000 ? null : Buffer.alloc(16384))
      },
    })
    const reply = await replyTo((_, res) => void source.pipe(res))
    for (let i = 0; i < 20; i++) await turn()
    expect(made).toBeLessThan(500_000)
    expect((await readBody(reply)).length).toBe(made - 16384)
  })

  test('pipeline() goes on after a write that had to wait', async () => {
    const reply = await replyTo(async (_, res) => {
      if (!res.write(Buffer.alloc(200_000))) await once(res, 'drain')
      await pipelined(Readable.from(['a', 'b']), res)
    })
    expect((await readBody(reply)).length).toBe(200_002)
  })

  test('write callbacks come when the reader asks for more', async () => {
    const log: string[] = []
    const reply = await replyTo((_, res) => {
      res.write('a', () => log.push('a'))
      setImmediate(() => res.end('b', () => log.push('b')))
    })
    const pieces = iterate(reply)
    await pieces.next()
    await turn()
    expect(log).toEqual([])
    await pieces.next()
    expect(log).toEqual(['a'])
    await pieces.next()
    expect(log).toEqual(['a', 'b'])
  })

  test('the body is read only as fast as the app reads it', async () => {
    let given = 0
    const body = (async function* () {
      for (let i = 0; i < 1000; i++) {
        given++
        yield Buffer.alloc(16384)
      }
    })()
    let read = () => {}
    const reply = replyTo(
      (req, res) => {
        req.once('readable', () => {})
        read = () => void req.resume().on('end', () => res.end(`${given}`))
      },
      '/',
      { body },
    )
    for (let i = 0; i < 50; i++) await turn()
    expect(given).toBeLessThan(10)
    read()
    expect(await text(await reply)).toBe('1000')
  })
})

describe('errors of the app', () => {
  const boom = new Error('boom')

  test('thrown before the head: no reply', async () => {
    const serve = await nodeHandler(() => {
      throw boom
    })
    const exchange = await openExchange('/')
    expect(() => serve(exchange)).toThrow(boom)
  })

  test('something thrown that is no Error', async () => {
    const thrown = replyTo(() => {
      throw 'text'
    })
    await expect(thrown).rejects.toMatchObject({ message: 'The app threw text', cause: 'text' })
  })

  test('rejected before the head: no reply', async () => {
    await expect(replyTo(async () => Promise.reject(boom))).rejects.toBe(boom)
  })

  test.each<[string, RequestListener]>([
    [
      'rejected after the head',
      async (_, res) => {
        res.write('begun')
        await turn()
        throw boom
      },
    ],
    [
      'res.destroy(error) after the head',
      (_, res) => {
        res.write('begun')
        setImmediate(() => res.destroy(boom))
      },
    ],
    [
      'a pipeline that fails',
      (_, res) => {
        const source = Readable.from(
          (async function* () {
            yield 'begun'
            await turn()
            throw boom
          })(),
        )
        pipeline(source, res, () => {})
      },
    ],
  ])('%s: the body breaks off', async (_, app) => {
    const pieces = iterate(await replyTo(app))
    expect(Buffer.from((await pieces.next()).value as Uint8Array).toString()).toBe('begun')
    await expect(pieces.next()).rejects.toBe(boom)
  })

  test.each<[string, RequestListener]>([
    [
      'thrown after the end',
      (_, res) => {
        res.end('done')
        throw boom
      },
    ],
    [
      'rejected after the end',
      async (_, res) => {
        res.end('done')
        await turn()
        throw boom
      },
    ],
  ])('%s: the reply stands, the error goes to stderr', async (_, app) => {
    const exchange = await openExchange('/')
    const reply = await (await nodeHandler(app))(exchange)
    expect(reply.body).toBe('done')
    await Promise.all(exchange.work)
    expect(exchange.log.join('')).toContain('Error: boom')
  })

  test('res.destroy(error) before the head: no reply', async () => {
    await expect(replyTo((_, res) => void res.destroy(boom))).rejects.toBe(boom)
  })

  test('res.destroy() without a reason says so', async () => {
    await expect(replyTo((_, res) => void setImmediate(() => res.destroy()))).rejects.toMatchObject({
      code: 'RESPONSE_DESTROYED',
    })
  })

  test('req.destroy() breaks the response off too', async () => {
    await expect(replyTo((req) => void req.destroy(boom))).rejects.toBe(boom)
  })

  test('strictContentLength is kept', async () => {
    const app: RequestListener = (_, res) => {
      res.strictContentLength = true
      res.setHeader('Content-Length', 3)
      res.end('hello')
    }
    await expect(replyTo(app)).rejects.toMatchObject({ code: 'ERR_HTTP_CONTENT_LENGTH_MISMATCH' })
  })

  test('a header that HTTP does not allow', async () => {
    const app: RequestListener = (_, res) => void res.setHeader('X-A', 'a\r\nb')
    await expect(replyTo(app)).rejects.toMatchObject({ code: 'ERR_INVALID_CHAR' })
  })

  test('headers after the head', async () => {
    const app: RequestListener = (_, res) => {
      res.flushHeaders()
      res.setHeader('X-A', '1')
    }
    await expect(replyTo(app)).rejects.toMatchObject({ code: 'ERR_HTTP_HEADERS_SENT' })
  })

  test('a body that broke on its way: 400, as the reader of the body does not see its end', async () => {
    const short = new RequestError('REQUEST_BODY_SHORT')
    const log: string[] = []
    const exchange = await openExchange('/', { body: 'x' })
    const broken: Exchange = Object.create(exchange, {
      stdin: { value: { length: 10, read: () => Promise.reject(short), cancel() {} } },
      signal: { value: exchange.signal },
      env: { value: exchange.env },
      gateway: { value: exchange.gateway },
    })
    const serve = await nodeHandler((req) => {
      req.resume()
      req.on('aborted', () => log.push('aborted'))
      req.on('error', (error) => log.push(error.message))
      req.on('close', () => log.push('close'))
    })
    await expect(serve(broken)).rejects.toBe(short)
    await turn()
    expect(log).toEqual(['aborted', short.message, 'close'])
  })
})

describe('a client that leaves', () => {
  test('before the head', async () => {
    const log: string[] = []
    const exchange = await openExchange('/', { body: Readable.from(['x']) })
    let res: ServerResponse | undefined
    const serve = await nodeHandler((req, response) => {
      res = response
      req.on('aborted', () => log.push('req aborted'))
      req.on('error', (error) => log.push(`req error ${(error as NodeJS.ErrnoException).code}`))
      req.on('close', () => log.push('req close'))
      response.on('close', () => log.push(`res close finished=${response.writableFinished}`))
      response.on('finish', () => log.push('res finish'))
    })
    const reply = serve(exchange)
    exchange.abort()
    await expect(reply).rejects.toMatchObject({ code: 'REQUEST_ABORTED' })
    await turn()
    expect(log.sort()).toEqual(
      ['req aborted', 'req close', 'req error ECONNRESET', 'res close finished=false'].sort(),
    )
    expect(res?.destroyed).toBe(true)
    expect(res?.socket?.destroyed).toBe(true)
  })

  test('without listeners nothing is thrown, and late writes fail quietly', async () => {
    const exchange = await openExchange('/')
    let late: Promise<unknown> | undefined
    const serve = await nodeHandler((_, res) => {
      res.write('begun')
      late = (async () => {
        await once(res, 'close')
        const error = await new Promise((resolve) => res.write('late', resolve))
        res.end('later')
        return error
      })()
    })
    const reply = await serve(exchange)
    exchange.abort()
    expect(await late).toMatchObject({ code: 'ERR_STREAM_DESTROYED' })
    await expect(readBody(reply)).rejects.toMatchObject({ code: 'REQUEST_ABORTED' })
  })

  test('while a reply is read: return() destroys the response', async () => {
    const log: string[] = []
    const reply = await replyTo((_, res) => {
      res.on('close', () => log.push('close'))
      res.on('finish', () => log.push('finish'))
      res.write(Buffer.alloc(100_000), (error) => log.push(`write ${error ? 'failed' : 'done'}`))
    })
    await iterate(reply).return?.()
    await turn()
    expect(log.sort()).toEqual(['close', 'write failed'])
  })

  test('while bytes are on their way: their callback learns it, and there is no finish', async () => {
    const log: string[] = []
    const reply = await replyTo((req, res) => {
      req.on('close', () => log.push('req close'))
      for (const name of ['close', 'finish']) res.on(name, () => log.push(`res ${name}`))
      res.write('begun', (error) => log.push(`write ${error ? 'failed' : 'done'}`))
      setImmediate(() => res.end('more'))
    })
    const pieces = iterate(reply)
    await pieces.next()
    await turn()
    await pieces.return?.()
    await turn()
    expect(log.sort()).toEqual(['req close', 'res close', 'write failed'])
  })

  test('before the app was called', async () => {
    const exchange = await openExchange('/')
    exchange.abort()
    const serve = await nodeHandler(() => {})
    await expect(serve(exchange)).rejects.toMatchObject({ code: 'REQUEST_ABORTED' })
  })

  test('after the end it changes nothing', async () => {
    const log: string[] = []
    const exchange = await openExchange('/')
    const serve = await nodeHandler((req, res) => {
      req.on('aborted', () => log.push('aborted'))
      setImmediate(() => res.end('done'))
    })
    const reply = await serve(exchange)
    await turn()
    exchange.abort()
    await turn()
    expect([reply.body, log]).toEqual(['done', []])
  })
})

describe('a body that was not read', () => {
  /** An exchange whose body counts what is asked of it. */
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

  test('is read on when somebody is reading it', async () => {
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

test("process.exit() of a CGI script is not the app's error: what was written counts", async () => {
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
