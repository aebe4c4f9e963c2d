/** The same program in each framework, written as its own documentation does. */
import { createReadStream } from 'node:fs'
import http from 'node:http'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import connect from 'connect'
import express from 'express'
import fastify from 'fastify'
import Koa from 'koa'
import polka from 'polka'
import type { NodeRequest } from '../../src/app/node/request.js'
import type { App } from '../../src/app/types.js'

/** A file larger than one write; each framework sends it. */
export const file = fileURLToPath(new URL('../../package-lock.json', import.meta.url))

/** Five chunks, each in a separate turn of the event loop. */
const pieces = () =>
  Readable.from(
    (async function* () {
      for (let i = 0; i < 5; i++) {
        await sleep(1)
        yield `piece ${i}\n`
      }
    })(),
  )

const tag = '"v1"'
const cookies = ['a=1; Path=/', 'b=2; HttpOnly']

/** The request as plain Node code sees it. */
function facts(req: http.IncomingMessage) {
  const { url, originalUrl, baseUrl, socket, env } = req as NodeRequest
  const { remoteAddress, encrypted } = socket as typeof socket & { encrypted?: boolean }
  return {
    url,
    originalUrl,
    baseUrl,
    remoteAddress,
    encrypted: encrypted === true,
    user: env.REMOTE_USER ?? null,
  }
}

function expressApp(): App {
  const app = express()
  const users = express.Router()
  users.get('/:id', (req, res) => void res.json({ id: req.params.id, q: req.query.q ?? null }))
  app.use((_, res, next) => {
    res.set('X-Middleware', 'yes')
    next()
  })
  app.use(express.json(), express.urlencoded({ extended: false }))
  app.use('/users', users)
  app.get('/hello', (_, res) => void res.type('text').send('hello'))
  app.post('/body', (req, res) => void res.json(req.body))
  app.get('/file', (_, res) => res.sendFile(file))
  app.get('/stream', (_, res) => void pieces().pipe(res.type('text')))
  app.get('/throw', () => {
    throw new Error('boom')
  })
  app.get('/reject', async () => {
    throw new Error('boom')
  })
  app.get('/redirect', (req, res) => res.redirect(`${req.baseUrl}/hello`))
  app.get('/cookies', (_, res) => void res.cookie('a', '1').cookie('b', '2', { httpOnly: true }).send('ok'))
  app.get('/tag', (_, res) => void res.set('ETag', tag).send('tagged'))
  app.get(
    '/facts',
    (req, res) => void res.json({ ...facts(req), ip: req.ip, protocol: req.protocol, host: req.host }),
  )
  return app
}

function koaApp(): App {
  const app = new Koa()
  app.silent = true
  app.use(async (context, next) => {
    context.set('X-Middleware', 'yes')
    await next()
  })
  app.use(async (context) => {
    const { req, path } = context
    const user = /^\/users\/(\w+)$/.exec(path)
    if (user) context.body = { id: user[1], q: context.query.q ?? null }
    else if (path === '/hello') context.body = 'hello'
    else if (path === '/body') context.body = await parsed(req)
    else if (path === '/file') {
      context.type = 'json'
      context.body = createReadStream(file)
    } else if (path === '/stream') {
      context.type = 'text'
      context.body = pieces()
    } else if (path === '/throw' || path === '/reject') throw new Error('boom')
    else if (path === '/redirect') context.redirect(`${(req as NodeRequest).baseUrl}/hello`)
    else if (path === '/cookies') {
      context.cookies.set('a', '1', { httpOnly: false })
      context.cookies.set('b', '2')
      context.body = 'ok'
    } else if (path === '/tag') {
      context.body = 'tagged'
      context.status = 200
      context.etag = tag
      if (context.fresh) context.status = 304
    } else if (path === '/facts')
      context.body = { ...facts(req), ip: context.ip, protocol: context.protocol, host: context.host }
  })
  return app
}

