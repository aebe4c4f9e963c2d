/** Each function gives the same reply through cgiup as on http.Server. */
import { createHash } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { pipeline, Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { type Call, seenOverHttp, seenThroughUs } from './node-exchange.js'

const apps: Record<string, [app: RequestListener, target?: string, call?: Call]> = {
  'end with text': [(_, res) => res.end('hello')],
  'end with bytes': [(_, res) => res.end(Buffer.from([0, 1, 255]))],
  'end with a Uint8Array': [(_, res) => res.end(new Uint8Array([1, 2, 3]))],
  'end with text in Latin-1': [(_, res) => res.end('h\u00e9', 'latin1')],
  'end with text in hex': [(_, res) => res.end('00ff', 'hex')],
  'end with text in base64': [(_, res) => res.end('aGVsbG8=', 'base64')],
  'end with text in UTF-16': [(_, res) => res.end('h\u00e9', 'utf16le')],
  'end with text beyond ASCII': [(_, res) => res.end('\u65e5\u672c \u{1f600}')],
  'end without anything': [(_, res) => res.end()],
  'end with an empty text': [(_, res) => res.end('')],
  'write, write, end': [
    (_, res) => {
      res.write('a')
      res.write(Buffer.from('b'))
      res.end('c')
    },
  ],
  'write later': [
    (_, res) => {
      res.write('a')
      setImmediate(() => {
        res.write('b')
        setImmediate(() => res.end('c'))
      })
    },
  ],
  'end later': [(_, res) => void setImmediate(() => res.end('later'))],
  'statusCode and statusMessage': [
    (_, res) => {
      res.statusCode = 418
      res.statusMessage = 'Short and stout'
      res.end('tea')
    },
  ],
  'an unknown status': [(_, res) => res.writeHead(599).end('odd')],
  'setHeader, several values': [
    (_, res) => {
      res.setHeader('Set-Cookie', ['a=1', 'b=2'])
      res.setHeader('X-Number', 7)
      res.setHeader('X-Text', 'caf\u00e9')
      res.end()
    },
  ],
  appendHeader: [
    (_, res) => {
      res.setHeader('X-A', '1')
      res.appendHeader('X-A', '2')
      res.appendHeader('X-B', ['3', '4'])
      res.end()
    },
  ],
  'setHeaders with a Map': [
    (_, res) => {
      res.setHeaders(new Map([['X-A', '1']]))
      res.end()
    },
  ],
  'setHeaders with Headers': [
    (_, res) => {
      const headers = new Headers({ 'x-a': '1' })
      headers.append('set-cookie', 'a=1')
      headers.append('set-cookie', 'b=2')
      res.setHeaders(headers)
      res.end()
    },
  ],
  'writeHead with an object': [
    (_, res) => res.writeHead(201, { 'X-A': 'b', 'Set-Cookie': ['a', 'b'] }).end('made'),
  ],
  'writeHead with a reason': [(_, res) => res.writeHead(200, 'Fine', { 'X-A': 'b' }).end('x')],
  'writeHead with a flat list': [
    (_, res) => res.writeHead(200, ['X-A', '1', 'X-A', '2', 'Set-Cookie', 'c']).end('x'),
  ],
  'writeHead with pairs': [
    (_, res) => {
      const pairs = [
        ['X-A', '1'],
        ['X-A', '2'],
      ]
      res.writeHead(200, pairs as never).end('x')
    },
  ],
  'writeHead over setHeader': [
    (_, res) => {
      res.setHeader('X-A', 'old')
      res.setHeader('X-B', 'kept')
      res.writeHead(200, { 'x-a': 'new' })
      res.end('x')
    },
  ],
  removeHeader: [
    (_, res) => {
      res.setHeader('X-A', '1')
      res.removeHeader('x-a')
      res.end('x')
    },
  ],
  flushHeaders: [
    (_, res) => {
      res.setHeader('X-A', '1')
      res.flushHeaders()
      setImmediate(() => res.end('x'))
    },
  ],
  'HEAD with end(text)': [(_, res) => res.end('hello'), '/', { method: 'HEAD' }],
  'HEAD with writes': [
    (_, res) => {
      res.write('a')
      setImmediate(() => res.end('b'))
    },
    '/',
    { method: 'HEAD' },
  ],
  'HEAD with pipe': [(_, res) => void Readable.from(['a', 'b']).pipe(res), '/', { method: 'HEAD' }],
  '204 with a body': [(_, res) => res.writeHead(204).end('not sent')],
  '304 with a body': [(_, res) => res.writeHead(304, { ETag: '"x"' }).end('not sent')],
  'Transfer-Encoding by setHeader': [
    (_, res) => {
      res.setHeader('Transfer-Encoding', 'chunked')
      res.write('a')
      setImmediate(() => res.end('b'))
    },
  ],
  'Transfer-Encoding by writeHead': [
    (_, res) => {
      res.writeHead(200, { 'transfer-encoding': 'chunked', 'X-A': '1' })
      res.end('body')
    },
  ],
  'Transfer-Encoding in a flat list': [
    (_, res) => {
      res.writeHead(200, ['Transfer-Encoding', 'chunked', 'X-A', '1'])
      res.end('body')
    },
  ],
  trailers: [
    (_, res) => {
      res.writeHead(200, { Trailer: 'X-Sum' })
      res.write('body')
      res.addTrailers({ 'X-Sum': 'abc' })
      res.end()
    },
  ],
  'the Trailer field by setHeader': [
    (_, res) => {
      res.setHeader('Trailer', 'X-Sum')
      res.end('body')
    },
  ],
  'Connection and Keep-Alive': [
    (_, res) => res.writeHead(200, { Connection: 'close', 'Keep-Alive': 'timeout=9' }).end('x'),
  ],
  'interim responses': [
    (_, res) => {
      res.writeContinue()
      res.writeProcessing()
      res.writeEarlyHints({ link: '</a.css>; rel=preload; as=style' })
      res.end('after')
    },
  ],
  'cork and uncork': [
    (_, res) => {
      res.cork()
      res.write('a')
      res.write('b')
      setImmediate(() => {
        res.uncork()
        res.end('c')
      })
    },
  ],
  'pipe of a stream': [(_, res) => void Readable.from(['one ', 'two ', 'three']).pipe(res)],
  'pipeline of many pieces': [
    (_, res) => {
      const pieces = Readable.from(
        (function* () {
          for (let i = 0; i < 300; i++) yield Buffer.alloc(4096, i)
        })(),
      )
      pipeline(pieces, res, () => {})
    },
  ],
  'large text at once': [(_, res) => res.end('\u00e9'.repeat(500_000))],
  'method and url': [
    (req, res) => res.end(`${req.method} ${req.url}`),
    '/a//b/%2F?c=d&e',
    { method: 'PURGE' },
  ],
  'request headers': [
    (req, res) => {
      const { host: _, connection: __, ...headers } = req.headers
      res.end(JSON.stringify(Object.entries(headers).sort()))
    },
    '/',
    { headers: { 'X-A': '1', Cookie: 'a=1; b=2', 'User-Agent': 'me', Accept: 'text/*' } },
  ],
  'a body, by events': [
    (req, res) => {
      const hash = createHash('sha256')
      req.on('data', (piece) => hash.update(piece))
      req.on('end', () => res.end(`${hash.digest('hex')} ${req.complete}`))
    },
    '/',
    { body: Buffer.alloc(1_000_000, 7) },
  ],
  'a body, by iteration': [
    async (req, res) => {
      let length = 0
      for await (const piece of req) length += piece.length
      res.end(`${length} ${req.headers['content-length']}`)
    },
    '/',
    { body: Buffer.alloc(100_000, 7) },
  ],
  'a body without a length': [
    async (req, res) => {
      let all = ''
      req.setEncoding('utf8')
      for await (const piece of req) all += piece
      res.end(`${all} ${req.headers['transfer-encoding']} ${req.headers['content-length']}`)
    },
    '/',
    { body: Readable.from(['one ', 'two ', 'three']) },
  ],
  'an echo': [(req, res) => void req.pipe(res), '/', { body: Buffer.alloc(300_000, 9) }],
  'a body that nobody reads': [(_, res) => res.end('no'), '/', { body: Buffer.alloc(100_000) }],
  'no body, read nevertheless': [
    (req, res) => {
      req.resume()
      req.on('end', () => res.end(`end ${req.complete} ${req.readableEnded}`))
    },
  ],
}

describe('the same reply as on http.Server', () => {
  test.each(Object.entries(apps))('%s', async (_, [app, target = '/', call = {}]) => {
    const again = () =>
      call.body instanceof Readable ? { ...call, body: Readable.from(['one ', 'two ', 'three']) } : call
    const expected = await seenOverHttp(app, target, again())
    expect(await seenThroughUs(app, target, again())).toEqual(expected)
  })
})
