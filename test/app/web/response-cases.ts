import { bodies } from './body-cases.js'
import { bytes, type Case, type FullResponse, last, streamIn, streamOf, type Web } from './observe.js'

type Init = ConstructorParameters<typeof Response>[1]
type BodyArgument = ConstructorParameters<typeof Response>[0]

const inits: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['a number', 1],
  ['a string', 'x'],
  ['a function', () => {}],
  ['an empty object', {}],
  ['another Response', new Response('y', { status: 201, statusText: 'S', headers: { a: '1' } })],
  ...[
    200,
    204,
    205,
    304,
    199,
    600,
    599,
    0,
    -1,
    101,
    200.9,
    65736,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '201',
    'x',
    null,
    undefined,
    true,
    {},
    [],
    Symbol('s'),
    200n,
  ].map((status): [string, unknown] => [`status ${String(status)}`, { status }]),
  ...['', 'Fine', 'é', 'ā', 'a\nb', 'a\tb', 'a\0b', 'a\x7fb', null, undefined, 5].map(
    (statusText): [string, unknown] => [`statusText ${String(statusText)}`, { statusText }],
  ),
  ['headers', { headers: { 'X-A': '1', 'Content-Type': 'text/html' } }],
  ['headers null', { headers: null }],
  ['headers undefined', { headers: undefined }],
  ['bad headers', { headers: { 'a b': '1' } }],
  [
    'pairs',
    {
      headers: [
        ['set-cookie', 'a'],
        ['set-cookie', 'b'],
      ],
    },
  ],
]

