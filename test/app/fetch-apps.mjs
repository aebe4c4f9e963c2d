/** Fetch apps that use the APIs of Hono, h3 and the platform. */
import {
  createEventStream,
  getCookie as getH3Cookie,
  getQuery,
  getRequestIP,
  H3,
  HTTPError,
  handleCors,
  html,
  readBody,
  redirect,
  setCookie as setH3Cookie,
} from 'h3'
import { Hono } from 'hono'
import { basicAuth } from 'hono/basic-auth'
import { bodyLimit } from 'hono/body-limit'
import { compress } from 'hono/compress'
import { deleteCookie, getCookie, getSignedCookie, setCookie, setSignedCookie } from 'hono/cookie'
import { cors } from 'hono/cors'
import { csrf } from 'hono/csrf'
import { etag } from 'hono/etag'
import { HTTPException } from 'hono/http-exception'
import { logger } from 'hono/logger'
import { methodOverride } from 'hono/method-override'
import { poweredBy } from 'hono/powered-by'
import { prettyJSON } from 'hono/pretty-json'
import { requestId } from 'hono/request-id'
import { secureHeaders } from 'hono/secure-headers'
import { stream, streamSSE, streamText } from 'hono/streaming'
import { timeout } from 'hono/timeout'
import { validator } from 'hono/validator'

const members = ['exchange', 'mount', 'passThroughOnException', 'props', 'url', 'waitUntil']
const work = []

