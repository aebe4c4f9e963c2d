// The apps: each does the same work for every kind of server. Each `node` function runs under node:http and
// under cgiup.
import { Buffer } from 'node:buffer'

const HELLO = 'hello world\n'
const MEGABYTE = Buffer.alloc(1 << 20, 'x')

/** About 1 KB as JSON. */
const RECORD = {
  id: 4711,
  name: 'a record of about one kilobyte',
  tags: Array.from({ length: 20 }, (_, i) => `tag number ${i}`),
  items: Array.from({ length: 12 }, (_, i) => ({ at: i, price: i * 1.25, unit: 'piece' })),
}

const TEN_HEADERS = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'private, max-age=60',
  vary: 'accept-encoding',
  etag: '"33a64df551425fcc55e4d42a148795d9f25f89d4"',
  'last-modified': 'Wed, 21 Oct 2015 07:28:00 GMT',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'same-origin',
  'set-cookie': 'session=0123456789abcdef; Path=/; HttpOnly',
  'x-request-id': '0123456789abcdef',
}

export const EVENTS = 200
const EVENT_MS = 5
const EVENT = 'data: {"count":1,"text":"an event of a stream"}\n\n'

/** One timer for all streams, like a program that sends the same events to many clients. */
const listeners = new Set()
setInterval(() => {
  for (const tell of listeners) tell()
}, EVENT_MS).unref()

const events = (send, end) => {
  let left = EVENTS
  const tell = () => {
    send(EVENT)
    if (--left > 0) return
    listeners.delete(tell)
    end()
  }
  listeners.add(tell)
}

/** Chunks of a body that is never completely in memory. */
const PIECE = 65536
const piecesOf = (megabytes) => Number(megabytes) << 4

export const fetchApps = {
  hello: { fetch: () => new Response(HELLO, { headers: { 'content-type': 'text/plain' } }) },
  json: { fetch: () => new Response(JSON.stringify(RECORD), { headers: TEN_HEADERS }) },
  echo: {
    fetch: async (request) =>
      new Response(await request.bytes(), { headers: { 'content-type': 'application/octet-stream' } }),
  },
  download: {
    fetch: () => new Response(MEGABYTE, { headers: { 'content-type': 'application/octet-stream' } }),
  },
  upload: {
    fetch: async (request) => {
      let size = 0
      for await (const piece of request.body) size += piece.length
      return new Response(`${size}\n`, { headers: { 'content-type': 'text/plain' } })
    },
  },
  sse: {
    fetch: () => {
      const encoder = new TextEncoder()
      const body = new ReadableStream({
        start: (controller) =>
          events(
            (text) => controller.enqueue(encoder.encode(text)),
            () => controller.close(),
          ),
      })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    },
  },
  never: { fetch: () => new Promise(() => {}) },
  unread: { fetch: ({ method }) => (method === 'GET' ? new Response(HELLO) : new Promise(() => {})) },
  flood: {
    fetch: (request) => {
      let left = piecesOf(request.headers.get('x-megabytes'))
      const body = new ReadableStream({
        pull: (controller) => {
          if (left-- > 0) controller.enqueue(new Uint8Array(PIECE))
          else controller.close()
        },
      })
      return new Response(body, { headers: { 'content-type': 'application/octet-stream' } })
    },
  },
}

export const nodeApps = {
  hello: (_req, res) => {
    res.setHeader('content-type', 'text/plain')
    res.setHeader('content-length', HELLO.length)
    res.end(HELLO)
  },
  json: (_req, res) => {
    for (const name in TEN_HEADERS) res.setHeader(name, TEN_HEADERS[name])
    const text = JSON.stringify(RECORD)
    res.setHeader('content-length', Buffer.byteLength(text))
    res.end(text)
  },
  echo: (req, res) => {
    const pieces = []
    req.on('data', (piece) => pieces.push(piece))
    req.on('end', () => {
      const body = Buffer.concat(pieces)
      res.setHeader('content-type', 'application/octet-stream')
      res.setHeader('content-length', body.length)
      res.end(body)
    })
  },
  download: (_req, res) => {
    res.setHeader('content-type', 'application/octet-stream')
    res.setHeader('content-length', MEGABYTE.length)
    res.end(MEGABYTE)
  },
  upload: (req, res) => {
    let size = 0
    req.on('data', (piece) => {
      size += piece.length
    })
    req.on('end', () => {
      const text = `${size}\n`
      res.setHeader('content-type', 'text/plain')
      res.setHeader('content-length', text.length)
      res.end(text)
    })
  },
  sse: (_req, res) => {
    res.setHeader('content-type', 'text/event-stream')
    events(
      (text) => res.write(text),
      () => res.end(),
    )
  },
  never: () => {},
  unread: (req, res) => {
    if (req.method === 'GET') res.end(HELLO)
  },
  flood: (req, res) => {
    let left = piecesOf(req.headers['x-megabytes'])
    res.setHeader('content-type', 'application/octet-stream')
    const more = () => {
      while (left-- > 0) if (!res.write(Buffer.alloc(PIECE))) return
      res.end()
    }
    res.on('drain', more)
    more()
  },
}

export const honoApp = async () => {
  const { Hono } = await import('hono')
  return new Hono().get('/hello', (context) => context.text(HELLO))
}

export const expressApp = async () => {
  const { default: express } = await import('express')
  return express()
    .disable('x-powered-by')
    .get('/hello', (_req, res) => res.type('text/plain').send(HELLO))
}