/** Operations on a Response of 'text'. */
const ways: [string, (web: Web, r: FullResponse) => unknown][] = [
  ['json of no JSON', (_, r) => r.json()],
  ['arrayBuffer', (_, r) => r.arrayBuffer()],
  ['bytes', async (_, r) => [...(await r.bytes())]],
  [
    'bytes is a plain Uint8Array',
    async (_, r) =>
      Object.prototype.toString.call(await r.bytes()) + (await r.bytes().catch(() => [])).constructor.name,
  ],
  ['formData of text', (_, r) => r.formData()],
  ['reading twice', async (_, r) => last(await r.text(), r.text())],
  [
    'reading twice at once',
    (_, r) => Promise.allSettled([r.text(), r.json(), r.blob()]).then((all) => all.map((s) => s.status)),
  ],
  [
    'bodyUsed at once',
    (_, r) => {
      const p = r.text()
      return [r.bodyUsed, r.body?.locked, p]
    },
  ],
  ['body is one object', (_, r) => Object.is(r.body, r.body)],
  ['headers is one object', (_, r) => Object.is(r.headers, r.headers)],
  ['body, then text', (_, r) => last(r.body, r.text())],
  ['locked, then text', (_, r) => last(r.body?.getReader(), r.text())],
  ['locked, then used', (_, r) => last(r.body?.getReader(), r.bodyUsed)],
  [
    'read by hand',
    async (_, r) => {
      const reader = streamIn(r).getReader()
      const first = await reader.read()
      return [Buffer.from(first.value).toString(), (await reader.read()).done, r.bodyUsed]
    },
  ],
  [
    "read with a buffer of one's own",
    async (_, r) => {
      const reader = streamIn(r).getReader({ mode: 'byob' })
      const first = await reader.read(new Uint8Array(2))
      return Buffer.from(first.value as Uint8Array).toString()
    },
  ],
  [
    'iterated',
    async (_, r) => {
      let text = ''
      for await (const piece of streamIn(r)) text += Buffer.from(piece).toString()
      return [text, r.bodyUsed]
    },
  ],
  [
    'cancelled',
    async (_, r) =>
      last(await streamIn(r).cancel(), [r.bodyUsed, await r.text().catch((e: Error) => e.name)]),
  ],
  ['used, then cloned', async (_, r) => last(await r.text(), r.clone())],
  ['locked, then cloned', (_, r) => last(r.body?.getReader(), r.clone())],
  [
    'cloned',
    async (_, r) => {
      const c = r.clone()
      c.headers.set('x', '1')
      return [await c.text(), r.bodyUsed, r.headers.has('x'), await r.text()]
    },
  ],
  [
    'cloned twice',
    async (_, r) => {
      const c = r.clone().clone()
      return [await c.text(), await r.text()]
    },
  ],
  [
    'cloned after body was named',
    async (_, r) => {
      last(r.body)
      const c = r.clone()
      return [await c.text(), await r.text()]
    },
  ],
  [
    'cloned is read later',
    async (_, r) => {
      const c = r.clone()
      await r.text()
      return [c.bodyUsed, await c.text()]
    },
  ],
  [
    'body into another',
    async (web, r) => {
      const o = new web.Response(r.body, r)
      return [await o.text(), o.headers.get('content-type'), r.bodyUsed]
    },
  ],
  [
    'body into another, read there by hand',
    async (web, r) => {
      const o = new web.Response(r.body, r)
      const reader = streamIn(o).getReader()
      await reader.read()
      return [o.bodyUsed, r.bodyUsed, o.body === r.body]
    },
  ],
  ['body piped', async (web, r) => new web.Response(streamIn(r).pipeThrough(new TransformStream()))],
  [
    'tee',
    async (web, r) => {
      const [a, b] = streamIn(r).tee()
      return [await new web.Response(a).text(), await new web.Response(b).text()]
    },
  ],
  [
    'bytes given are copied',
    async (web) => {
      const b = bytes(97)
      const r = new web.Response(b)
      b[0] = 98
      return r.text()
    },
  ],
  [
    'stream is kept',
    (web) => {
      const s = streamOf()
      return new web.Response(s).body === s
    },
  ],
  ['enumerable members', (web) => Object.keys(web.Response.prototype).sort()],
  ['members', (web) => Object.getOwnPropertyNames(web.Response.prototype).sort()],
  ['statics', (web) => Object.keys(web.Response).sort()],
  [
    'class facts',
    (web) => [
      web.Response.name,
      web.Response.length,
      web.Response.json.length,
      web.Response.redirect.length,
      web.Response.error.length,
    ],
  ],
  [
    'getters have no setter',
    (_, r) => {
      ;(r as { status: number }).status = 1
      return r.status
    },
  ],
  ['wrong receiver of a getter', (web) => web.Response.prototype.status],
  ['wrong receiver of a method', (web) => web.Response.prototype.text()],
  ['wrong receiver of clone', (web) => web.Response.prototype.clone.call({} as Response)],
  ['call without new', (web) => (web.Response as unknown as () => void)()],
  [
    'subclass',
    async (web) => {
      class Mine extends web.Response {
        own = 1
        get twice() {
          return this.status * 2
        }
      }
      const m = new Mine('x', { status: 201 })
      return [
        m.own,
        m.twice,
        m instanceof Mine,
        m instanceof web.Response,
        m.clone() instanceof Mine,
        await m.text(),
        Object.prototype.toString.call(m),
      ]
    },
  ],
  [
    'subclass statics',
    (web) => {
      class Mine extends web.Response {}
      return [
        Mine.json(1) instanceof Mine,
        Mine.error() instanceof Mine,
        Mine.redirect('http://a/') instanceof Mine,
      ]
    },
  ],
  [
    'own properties',
    (_, r) => {
      ;(r as { x?: number }).x = 1
      return Object.keys(r)
    },
  ],
  [
    'instanceof of others',
    (web) => [
      {} instanceof web.Response,
      ([null] as unknown[])[0] instanceof (web.Response as never),
      new web.Request('http://a') instanceof web.Response,
      Object.create(web.Response.prototype) instanceof web.Response,
    ],
  ],
  ['JSON.stringify', (_, r) => JSON.stringify(r)],
  ['String', (_, r) => String(r)],
  ['Response.json', (web) => web.Response.json({ a: [1, 'é'] }, { status: 201, headers: { x: '1' } })],
  [
    'Response.json keeps a Content-Type',
    (web) => web.Response.json(1, { headers: { 'content-type': 'application/x' } }),
  ],
  ...[undefined, null, 0, 'x', () => {}, Symbol('x'), 1n, { toJSON: () => undefined }].map(
    (data): [string, (web: Web) => unknown] => [
      `Response.json of ${String(data)}`,
      (web) => web.Response.json(data),
    ],
  ),
  [
    'Response.json of a circle',
    (web) => {
      const a: unknown[] = []
      a.push(a)
      return web.Response.json(a)
    },
  ],
  ['Response.json without data', (web) => (web.Response.json as () => unknown)()],
  ['Response.json with status 204', (web) => web.Response.json(1, { status: 204 })],
  ['Response.json with a bad init', (web) => web.Response.json(1, 5 as never)],
  ...[undefined, 301, 302, 303, 307, 308, 300, 304, 200, '301', null].map(
    (status): [string, (web: Web) => unknown] => [
      `Response.redirect with ${String(status)}`,
      (web) => web.Response.redirect('http://a/é?q#f', status as number),
    ],
  ),
  ['Response.redirect to a relative URL', (web) => web.Response.redirect('/x')],
  ['Response.redirect to a URL object', (web) => web.Response.redirect(new URL('http://a/b'))],
  ['Response.redirect without URL', (web) => (web.Response.redirect as () => unknown)()],
  [
    'Response.redirect has headers that cannot be changed',
    (web) => web.Response.redirect('http://a/').headers.set('a', '1'),
  ],
  ['a clone of it too', (web) => web.Response.redirect('http://a/').clone().headers.append('a', '1')],
  [
    'a copy of them can',
    (web) => {
      const h = new web.Headers(web.Response.redirect('http://a/').headers)
      h.set('a', '1')
      return h
    },
  ],
  ['Response.error', (web) => web.Response.error()],
  ['Response.error has headers that cannot be changed', (web) => web.Response.error().headers.delete('a')],
]

/** All operations on Response. */
export const responseCases: Case[] = [
  ...bodies.map(
    ([name, body]): Case => [
      `Response of ${name}`,
      async (web) => {
        const b = body()
        return new web.Response((name.includes('was read') ? await b : b) as BodyArgument)
      },
    ],
  ),
  ...bodies.map(
    ([name, body]): Case => [
      `clone of a Response of ${name}`,
      async (web) => {
        const b = body()
        const r = new web.Response((name.includes('was read') ? await b : b) as BodyArgument)
        return [r.clone(), r]
      },
    ],
  ),
  ...bodies.map(
    ([name, body]): Case => [`blob of ${name}`, (web) => new web.Response(body() as BodyArgument).blob()],
  ),
  ...inits.map(
    ([name, init]): Case => [`Response with init ${name}`, (web) => new web.Response('text', init as Init)],
  ),
  ...inits.map(
    ([name, init]): Case => [
      `Response without body with init ${name}`,
      (web) => new web.Response(null, init as Init),
    ],
  ),
  ...ways.map(([name, way]): Case => [`Response: ${name}`, (web) => way(web, new web.Response('text'))]),
]