export const hono = new Hono()
hono.get('/text', (c) => c.text('héllo', 201, { 'X-A': '1' }))
hono.get('/json', (c) => c.json({ a: [1, 'é'] }))
hono.get('/html', (c) => c.html('<p>é</p>'))
hono.get('/body', (c) => c.body(new Uint8Array([104, 105]), 200, { 'Content-Type': 'application/x' }))
hono.get('/nothing', (c) => c.body(null, 204))
hono.get('/redirect', (c) => c.redirect('/there?a', 303))
hono.get('/throws', () => {
  throw new HTTPException(418, { message: 'teapot' })
})
hono.get('/throws-response', () => {
  throw new HTTPException(401, { res: new Response('no', { status: 401, headers: { 'x-r': '1' } }) })
})
hono.get('/cookies', async (c) => {
  setCookie(c, 'a', '1', { path: '/', httpOnly: true })
  setCookie(c, 'b', 'ü')
  deleteCookie(c, 'old')
  await setSignedCookie(c, 'signed', 'x', 'secret')
  return c.json([getCookie(c), (await getSignedCookie(c, 'secret', 'bad')) ?? null])
})
hono.get('/user', (c) => c.text(`${c.env.REMOTE_USER} ${c.env.SERVER_NAME}`))
hono.get('/wait', (c) => {
  c.executionCtx.waitUntil(Promise.resolve().then(() => work.push('waited')))
  c.executionCtx.passThroughOnException()
  return c.text('now')
})
hono.get('/params/:id', (c) =>
  c.json([c.req.param('id'), c.req.query('q'), c.req.queries('m'), c.req.path, c.req.url]),
)
hono.get('/headers', (c) => c.json([c.req.header('x-one'), c.req.header('cookie'), c.req.header()['x-two']]))
hono.post('/json', async (c) => c.json({ got: await c.req.json() }))
hono.post('/twice', async (c) => c.json([await c.req.text(), await c.req.json()]))
hono.post('/bytes', async (c) => c.body(await c.req.arrayBuffer()))
hono.post('/blob', async (c) => c.json([(await c.req.blob()).type, (await c.req.blob()).size]))
hono.post('/form', async (c) => {
  const form = await c.req.parseBody({ all: true })
  const plain = {}
  for (const [name, value] of Object.entries(form)) {
    plain[name] = value instanceof File ? [value.name, value.type, await value.text()] : value
  }
  return c.json(plain)
})
hono.post(
  '/valid',
  validator('json', (value, c) => (typeof value.n === 'number' ? value : c.text('invalid', 400))),
  (c) => c.json(c.req.valid('json')),
)
hono.post('/limit', bodyLimit({ maxSize: 5 }), async (c) => c.text(await c.req.text()))
hono.post('/echo', (c) => c.body(c.req.raw.body))
hono.get('/stream', (c) =>
  stream(c, async (s) => {
    await s.write(new Uint8Array([97]))
    await s.write('b')
    await s.pipe(new Response('c').body)
  }),
)
hono.get('/stream-text', (c) =>
  streamText(c, async (s) => {
    for (const word of ['x', 'y', 'z']) await s.writeln(word)
  }),
)
hono.get('/sse', (c) =>
  streamSSE(c, async (s) => {
    await s.writeSSE({ data: 'one\ntwo', event: 'e', id: '1' })
    await s.writeSSE({ data: 'three' })
  }),
)
hono.use('/cors/*', cors({ origin: 'http://o.example', credentials: true }))
hono.get('/cors/x', (c) => c.text('x'))
hono.use('/etag/*', etag())
hono.get('/etag/x', (c) => c.text('the same'))
hono.use('/compress/*', compress({ threshold: 10 }))
hono.get('/compress/x', (c) => c.text('long enough to compress '.repeat(20)))
hono.use('/auth/*', basicAuth({ username: 'u', password: 'p' }))
hono.get('/auth/x', (c) => c.text('in'))
hono.use(
  '/mw/*',
  logger(() => {}),
  poweredBy(),
  prettyJSON(),
  requestId({ generator: () => 'id' }),
  secureHeaders(),
  timeout(5000),
)
hono.get('/mw/x', (c) => c.json({ id: c.get('requestId') }))
hono.use('/csrf/*', csrf())
hono.post('/csrf/x', (c) => c.text('ok'))
hono.use('/override/*', methodOverride({ app: hono }))
hono.delete('/override/x', (c) => c.text('deleted'))
hono.use('/after/*', async (c, next) => {
  await next()
  c.res = new Response(`<${await c.res.text()}>`, c.res)
  c.res.headers.append('Set-Cookie', 'z=1')
  c.header('X-After', 'yes')
})
hono.get('/after/x', (c) => {
  c.header('Set-Cookie', 'y=1')
  return c.text('inner')
})
hono.mount(
  '/mounted',
  async (request) =>
    new Response(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`),
)
hono.all('/method', (c) => c.text(c.req.method))
hono.on(['TRACE', 'PROPFIND'], '/method', (c) => c.text(c.req.method))
hono.get('/clone', async (c) => {
  const copy = new Request(c.req.raw)
  const clone = c.req.raw.clone()
  return c.json([
    copy.url === clone.url,
    copy instanceof Request,
    clone instanceof globalThis.Request,
    new Response() instanceof globalThis.Response,
  ])
})
hono.get('/signal', (c) => c.json([c.req.raw.signal instanceof AbortSignal, c.req.raw.signal.aborted]))
hono.route(
  '/sub',
  new Hono().basePath('/base').get('/x', (c) => c.text(c.req.path)),
)

export const h3 = new H3()
h3.get('/text', () => 'text')
h3.get('/json', (event) => ({ path: event.url.pathname, query: getQuery(event) }))
h3.get(
  '/response',
  () =>
    new Response('made', {
      status: 202,
      headers: [
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
      ],
    }),
)
h3.get('/html', () => html`<p>x</p>`)
h3.get('/redirect', () => redirect('/there', 301))
h3.get('/null', () => null)
h3.get('/throws', () => {
  throw new HTTPError({ status: 409, message: 'conflict', data: { a: 1 } })
})
h3.get('/cookies', (event) => {
  setH3Cookie(event, 'a', '1')
  setH3Cookie(event, 'b', '2')
  return getH3Cookie(event, 'c')
})
h3.post('/body', async (event) => ({ got: await readBody(event) }))
h3.post('/raw', async (event) => event.req.text())
h3.post('/form', async (event) => Object.fromEntries(await event.req.formData()))
h3.get(
  '/stream',
  () =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array([120]))
        controller.enqueue(new Uint8Array([121]))
        controller.close()
      },
    }),
)
h3.get('/sse', (event) => {
  const events = createEventStream(event)
  events.push('one')
  events.push({ event: 'e', data: 'two' }).then(() => events.close())
  return events.send()
})
h3.get('/ip', (event) => getRequestIP(event))
h3.get('/wait', (event) => {
  event.waitUntil(Promise.resolve().then(() => work.push('waited')))
  return 'now'
})
h3.use('/mw/**', (event) => {
  event.res.headers.set('x-mw', '1')
})
h3.get('/mw/x', () => 'in')
h3.all('/cors', (event) => handleCors(event, { origin: '*', methods: '*' }) || 'cors')

export const plain = {
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url)
    if (pathname === '/context')
      return Response.json([members.filter((name) => name in context), typeof env.REQUEST_METHOD])
    if (pathname === '/get-body') return new Response(`${request.method}:${await request.text()}`)
    if (pathname === '/redirect') return Response.redirect('http://a.example/x', 307)
    if (pathname === '/blob') return new Response(new Blob(['blob'], { type: 'text/x' }))
    if (pathname === '/generator')
      return new Response(
        (async function* () {
          yield 'a'
          yield 'b'
        })(),
      )
    if (pathname === '/form-data') {
      const form = new FormData()
      form.set('a', '1')
      const response = new Response(form)
      return new Response((await response.formData()).get('a'))
    }
    if (pathname === '/json-twice') {
      const clone = request.clone()
      return Response.json([await clone.json(), await request.json(), request.bodyUsed])
    }
    if (pathname === '/wrap') {
      const inner = new Response('inner', { status: 201, headers: { 'x-i': '1' } })
      return new Response(inner.body, inner)
    }
    if (pathname === '/url') return new Response(request.url)
    if (pathname === '/method') return new Response(request.method)
    if (pathname === '/globals')
      return new globalThis.Response('platform', { status: 203, headers: { 'x-g': '1' } })
    return new Response('not found', { status: 404, statusText: 'Nowhere' })
  },
}
