/** How req and res end after an error of the app or a client disconnect. */
import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import { pipeline, Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { nodeHandler } from '../../src/app/node.js'
import { RequestError } from '../../src/core/errors.js'
import type { Exchange } from '../../src/core/exchange.js'
import { iterate, openExchange, readBody, replyTo } from './node-exchange.js'

describe('errors of the app', () => {
  const boom = new Error('boom')

  test('thrown before the head: no reply', async () => {
    const serve = await nodeHandler(() => {
      throw boom
    })
    const exchange = await openExchange('/')
    expect(() => serve(exchange)).toThrow(boom)
  })

  test('something thrown that is not an Error', async () => {
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
  ])('%s: the body is cut off', async (_, app) => {
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
  ])('%s: the reply is kept, the error goes to stderr', async (_, app) => {
    const exchange = await openExchange('/')
    const reply = await (await nodeHandler(app))(exchange)
    expect(reply.body).toBe('done')
    await Promise.all(exchange.work)
    expect(exchange.log.join('')).toContain('Error: boom')
  })

  test('res.destroy(error) before the head: no reply', async () => {
    await expect(replyTo((_, res) => void res.destroy(boom))).rejects.toBe(boom)
  })

  test('res.destroy() without a reason is reported as such', async () => {
    await expect(replyTo((_, res) => void setImmediate(() => res.destroy()))).rejects.toMatchObject({
      code: 'RESPONSE_DESTROYED',
    })
  })

  test('req.destroy() aborts the response too', async () => {
    await expect(replyTo((req) => void req.destroy(boom))).rejects.toBe(boom)
  })

  test('strictContentLength is enforced', async () => {
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

  test('a body that breaks in transit: 400, as the reader of the body does not see its end', async () => {
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

describe('a client that disconnects', () => {
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

  test('while a reply is being read: return() destroys the response', async () => {
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

  test('while bytes are in transit: their callback gets the error, and there is no finish event', async () => {
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

  test('after the end it has no effect', async () => {
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
