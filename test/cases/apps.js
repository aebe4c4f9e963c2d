/**
 * The apps of the shared behaviour suite, each in both styles. Plain JavaScript, so that real servers can
 * start them too. The header X-Case of a request names the app.
 */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { upload } from './upload.js'

const mebibyte = Buffer.alloc(1 << 20, 'cgiup 0123456789\n')
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, i) => i))

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

async function bytesOf(stream) {
  const pieces = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces)
}

const json = (res, value) => {
  res.setHeader('Content-Type', 'application/json')
  res.end(JSON.stringify(value))
}

/** A fixed reply, in both styles. `headers` are pairs. */
function answer(status, headers, body = null, statusText = undefined) {
  return {
    fetch: () => new Response(body, { status, headers, ...(statusText && { statusText }) }),
    node: (_req, res) => {
      if (statusText) res.statusMessage = statusText
      res.statusCode = status
      for (const [name, value] of headers) res.appendHeader(name, value)
      res.end(body)
    },
  }
}

/** A body in chunks, with a turn of the event loop between them. */
function streamed(pieces, { fail = false, headers = [['Content-Type', 'text/plain']] } = {}) {
  const turn = () => new Promise((resolve) => setTimeout(resolve, 2))
  return {
    fetch: () => {
      async function* write() {
        for (const piece of pieces) {
          await turn()
          yield Buffer.from(piece)
        }
        if (fail) throw new Error('broke in the middle')
      }
      return new Response(ReadableStream.from(write()), { headers })
    },
    node: async (_req, res) => {
      for (const [name, value] of headers) res.appendHeader(name, value)
      for (const piece of pieces) {
        await turn()
        res.write(piece)
      }
      await turn()
      if (fail) res.destroy(new Error('broke in the middle'))
      else res.end()
    },
  }
}

