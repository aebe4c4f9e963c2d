/** docs/forms.md, "What to hand it": each row, in memory and as CGI output. */
import express from 'express'
import fastify from 'fastify'
import { H3 } from 'h3'
import { Hono } from 'hono'
import Koa from 'koa'
import { describe, expect, test } from 'vitest'
import { type Form, type FormOptions, form } from '../../src/form.js'
import { type App, handler } from '../../src/index.js'
import { emulate, memory } from '../../src/test.js'

const limits: FormOptions = { store: 'memory', fileSize: 300_000 }

async function told(data: Form): Promise<string> {
  const files = await Promise.all(data.files.map(async (file) => [file.name, (await file.text()).length]))
  return JSON.stringify([data.getAll('a'), files])
}

function fastifyApp(): App {
  const app = fastify()
  app.addContentTypeParser(
    ['multipart/form-data', 'application/x-www-form-urlencoded'],
    (_request, _body, done) => done(null),
  )
  app.post('/', async (request) => told(await form(request.raw, limits)))
  return app
}

const apps: Record<string, () => App> = {
  'a fetch app': () => ({ fetch: async (request) => new Response(await told(await form(request, limits))) }),
  Hono: () => new Hono().post('/', async (c) => c.text(await told(await form(c.req.raw, limits)))),
  h3: () => new H3().post('/', async (event) => told(await form(event.req, limits))),
  'a Node app': () => async (req, res) => {
    const data = await form(req, limits)
    res.end(await told(data))
  },
  Express: () =>
    express().post('/', async (req, res) => {
      res.send(await told(await form(req, limits)))
    }),
  Koa: () =>
    new Koa().use(async (ctx) => {
      ctx.body = await told(await form(ctx.req, limits))
    }),
  Fastify: fastifyApp,
  'a handler': () =>
    handler(async (exchange) => ({
      status: 200,
      headers: [],
      body: await told(await form(exchange, limits)),
    })),
}

describe.each([
  ['memory', memory],
  ['emulate', emulate],
] as const)('%s', (_, serve) => {
  test.each(Object.entries(apps))('%s', async (_, make) => {
    const server = serve(make())
    try {
      const sent = new FormData()
      sent.append('a', 'ä')
      sent.append('a', '2')
      sent.append('f', new File(['x'.repeat(200_000)], 'f.txt'))
      const multipart = await server.fetch('/', { method: 'POST', body: sent })
      expect(await multipart.text()).toBe('[["ä","2"],[["f.txt",200000]]]')
      const urlencoded = await server.fetch('/', { method: 'POST', body: new URLSearchParams({ a: '1 2' }) })
      expect(await urlencoded.text()).toBe('[["1 2"],[]]')
      sent.append('f', new File(['x'.repeat(300_001)], 'big'))
      const refused = await server.fetch('/', { method: 'POST', body: sent })
      // Not caught: the error has its status where frameworks look for it.
      expect(refused.status).toBe(413)
      await refused.text()
    } finally {
      await server.close()
    }
  })
})
