import { bodies } from './body-cases.js'
import { type Case, last, streamOf, type Web } from './observe.js'

type Input = ConstructorParameters<typeof Request>[0]
type Init = ConstructorParameters<typeof Request>[1]

const URL_TEXT = 'http://example.com/a?b#c'

const inputs: [string, unknown][] = [
  ['a URL', URL_TEXT],
  ['a URL object', new URL(URL_TEXT)],
  ['a URL to normalise', 'HTTP://EXAMPLE.com:80/a/../%7eb/./é?ü=|#x y'],
  ['a host only', 'http://example.com'],
  ['a data URL', 'data:text/plain,x'],
  ['an object', { toString: () => 'http://x/' }],
  ['a relative URL', '/x'],
  ['an empty string', ''],
  ['undefined', undefined],
  ['null', null],
  ['a symbol', Symbol('x')],
  ['credentials', 'http://u:p@example.com/'],
  ['a user', 'http://u@example.com/'],
]

const methods = [
  'get',
  'GET',
  'Post',
  'put',
  'delete',
  'head',
  'options',
  'PATCH',
  'Patch',
  'foo',
  'FOO',
  'connect',
  'TRACE',
  'track',
  '',
  'a b',
  'é',
  'ā',
  null,
  5,
]

const members: [string, unknown][] = [
  ['headers', { 'X-A': '1' }],
  ['headers', null],
  ['headers', 5],
  ['headers', { 'a b': '1' }],
  ['referrer', ''],
  ['referrer', 'about:client'],
  ['referrer', 'http://r.example/x#y'],
  ['referrer', '/relative'],
  ...['', 'no-referrer', 'origin', 'unsafe-url', 'bogus', null].map((v): [string, unknown] => [
    'referrerPolicy',
    v,
  ]),
  ...['cors', 'no-cors', 'same-origin', 'navigate', 'websocket', 'bogus', null].map(
    (v): [string, unknown] => ['mode', v],
  ),
  ...['omit', 'include', 'same-origin', 'bogus'].map((v): [string, unknown] => ['credentials', v]),
  ...['default', 'no-store', 'reload', 'no-cache', 'force-cache', 'only-if-cached', 'bogus'].map(
    (v): [string, unknown] => ['cache', v],
  ),
  ...['follow', 'error', 'manual', 'bogus'].map((v): [string, unknown] => ['redirect', v]),
  ['integrity', 'sha256-x'],
  ['integrity', 5],
  ['integrity', null],
  ['keepalive', true],
  ['keepalive', 0],
  ['keepalive', 'x'],
  ['signal', null],
  ['signal', undefined],
  ['signal', AbortSignal.abort('why')],
  ['signal', new AbortController().signal],
  ['signal', {}],
  ['signal', 1],
  ['window', null],
  ['window', 1],
  ['duplex', 'half'],
  ['duplex', 'full'],
  ['duplex', 5],
  ['body', null],
  ['body', undefined],
  ['body', 'text'],
  ['unknown', 1],
]

const post = (web: Web): Request =>
  new web.Request(URL_TEXT, { method: 'POST', body: 'text', headers: { a: '1' } })

