import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { fetchHandler } from '../../src/app/fetch.js'
import type { FetchApp } from '../../src/app/types.js'
import { Response as LightResponse } from '../../src/app/web/response.js'
import type { Reply } from '../../src/core/exchange.js'
import { Environment } from '../../src/env/environment.js'
import { type AskedRequest, exchangeOf } from './fetch-exchange.mjs'

const api = { Environment }

function answer(fetch: (request: Request) => unknown, request: AskedRequest = {}, target = '/') {
  const exchange = exchangeOf(api, target, request)
  const reply = (async () => fetchHandler({ fetch } as FetchApp)(exchange))()
  return { exchange, reply }
}

const replyTo = (returned: unknown): Promise<Reply> => answer(() => returned).reply

const iterate = (reply: Reply): AsyncIterator<Uint8Array> =>
  (reply.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()

const light = (body?: unknown, init?: unknown): unknown => new LightResponse(body, init)

describe('env is an ordinary object, however the app accesses it', () => {
  const seenBy = async (make: (see: (env: unknown) => Response) => unknown) => {
    const seen: unknown[] = []
    const fetch = make((env) => {
      seen.push(env)
      return new Response('')
    })
    const exchange = exchangeOf(api, '/x', { env: { REMOTE_USER: 'ann' } })
    await fetchHandler({ fetch } as FetchApp)(exchange)
    expect(seen.length).toBe(1)
    return seen[0] as Record<string, string>
  }

  it.each<[string, (see: (env: unknown) => Response) => unknown]>([
    ['a parameter', (see) => (_: Request, env: unknown) => see(env)],
    [
      'a default',
      (see) =>
        (_: Request, env: unknown = 'nothing') =>
          see(env),
    ],
    [
      'a rest',
      (see) =>
        (...all: unknown[]) =>
          see(all[1]),
    ],
    ['a bound function', (see) => ((_: Request, env: unknown) => see(env)).bind(null)],
    [
      'arguments',
      (see) =>
        function () {
          // biome-ignore lint/complexity/noArguments: an app may
          return see(arguments[1])
        },
    ],
    ['a Proxy', (see) => new Proxy(() => {}, { apply: (_target, _self, all) => see(all[1]) })],
  ])('%s', async (_, make) => {
    const env = await seenBy(make)
    expect(env.REMOTE_USER).toBe('ann')
    expect('REMOTE_USER' in env).toBe(true)
    expect(Object.hasOwn(env, 'REMOTE_USER')).toBe(true)
    expect('NOT_THERE' in env).toBe(false)
    expect(Object.keys(env)).toContain('REMOTE_USER')
    expect({ ...env }.REMOTE_USER).toBe('ann')
    expect(JSON.parse(JSON.stringify(env))).toEqual({ ...env })
    expect(structuredClone(env)).toEqual({ ...env })
    expect(inspect(env)).toContain("REMOTE_USER: 'ann'")
    expect(Object.getPrototypeOf(env)).toBe(Object.prototype)
    expect(Object.getOwnPropertyDescriptor(env, 'REMOTE_USER')).toEqual({
      value: 'ann',
      writable: true,
      enumerable: true,
      configurable: true,
    })
    env.REMOTE_USER = 'bob'
    env.MINE = 'added'
    delete env.REQUEST_URI
    expect([env.REMOTE_USER, env.MINE, 'REQUEST_URI' in env]).toEqual(['bob', 'added', false])
  })

  it('a change made for one request is not visible to the next', async () => {
    const seen: (string | undefined)[] = []
    const handler = fetchHandler({
      fetch: (_request, env) => {
        seen.push(env.REMOTE_USER)
        ;(env as Record<string, string>).REMOTE_USER = 'changed'
        return new Response('')
      },
    })
    for (let i = 0; i < 6; i++) await handler(exchangeOf(api, '/x', { env: { REMOTE_USER: 'ann' } }))
    expect(new Set(seen)).toEqual(new Set(['ann']))
  })

  it('an app whose fetch is wrapped after the start', async () => {
    const app: FetchApp = { fetch: () => new Response('') }
    const handler = fetchHandler(app)
    await handler(exchangeOf(api, '/', {}))
    const seen: unknown[] = []
    app.fetch = (_request, env) => {
      seen.push(env.REMOTE_USER)
      return new Response('')
    }
    await handler(exchangeOf(api, '/', { env: { REMOTE_USER: 'ann' } }))
    expect(seen).toEqual(['ann'])
  })
})

describe('a value that is not a Response', () => {
  it.each([
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a string', 'text', 'a string'],
    ['a plain object', { status: 200 }, 'a plain object'],
    ['a reply of a Handler', { status: 200, headers: [], body: '' }, 'a plain object'],
    ['a Request', new Request('http://a'), 'an object of class Request'],
    ['a Map', new Map(), 'an object of class Map'],
  ])('%s gives an error that names it', async (_, value, name) => {
    await expect(replyTo(value)).rejects.toMatchObject({
      name: 'AppError',
      code: 'RESPONSE_INVALID',
      message: `The app's fetch() returned ${name}, not a Response.`,
    })
  })

  it.each([
    ["the platform's", () => Response.error()],
    ['the light', () => LightResponse.error()],
  ])('Response.error() of %s class', async (_, make) => {
    await expect(replyTo(make())).rejects.toMatchObject({ code: 'RESPONSE_INVALID' })
  })

  it.each([
    ["the platform's", () => new Response('x')],
    ['the light', () => light('x') as Response],
  ])('a body of %s class that was read already', async (_, make) => {
    const response = make()
    await response.text()
    await expect(replyTo(response)).rejects.toThrow('already read')
    const locked = make()
    locked.body?.getReader()
    await expect(replyTo(locked)).rejects.toThrow('already read')
  })

  it('an error of the app is passed on', async () => {
    const error = new RangeError('mine')
    await expect(answer(() => Promise.reject(error)).reply).rejects.toBe(error)
    await expect(
      answer(() => {
        throw error
      }).reply,
    ).rejects.toBe(error)
  })
})

describe('Response to Reply', () => {
  it('does not stream a body that is complete', async () => {
    expect(await replyTo(light('text'))).toMatchObject({ status: 200, body: 'text' })
    expect(await replyTo(light(new Uint8Array([1, 2])))).toMatchObject({ body: new Uint8Array([1, 2]) })
    expect((await replyTo(light(null, { status: 204 }))).body).toBeNull()
  })

  it('does not stream it after another Response, a clone or a read of body', async () => {
    const first = new LightResponse('text')
    expect(first.body).not.toBeNull()
    expect((await replyTo(new LightResponse(first.body, first))).body).toBe('text')
    const second = new LightResponse('text')
    second.clone()
    expect((await replyTo(second)).body).toBe('text')
  })

  it('marks the body as read', async () => {
    const response = new LightResponse('text')
    await replyTo(response)
    expect(response.bodyUsed).toBe(true)
    await expect(replyTo(response)).rejects.toThrow('already read')
  })

  it('keeps the order of header fields, and does not join Set-Cookie', async () => {
    const headers: [string, string][] = [
      ['Z', '1'],
      ['Set-Cookie', 'a=1'],
      ['A', '2'],
      ['Set-Cookie', 'b=2'],
    ]
    const reply = await replyTo(light('', { headers }))
    expect(reply.headers.slice(0, 8)).toEqual(['z', '1', 'set-cookie', 'a=1', 'a', '2', 'set-cookie', 'b=2'])
    const platform = await replyTo(new Response('', { headers }))
    const cookies = platform.headers.filter((_, i) => platform.headers[i - 1] === 'set-cookie')
    expect(cookies).toEqual(['a=1', 'b=2'])
  })

  it('includes the reason only if there is one', async () => {
    expect(await replyTo(light('', { status: 404, statusText: 'Nowhere' }))).toHaveProperty(
      'reason',
      'Nowhere',
    )
    expect(await replyTo(light(''))).not.toHaveProperty('reason')
  })

  it('accepts responses of other classes', async () => {
    const other = {
      status: 201,
      statusText: 'Other',
      headers: new Map([['x-a', '1']]),
      body: (async function* () {
        yield new Uint8Array([120])
      })(),
    }
    const reply = await replyTo(other)
    expect(reply).toMatchObject({ status: 201, reason: 'Other', headers: ['x-a', '1'] })
    expect((await iterate(reply).next()).value).toEqual(new Uint8Array([120]))
    expect((await replyTo({ ...other, body: 'text' })).body).toBe('text')
    await expect(replyTo({ ...other, body: 5 })).rejects.toThrow('a number, not a stream')
  })

  it('accepts promises that are not native', async () => {
    const thenable = Object.fromEntries([['then', (done: (value: unknown) => void) => done(light('x'))]])
    expect((await replyTo(thenable)).body).toBe('x')
  })
})

describe('streams', () => {
  const source = () => {
    const pull = vi.fn((controller: ReadableStreamDefaultController) => {
      controller.enqueue(new Uint8Array([pull.mock.calls.length]))
    })
    const cancel = vi.fn()
    return { pull, cancel, stream: new ReadableStream({ pull, cancel }, { highWaterMark: 0 }) }
  }

  it.each([
    ["the platform's", (body: ReadableStream) => new Response(body)],
    ['the light', (body: ReadableStream) => light(body)],
  ])('of %s class are pulled only when a chunk is requested, and cancelled', async (_, wrap) => {
    const { pull, cancel, stream } = source()
    const pieces = iterate(await replyTo(wrap(stream)))
    expect(pull).not.toHaveBeenCalled()
    expect((await pieces.next()).value).toEqual(new Uint8Array([1]))
    expect(pull).toHaveBeenCalledTimes(1)
    await pieces.return?.()
    expect(cancel).toHaveBeenCalledTimes(1)
  })

  it('are cancelled while they are silent', async () => {
    const cancel = vi.fn()
    const pieces = iterate(await replyTo(light(new ReadableStream({ cancel }))))
    const next = pieces.next()
    await pieces.return?.()
    expect(cancel).toHaveBeenCalledTimes(1)
    await expect(next).rejects.toMatchObject({ code: 'REQUEST_ABORTED' })
  })

  it('are cancelled when the client disconnects; the reply does not look complete', async () => {
    const cancel = vi.fn()
    const { exchange, reply } = answer(() => light(new ReadableStream({ cancel })))
    const next = iterate(await reply).next()
    const reason = new Error('gone')
    exchange.controller.abort(reason)
    await expect(next).rejects.toBe(reason)
    expect(cancel).toHaveBeenCalledWith(reason)
  })

  it('pass errors on', async () => {
    const error = new RangeError('mine')
    const pieces = iterate(
      await replyTo(
        light(
          new ReadableStream({
            pull(controller) {
              controller.error(error)
            },
          }),
        ),
      ),
    )
    await expect(pieces.next()).rejects.toBe(error)
  })

  it('may yield strings and buffers, and nothing else', async () => {
    const pieces: unknown[] = ['é', new Uint16Array([0x6968]), new Uint8Array([33]).buffer, 5]
    const stream = new ReadableStream({
      pull(controller) {
        controller.enqueue(pieces.shift())
      },
    })
    const all = iterate(await replyTo(light(stream)))
    expect(Buffer.from((await all.next()).value).toString()).toBe('é')
    expect(Buffer.from((await all.next()).value).toString()).toBe('hi')
    expect(Buffer.from((await all.next()).value).toString()).toBe('!')
    await expect(all.next()).rejects.toMatchObject({ code: 'RESPONSE_INVALID' })
  })
})

describe('requests', () => {
  it('are read only as far as the app reads, and cancelled with the stream', async () => {
    const { exchange, reply } = answer(
      async (request) => {
        const reader = (request.body as ReadableStream).getReader()
        await null
        expect(exchange.state.reads).toBe(0)
        await reader.read()
        await reader.cancel()
        return light('x')
      },
      { method: 'POST', body: 'four' },
    )
    await reply
    expect(exchange.state).toMatchObject({ reads: 1, cancelled: true })
  })

  it('fail if the body fails', async () => {
    const { exchange, reply } = answer((request) => request.text(), { method: 'POST', body: 'x' })
    const error = new Error('short')
    exchange.stdin.read = () => Promise.reject(error)
    await expect(reply).rejects.toBe(error)
  })

  it("have the exchange's signal", async () => {
    let signal: AbortSignal | undefined
    const { exchange, reply } = answer((request) => {
      signal = request.signal
      return light('x')
    })
    await reply
    expect(signal).toBe(exchange.signal)
  })

  it.each([
    ['//two//slashes?', 'http://localhost//two//slashes?'],
    ['/a%2Fb/%7Ec/é?x=%zz&y', 'http://localhost/a%2Fb/%7Ec/%C3%A9?x=%zz&y'],
    ['/a/../b/./c', 'http://localhost/b/c'],
    ["/'`{}?'", "http://localhost/'%60%7B%7D?%27"],
  ])('for %s have the URL %s', async (target, url) => {
    let seen = ''
    const request = { env: { PATH_INFO: new URL(url).pathname, SCRIPT_NAME: '' } }
    await answer(
      (r) => {
        seen = r.url
        return light('x')
      },
      request,
      target,
    ).reply
    expect(seen).toBe(url)
  })
})