function fastifyApp(): App {
  const app = fastify()
  app.addHook('onRequest', async (_, reply) => void reply.header('X-Middleware', 'yes'))
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(body as string))),
  )
  app.get<{ Params: { id: string }; Querystring: { q?: string } }>(
    '/users/:id',
    async ({ params, query }) => ({
      id: params.id,
      q: query.q ?? null,
    }),
  )
  app.get('/hello', async () => 'hello')
  app.post('/body', async ({ body }) => body)
  app.get('/file', async (_, reply) => reply.type('application/json').send(createReadStream(file)))
  app.get('/stream', async (_, reply) => reply.type('text/plain').send(pieces()))
  app.get('/throw', () => {
    throw new Error('boom')
  })
  app.get('/reject', async () => {
    throw new Error('boom')
  })
  app.get('/redirect', async ({ raw }, reply) => reply.redirect(`${(raw as NodeRequest).baseUrl}/hello`))
  app.get('/cookies', async (_, reply) => reply.header('Set-Cookie', cookies).send('ok'))
  app.get('/tag', async ({ headers }, reply) => {
    reply.header('ETag', tag)
    return headers['if-none-match'] === tag ? reply.code(304).send() : 'tagged'
  })
  app.get('/facts', async ({ raw, ip, protocol, host }) => ({ ...facts(raw), ip, protocol, host }))
  return app
}

/** For frameworks in which the app uses Node's response directly. */
function answer(req: http.IncomingMessage, res: http.ServerResponse): boolean {
  const path = (req.url ?? '').split('?', 1)[0] as string
  const url = new URL(req.url ?? '/', 'http://localhost')
  const json = (value: unknown) => {
    res.setHeader('Content-Type', 'application/json')
    res.end(JSON.stringify(value))
    return true
  }
  const text = (value: string) => {
    res.setHeader('Content-Type', 'text/plain')
    res.end(value)
    return true
  }
  if (path.startsWith('/users/')) return json({ id: path.slice(7), q: url.searchParams.get('q') })
  if (path === '/hello') return text('hello')
  if (path === '/file')
    return Boolean(createReadStream(file).pipe(res.setHeader('Content-Type', 'application/json')))
  if (path === '/stream') return Boolean(pieces().pipe(res.setHeader('Content-Type', 'text/plain')))
  if (path === '/redirect')
    return Boolean(res.writeHead(302, { Location: `${(req as NodeRequest).baseUrl}/hello` }).end())
  if (path === '/cookies') {
    res.setHeader('Set-Cookie', cookies)
    return text('ok')
  }
  if (path === '/tag') {
    res.setHeader('ETag', tag)
    if (req.headers['if-none-match'] !== tag) return text('tagged')
    return Boolean(res.writeHead(304).end())
  }
  if (path === '/facts') {
    const ip = req.socket.remoteAddress
    const protocol = facts(req).encrypted ? 'https' : 'http'
    return json({ ...facts(req), ip, protocol, host: req.headers.host })
  }
  return false
}

function connectApp(): App {
  const app = connect()
  app.use((_, res, next) => {
    res.setHeader('X-Middleware', 'yes')
    next()
  })
  app.use(express.json() as connect.NextHandleFunction)
  app.use(express.urlencoded({ extended: false }) as connect.NextHandleFunction)
  app.use('/throw', () => {
    throw new Error('boom')
  })
  app.use('/reject', (_, __, next) => void sleep(1).then(() => next(new Error('boom'))))
  app.use('/body', (req, res) => {
    res.setHeader('Content-Type', 'application/json')
    res.end(JSON.stringify((req as { body?: unknown }).body))
  })
  app.use((req, res, next) => void (answer(req, res) || next()))
  return app
}

function polkaApp(): App {
  return polka()
    .use((_, res, next) => {
      res.setHeader('X-Middleware', 'yes')
      next()
    })
    .use(express.json() as never, express.urlencoded({ extended: false }) as never)
    .get('/throw', (_, __, next) => next(new Error('boom')))
    .get('/reject', (_, __, next) => void sleep(1).then(() => next(new Error('boom'))))
    .post('/body', (req, res) => {
      res.setHeader('Content-Type', 'application/json')
      res.end(JSON.stringify(req.body))
    })
    .use((req, res, next) => void (answer(req, res) || next()))
}

function serverApp(): App {
  return http.createServer(async (req, res) => {
    res.setHeader('X-Middleware', 'yes')
    if (req.url === '/throw' || req.url === '/reject') throw new Error('boom')
    if (req.url === '/body') {
      res.setHeader('Content-Type', 'application/json')
      res.end(JSON.stringify(await parsed(req)))
    } else if (!answer(req, res)) res.writeHead(404).end('Not Found')
  })
}

async function parsed(req: http.IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const piece of req.setEncoding('utf8')) text += piece
  return req.headers['content-type'] === 'application/json'
    ? JSON.parse(text)
    : Object.fromEntries(new URLSearchParams(text))
}

export const frameworks: Record<string, () => App> = {
  'Express 5': expressApp,
  'Koa 3': koaApp,
  'Fastify 5': fastifyApp,
  Connect: connectApp,
  Polka: polkaApp,
  'http.Server': serverApp,
}