const ways: [string, (web: Web, r: Request) => unknown][] = [
  ['clone', (_, r) => [r.clone(), r]],
  [
    'clone has separate headers',
    (_, r) => {
      const c = r.clone()
      c.headers.set('x', '1')
      return [c.headers, r.headers]
    },
  ],
  ['used, then cloned', async (_, r) => last(await r.text(), r.clone())],
  [
    'copy',
    async (web, r) => {
      const c = new web.Request(r)
      return [r.bodyUsed, c, await r.text().catch((e: Error) => e.name)]
    },
  ],
  ['copy of a copy', (web, r) => new web.Request(new web.Request(r))],
  ['copy with an empty init', (web, r) => new web.Request(r, {})],
  ['copy with another method', (web, r) => new web.Request(r, { method: 'PUT' })],
  ['copy as GET', (web, r) => new web.Request(r, { method: 'GET' })],
  ['copy with other headers', (web, r) => new web.Request(r, { headers: { b: '2' } })],
  ['copy with no headers', (web, r) => new web.Request(r, { headers: {} })],
  ['copy with another body', async (web, r) => [new web.Request(r, { body: 'other' }), await r.text()]],
  ['copy with a body of another type', (web, r) => new web.Request(r, { body: new URLSearchParams('a=1') })],
  ['copy after use', async (web, r) => last(await r.text(), new web.Request(r))],
  ['copy after use with a body', async (web, r) => last(await r.text(), new web.Request(r, { body: 'new' }))],
  ['copy after the body was named', (web, r) => last(r.body, new web.Request(r))],
  ['copy of a locked one', (web, r) => last(r.body?.getReader(), new web.Request(r))],
  ['copy to another URL', (web, r) => new web.Request('http://other.example/', r)],
  [
    'copy keeps send options',
    (web) =>
      new web.Request(
        new web.Request(URL_TEXT, {
          mode: 'same-origin',
          cache: 'no-store',
          redirect: 'manual',
          integrity: 'x',
          keepalive: true,
          credentials: 'omit',
        }),
      ),
  ],
  [
    'copy with init keeps most send options',
    (web) =>
      new web.Request(
        new web.Request(URL_TEXT, {
          mode: 'same-origin',
          cache: 'no-store',
          referrer: 'http://r/',
          referrerPolicy: 'origin',
        }),
        { method: 'POST' },
      ),
  ],
  ['signal is one object', (_, r) => Object.is(r.signal, r.signal)],
  [
    'signal is not the one given',
    (web) => {
      const { signal } = new AbortController()
      return new web.Request(URL_TEXT, { signal }).signal === signal
    },
  ],
  [
    'signal follows',
    (web) => {
      const c = new AbortController()
      const r = new web.Request(URL_TEXT, { signal: c.signal })
      const before = r.signal.aborted
      c.abort('why')
      return [before, r.signal]
    },
  ],
  [
    'signal of a copy follows',
    (web) => {
      const c = new AbortController()
      const r = new web.Request(new web.Request(URL_TEXT, { signal: c.signal }))
      c.abort('why')
      return r.signal
    },
  ],
  [
    'signal of a clone follows',
    (web) => {
      const c = new AbortController()
      const r = new web.Request(URL_TEXT, { signal: c.signal })
      const d = r.clone()
      c.abort('why')
      return [r.signal, d.signal, r.signal === d.signal]
    },
  ],
  [
    'signal of a copy without',
    (web) => {
      const c = new AbortController()
      const r = new web.Request(new web.Request(URL_TEXT, { signal: c.signal }), { signal: null })
      c.abort('why')
      return r.signal
    },
  ],
  [
    'abort event',
    (web) => {
      const c = new AbortController()
      const r = new web.Request(URL_TEXT, { signal: c.signal })
      let seen = 0
      r.signal.addEventListener('abort', () => seen++)
      c.abort()
      return seen
    },
  ],
  ['json', (web) => new web.Request(URL_TEXT, { method: 'POST', body: '{"a":1}' }).json()],
  [
    'formData',
    (web) => new web.Request(URL_TEXT, { method: 'POST', body: new URLSearchParams('a=1&b=2') }).formData(),
  ],
  ['arrayBuffer', (_, r) => r.arrayBuffer()],
  [
    'enumerable members',
    (web) =>
      Object.keys(web.Request.prototype)
        .filter((n) => n !== 'attribute')
        .sort(),
  ],
  ['class facts', (web) => [web.Request.name, web.Request.length, Object.keys(web.Request)]],
  ['no arguments', (web) => new (web.Request as unknown as new () => Request)()],
  ['call without new', (web) => (web.Request as unknown as () => void)()],
  [
    'wrong receivers',
    (web) =>
      ['method', 'url', 'headers', 'signal', 'body', 'bodyUsed', 'duplex', 'mode'].map((n) => {
        try {
          void (web.Request.prototype as never as Record<string, unknown>)[n]
          return n
        } catch (e) {
          return (e as Error).name
        }
      }),
  ],
  [
    'subclass',
    (web) => {
      class Mine extends web.Request {
        own = 1
      }
      const m = new Mine(URL_TEXT)
      return [
        m.own,
        m instanceof Mine,
        m instanceof web.Request,
        m.clone() instanceof Mine,
        new web.Request(m),
      ]
    },
  ],
  ['String', (_, r) => String(r)],
  ['HEAD with body', (web) => new web.Request(URL_TEXT, { method: 'HEAD', body: 'x' })],
  ['GET with empty body', (web) => new web.Request(URL_TEXT, { body: '' })],
  [
    'stream with duplex',
    (web) => new web.Request(URL_TEXT, { method: 'POST', body: streamOf(), duplex: 'half' } as Init),
  ],
  [
    'stream in no-cors mode',
    (web) =>
      new web.Request(URL_TEXT, {
        method: 'POST',
        body: streamOf(),
        duplex: 'half',
        mode: 'no-cors',
      } as Init),
  ],
  [
    'keepalive with a stream',
    (web) =>
      new web.Request(URL_TEXT, {
        method: 'POST',
        body: (async function* () {})(),
        duplex: 'half',
        keepalive: true,
      }),
  ],
  ['no-cors with PUT', (web) => new web.Request(URL_TEXT, { method: 'PUT', mode: 'no-cors' })],
  [
    'headers of no-cors',
    (web) => {
      const r = new web.Request(URL_TEXT, { mode: 'no-cors' })
      r.headers.set('x-a', '1')
      return r
    },
  ],
  [
    'only-if-cached with same-origin',
    (web) => new web.Request(URL_TEXT, { cache: 'only-if-cached', mode: 'same-origin' }),
  ],
]

/** All operations on Request. */
export const requestCases: Case[] = [
  ...inputs.map(([name, input]): Case => [`Request of ${name}`, (web) => new web.Request(input as Input)]),
  ...methods.map(
    (method): Case => [
      `Request with method ${method}`,
      (web) => new web.Request(URL_TEXT, { method: method as string }),
    ],
  ),
  ...members.map(
    ([name, value], i): Case => [
      `Request with ${name} (${i})`,
      (web) => new web.Request(URL_TEXT, { [name]: value } as Init),
    ],
  ),
  ...[undefined, null, 1, 'x', {}, () => {}].map(
    (init): Case => [`Request with init ${String(init)}`, (web) => new web.Request(URL_TEXT, init as Init)],
  ),
  ...bodies.map(
    ([name, body]): Case => [
      `Request with body ${name}`,
      async (web) => {
        const b = body()
        return new web.Request(URL_TEXT, {
          method: 'POST',
          body: name.includes('was read') ? await b : b,
          duplex: 'half',
        } as Init)
      },
    ],
  ),
  ...bodies.map(
    ([name, body]): Case => [
      `Request with body ${name} without duplex`,
      (web) => new web.Request(URL_TEXT, { method: 'POST', body: body() } as Init).method,
    ],
  ),
  ...ways.map(([name, way]): Case => [`Request: ${name}`, (web) => way(web, post(web))]),
]
