import http from 'node:http'
import net from 'node:net'
import connect from 'connect'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import polka from 'polka'
import { describe, expect, test } from 'vitest'
import { classify } from '../../src/app/classify.js'
import { handler, toHandler } from '../../src/app/handler.js'
import { type App, handlerMark } from '../../src/app/types.js'
import { AppError } from '../../src/core/errors.js'
import { openExchange, replyTo, text } from './node-exchange.js'

const hello: http.RequestListener = (_, res) => res.end('hello')

describe('the kind of an app is detected', () => {
  const fetch = () => new Response('hello')
  test.each<[string, unknown, string | undefined]>([
    ['a marked handler', handler(() => ({ status: 200, headers: [], body: null })), 'handler'],
    ['an object with fetch', { fetch }, 'fetch'],
    ['Hono', new Hono(), 'fetch'],
    [
      'a module that exports a fetch app',
      { __proto__: null, default: { fetch }, [Symbol.toStringTag]: 'Module' },
      'fetch',
    ],
    ['a module that exports fetch', { __proto__: null, fetch, [Symbol.toStringTag]: 'Module' }, 'fetch'],
    ['a module compiled to CommonJS', { default: { __esModule: true, default: hello } }, 'node'],
    ['a function', hello, 'node'],
    ['a function of no parameters', () => {}, 'node'],
    ['Express', express(), 'node'],
    ['Connect', connect(), 'node'],
    ['Koa', new Koa(), 'node'],
    ['Fastify', fastify(), 'node'],
    ['Polka', polka(), 'node'],
    ['an http.Server', http.createServer(hello), 'node'],
    ['nothing', undefined, undefined],
    ['null', null, undefined],
    ['text', 'app.js', undefined],
    ['an object', { port: 3000 }, undefined],
  ])('%s', (_, app, style) => {
    expect(classify(app)?.style).toBe(style)
  })
})

test('a marked handler is used as a Handler directly', () => {
  const app = handler(() => ({ status: 204, headers: [], body: null }))
  expect(toHandler(app)).toBeTypeOf('function')
  expect(app[handlerMark]).toBe(true)
})

describe('anything else is refused; the error says what was seen and what to do', () => {
  const router = express.Router()
  const koaRouter = { routes: () => hello, allowedMethods: () => hello }
  const koaRoutes = Object.assign(() => {}, { router: koaRouter })
  test.each<[string, unknown, string, string]>([
    ['nothing', undefined, 'undefined', 'export default app'],
    [
      'a module without a default export',
      { __proto__: null, app: 1, [Symbol.toStringTag]: 'Module' },
      'a module without a default export',
      'export default app',
    ],
    ['a class', class App {}, 'a class', 'new App()'],
    ['Koa itself', Koa, 'a class', 'new App()'],
    ['express itself', express, 'the function that creates apps', 'express()'],
    ['fastify itself', fastify, 'the function that creates apps', 'fastify()'],
    ['an Express router', router, 'a router', 'app.use(router)'],
    ['a Koa router', koaRouter, 'a Koa router', 'app.use(router.routes())'],
    ['Koa middleware', koaRoutes, 'Koa middleware', 'app.use(router.routes())'],
    ['a NestJS application', { getHttpAdapter() {} }, 'a NestJS application', 'app.init()'],
    ['a Hapi server', { initialize() {}, listener: http.createServer() }, 'a Hapi server', 'server.listener'],
    ['a promise', Promise.resolve(hello), 'a promise', 'await createApp()'],
    ['fetch that is not a function', { fetch: true }, 'an object whose fetch is not a function', 'method'],
    ['a Response', new Response('hello'), 'a Response', 'fetch: () => new Response()'],
    ['text', 'app.js', 'the text "app.js"', 'Pass the app itself'],
    ['a number', 3000, 'a number', 'Pass the app itself'],
    ['an array', [hello], 'an array', 'Pass the app itself'],
    ['an object', { port: 3000, host: 'x' }, 'an object with port, host', 'Pass the app itself'],
    ['an instance', new Map(), 'a Map without properties', 'Pass the app itself'],
    ['a server without listeners', http.createServer(), "without a 'request' listener", 'createServer(app)'],
    ['a server that is not HTTP', net.createServer(), "without a 'request' listener", 'createServer(app)'],
  ])('%s', async (_, app, seen, fix) => {
    const error = await Promise.resolve()
      .then(() => toHandler(app as App))
      .catch((error) => error)
    expect(error).toBeInstanceOf(AppError)
    expect(error.code).toBe('APP_SHAPE')
    expect(error.message).toContain(seen)
    expect(error.message).toContain(fix)
    for (const shape of ['fetch(request, env, context)', '(req, res) =>', 'handler((exchange) =>'])
      expect(error.message).toContain(shape)
  })
})

describe('a function that is not a Node app is recognized by what it returns, and never hangs', () => {
  test.each<[string, () => unknown, string, string]>([
    ['a Response', () => new Response('x'), 'returns a Response', '{ fetch: app }'],
    ['a promise of a Response', async () => new Response('x'), 'returns a Response', '{ fetch: app }'],
    ['a Reply', () => ({ status: 200, headers: [], body: 'x' }), 'returns a Reply', 'handler(app)'],
    [
      'a promise of a Reply',
      async () => ({ status: 200, headers: [], body: null }),
      'returns a Reply',
      'handler(app)',
    ],
    ['an app', () => express(), 'creates an app', 'createApp()'],
    ['a promise of an app', async () => new Hono(), 'creates an app', 'createApp()'],
    ['the factory of Connect', connect as () => unknown, 'creates an app', 'createApp()'],
    ['the factory of Polka', polka as () => unknown, 'creates an app', 'createApp()'],
  ])('%s', async (_, app, seen, fix) => {
    const error = await replyTo(app).catch((error) => error)
    expect(error).toMatchObject({ code: 'APP_SHAPE', message: expect.stringContaining(seen) })
    expect(error.message).toContain(fix)
  })

  test('a Node function may return anything after it has answered', async () => {
    expect(await text(await replyTo((_, res) => res.end('a') && new Response('b')))).toBe('a')
  })
})

test('an http.Server answers with all its request listeners, once() included', async () => {
  const server = http.createServer()
  const calls: string[] = []
  server.once('request', () => calls.push('once'))
  server.on('request', (_, res) => {
    calls.push('on')
    res.end('hello')
  })
  const serve = await toHandler(server)
  for (let i = 0; i < 2; i++) {
    const reply = await serve(await openExchange('/'))
    expect(reply.body).toBe('hello')
  }
  expect(calls).toEqual(['once', 'on', 'on'])
})

test('a rejection of any request listener is an error of the app', async () => {
  const server = http.createServer(async () => {
    throw new Error('first')
  })
  server.on('request', () => {})
  await expect(replyTo(server)).rejects.toThrow('first')
})
