import { createServer } from 'node:http'
import connect from 'connect'
import express from 'express'
import fastify from 'fastify'
import { H3 } from 'h3'
import { Hono } from 'hono'
import Koa from 'koa'
import polka from 'polka'
import { describe, expectTypeOf, test } from 'vitest'
import {
  type App,
  type Exchange,
  type Handler,
  handler,
  type Reply,
  type Running,
  run,
} from '../../src/index.js'

describe('run() accepts fetch apps', () => {
  test('Hono, with and without bindings', () => {
    run(new Hono())
    run(new Hono<{ Bindings: { REMOTE_USER?: string } }>())
    run(new Hono<{ Bindings: Record<string, string>; Variables: { user: string } }>().basePath('/x'))
  })

  test('h3', () => {
    run(new H3())
  })

  test('plain objects, with one, two or three parameters', () => {
    run({ fetch: () => new Response('hello') })
    run({ fetch: async (request: Request) => new Response(request.url) })
    run({
      fetch(request, env, context) {
        expectTypeOf(request).toEqualTypeOf<Request>()
        expectTypeOf(env.REMOTE_USER).toEqualTypeOf<string | undefined>()
        context.waitUntil(Promise.resolve())
        expectTypeOf(context.exchange).toEqualTypeOf<Exchange>()
        return new Response(null, { status: 204 })
      },
    })
  })

  test('a module with a default export', () => {
    run({ default: { fetch: () => new Response() } })
    run({ default: new Hono() })
  })
})

describe('run() accepts Node apps', () => {
  test('functions', () => {
    run((_req, res) => res.end('hello'))
    run((req, res) => {
      expectTypeOf(req.url).toEqualTypeOf<string | undefined>()
      res.writeHead(200).end()
    })
    run(async (_req, res) => {
      res.end()
    })
  })

  test('Express, Koa, Fastify, Connect, Polka', () => {
    run(express())
    run(new Koa())
    run(new Koa<{ user: string }>())
    run(fastify())
    run(connect())
    run(polka())
  })

  test('http.Server', () => {
    run(createServer((_req, res) => res.end()))
  })
})

describe('run() accepts handlers', () => {
  test('marked ones', () => {
    run(handler(() => ({ status: 200, headers: [], body: 'hello' })))
    run(
      handler(async (exchange) => {
        expectTypeOf(exchange).toEqualTypeOf<Exchange>()
        return { status: 200, headers: ['Content-Type', 'text/plain'], body: null }
      }),
    )
  })

  test('an unmarked one is not a Node app: it would never be answered', () => {
    const bare: Handler = () => ({ status: 200, headers: [], body: 'hello' })
    // @ts-expect-error
    run(bare)
  })
})

describe('run() refuses', () => {
  test('a value that is not an app', () => {
    // @ts-expect-error
    run()
    // @ts-expect-error
    run(null)
    // @ts-expect-error
    run('app.js')
    // @ts-expect-error
    run({})
    // @ts-expect-error
    run({ listen: () => {} })
    // @ts-expect-error
    run(new Response('hello'))
    // @ts-expect-error
    run(import('hono'))
  })

  test('a fetch that does not return a Response', () => {
    // @ts-expect-error
    run({ fetch: () => 'hello' })
    // @ts-expect-error
    run({ fetch: async () => {} })
  })

  test('a handler that does not return a Reply', () => {
    // @ts-expect-error
    handler(() => 'hello')
    // @ts-expect-error
    handler(() => ({ status: '200', headers: [], body: '' }))
  })

  test('options that do not exist', () => {
    run(new Hono(), { port: 0, host: '127.0.0.1', server: 'auto', mount: '/app' })
    run(new Hono(), { listen: 'unix:/run/app.sock', development: true })
    // @ts-expect-error
    run(new Hono(), { prot: 8080 })
    // @ts-expect-error
    run(new Hono(), { port: '8080' })
    // @ts-expect-error
    run(new Hono(), { server: 'apache' })
  })
})

test('run() returns a promise of the running server', () => {
  expectTypeOf(run).returns.toEqualTypeOf<Promise<Running>>()
  expectTypeOf<Running['url']>().toEqualTypeOf<string | undefined>()
  expectTypeOf<Running['close']>().returns.toEqualTypeOf<Promise<void>>()
})

test('the types of the parts are compatible', () => {
  expectTypeOf<Hono>().toExtend<App>()
  expectTypeOf<Handler>().parameter(0).toEqualTypeOf<Exchange>()
  expectTypeOf<ReturnType<Handler>>().toEqualTypeOf<Reply | Promise<Reply>>()
})