export const apps = {
  /** The request as the app sees it. */
  see: {
    fetch: (request, env, context) =>
      Response.json({
        method: request.method,
        url: request.url.replace(/^https?:\/\/[^/]*/, ''),
        origin: new URL(request.url).origin,
        mount: context.mount,
        headers: Object.fromEntries(request.headers),
        remote: env.REMOTE_ADDR,
        user: env.REMOTE_USER ?? null,
      }),
    node: (req, res) =>
      json(res, {
        method: req.method,
        url: req.url,
        origin: `${req.socket.encrypted ? 'https' : 'http'}://${req.headers.host}`,
        mount: req.baseUrl,
        headers: req.headers,
        remote: req.socket.remoteAddress,
        user: req.env.REMOTE_USER ?? null,
      }),
  },
  /** The variables whose names the query lists. */
  env: {
    fetch: (request, env) => {
      const names = new URL(request.url).search.slice(1).split(',')
      return Response.json(names.map((name) => env[name] ?? null))
    },
    node: (req, res) => {
      const names = req.url.split('?')[1].split(',')
      json(
        res,
        names.map((name) => req.env[name] ?? null),
      )
    },
  },
  echo: {
    fetch: (request) =>
      new Response(request.body, {
        headers: { 'Content-Type': request.headers.get('content-type') ?? 'application/octet-stream' },
      }),
    node: (req, res) => {
      res.setHeader('Content-Type', req.headers['content-type'] ?? 'application/octet-stream')
      req.pipe(res)
    },
  },
  /** Length and digest of the body, and whether a body exists. */
  sum: {
    fetch: async (request) => {
      const body = Buffer.from(await request.arrayBuffer())
      return Response.json({ length: body.length, sha256: sha256(body), has: request.body !== null })
    },
    node: async (req, res) => {
      const body = await bytesOf(req)
      json(res, { length: body.length, sha256: sha256(body) })
    },
  },
  text: {
    fetch: async (request) => new Response(await request.text()),
    node: async (req, res) => {
      res.setHeader('Content-Type', 'text/plain')
      res.end((await bytesOf(req)).toString())
    },
  },
  form: {
    fetch: async (request) => Response.json(Object.fromEntries(await request.formData())),
    node: async (req, res) =>
      json(res, Object.fromEntries(new URLSearchParams((await bytesOf(req)).toString()))),
  },
  ignore: answer(200, [['Content-Type', 'text/plain']], 'not read'),
  early: answer(413, [['Content-Type', 'text/plain']], 'too large for me'),
  hello: answer(200, [['Content-Type', 'text/plain; charset=utf-8']], 'hello'),
  utf8: answer(200, [['Content-Type', 'text/plain; charset=utf-8']], 'grüße, 日本\n'),
  empty: answer(200, [['Content-Type', 'text/plain']], ''),
  binary: answer(200, [['Content-Type', 'application/octet-stream']], everyByte),
  large: answer(200, [['Content-Type', 'text/plain']], mebibyte),
  tooMany: answer(429, [['Content-Type', 'text/plain']], 'later'),
  reason: answer(200, [['Content-Type', 'text/plain']], 'x', 'Quite Fine'),
  unknownStatus: answer(599, [['Content-Type', 'text/plain']], 'odd'),
  created: answer(201, [['Location', '/things/1']]),
  found: answer(302, [['Location', 'https://example.org/elsewhere?a=b#c']]),
  local: answer(303, [['Location', '/local/path?q']]),
  moved: answer(
    301,
    [
      ['Location', '/new'],
      ['Content-Type', 'text/html'],
    ],
    '<a href="/new">new</a>',
  ),
  noContent: answer(204, []),
  notModified: answer(304, [['ETag', '"v1"']]),
  partial: answer(
    206,
    [
      ['Content-Type', 'text/plain'],
      ['Content-Range', 'bytes 0-4/10'],
    ],
    'hello',
  ),
  unauthorized: answer(
    401,
    [
      ['WWW-Authenticate', 'Basic realm="here"'],
      ['Content-Type', 'text/plain'],
    ],
    'who?',
  ),
  cookies: answer(
    200,
    [
      ['Set-Cookie', 'a=1; Path=/'],
      ['Set-Cookie', 'b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT'],
      ['Set-Cookie', 'c="x, y"'],
      ['Content-Type', 'text/plain'],
    ],
    'x',
  ),
  repeated: answer(
    200,
    [
      ['Vary', 'Accept'],
      ['Vary', 'Cookie'],
      ['Content-Type', 'text/plain'],
    ],
    'x',
  ),
  latin1: answer(
    200,
    [
      ['X-Latin', 'caf\xe9'],
      ['Content-Type', 'text/plain'],
    ],
    'x',
  ),
  longHeader: answer(
    200,
    [
      ['X-Long', 'x'.repeat(3000)],
      ['Content-Type', 'text/plain'],
    ],
    'x',
  ),
  hop: answer(
    200,
    [
      ['Connection', 'X-Private'],
      ['Keep-Alive', 'timeout=99'],
      ['X-Private', 'yes'],
      ['Upgrade', 'h2c'],
      ['Content-Type', 'text/plain'],
      ['X-Kept', 'yes'],
    ],
    'x',
  ),
  length: answer(
    200,
    [
      ['Content-Length', '5'],
      ['Content-Type', 'text/plain'],
    ],
    'hello',
  ),
  pieces: streamed(['one ', 'two ', 'three']),
  emptyStream: streamed([]),
  manyPieces: streamed(Array.from({ length: 200 }, (_, i) => `${i}\n`)),
  events: streamed(['data: 1\n\n', 'data: 2\n\n'], {
    headers: [
      ['Content-Type', 'text/event-stream'],
      ['Cache-Control', 'no-cache'],
    ],
  }),
  chunkedSaid: streamed(['one ', 'two'], {
    headers: [
      ['Content-Type', 'text/plain'],
      ['Transfer-Encoding', 'chunked'],
    ],
  }),
  breaks: streamed(['begun'], { fail: true }),
  /** A body that would be large, for requests whose reply must not have one. */
  streamNever: {
    fetch: () => {
      let cancelled = false
      const body = new ReadableStream({
        pull(controller) {
          if (!cancelled) controller.enqueue(mebibyte)
        },
        cancel() {
          cancelled = true
          console.error('body was cancelled')
        },
      })
      return new Response(body, { headers: { 'Content-Type': 'text/plain' } })
    },
    node: (_req, res) => {
      res.setHeader('Content-Type', 'text/plain')
      console.error('body was cancelled')
      res.end()
    },
  },
  throws: {
    fetch: () => {
      throw new RangeError('thrown on purpose')
    },
    node: () => {
      throw new RangeError('thrown on purpose')
    },
  },
  rejects: {
    fetch: async () => {
      await null
      throw new RangeError('rejected on purpose')
    },
    node: async () => {
      await null
      throw new RangeError('rejected on purpose')
    },
  },
  throwsText: {
    fetch: () => {
      throw 'a string'
    },
    node: () => {
      throw 'a string'
    },
  },
  badHeader: {
    fetch: () => {
      // The platform's own Headers refuse it, the light ones too: in both cases the app throws.
      return new Response('x', { headers: { 'X-Bad': 'a\r\nSet-Cookie: evil=1' } })
    },
    node: (_req, res) => {
      res.setHeader('X-Bad', 'a\r\nSet-Cookie: evil=1')
      res.end('x')
    },
  },
  badStatus: {
    fetch: () => ({
      status: 99,
      headers: new Headers(),
      body: null,
      arrayBuffer: async () => new ArrayBuffer(0),
    }),
    node: (_req, res) => {
      res.statusCode = 99
      res.end('x')
    },
  },
  nothing: {
    fetch: () => undefined,
    node: (_req, res) => {
      res.destroy()
    },
  },
  tooShort: {
    fetch: () =>
      new Response(ReadableStream.from([Buffer.from('abc')]), { headers: { 'Content-Length': '10' } }),
    node: (_req, res) => {
      res.setHeader('Content-Length', '10')
      res.write('abc')
      setTimeout(() => res.end(), 5)
    },
  },
  log: {
    fetch: () => {
      console.log('from console.log')
      console.error('from console.error')
      process.stdout.write('from process.stdout\n')
      return new Response('clean')
    },
    node: (_req, res) => {
      console.log('from console.log')
      console.error('from console.error')
      process.stdout.write('from process.stdout\n')
      res.setHeader('Content-Type', 'text/plain')
      res.end('clean')
    },
  },
  diagnose: {
    fetch: (_request, _env, context) => {
      context.exchange.stderr('diagnosed\n')
      return new Response('x')
    },
    node: null,
  },
  /** Work that ends after the reply; its end is recorded in the file that the request names. */
  work: {
    fetch: (request, _env, context) => {
      const file = request.headers.get('x-note')
      const later = new Promise((resolve) => setTimeout(resolve, 30))
      context.waitUntil(later.then(() => writeFileSync(file, 'work is done')))
      return new Response('answered first')
    },
    node: null,
  },
  /** The signal exists and is not aborted. */
  signal: {
    fetch: (request) => Response.json({ aborted: request.signal.aborted }),
    node: (req, res) => json(res, { aborted: req.destroyed }),
  },
  /** The gateway, as the app sees it. */
  gateway: {
    fetch: (_request, _env, { exchange }) => Response.json(exchange.gateway),
    node: null,
  },
}

apps.upload = {
  fetch: async (request, _env, context) => {
    const body = await upload(request, request.url, context.waitUntil, context)
    return new Response(typeof body === 'string' ? body : ReadableStream.from(body))
  },
  node: async (req, res) => {
    const works = []
    const body = await upload(req, req.url, (work) => works.push(work))
    res.setHeader('Content-Type', 'text/plain')
    if (typeof body === 'string') res.end(body)
    else {
      for await (const piece of body) res.write(piece)
      res.end()
    }
    // Awaits the work that an async function does after its response.
    await Promise.all(works)
  },
}

const appOf = (name) => apps[name] ?? answer(404, [['Content-Type', 'text/plain']], `no case ${name}\n`)

export const fetchApp = {
  fetch: (request, env, context) => appOf(request.headers.get('x-case')).fetch(request, env, context),
}

export const nodeApp = (req, res) => appOf(req.headers['x-case']).node(req, res)
