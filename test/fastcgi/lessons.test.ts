/** Regression tests for bugs of other responders, each with its number in SPEC's bug history. */
import { describe, expect, test } from 'vitest'
import { toHandler } from '../../src/app/handler.js'
import type { App } from '../../src/app/types.js'
import { RecordReader, RecordType } from '../../src/fastcgi/codec/record.js'
import { shortest } from '../support/timing.js'
import { begin, get, type Peer, params, post, stdin, stdinEnd } from './peer.js'
import { echo, serve, text } from './serving.js'

const ask = async (app: App, list: readonly string[], body?: string): Promise<string> => {
  const { peer } = await serve(await toHandler(app))
  const p = peer()
  p.send(body === undefined ? get(1, list) : post(1, body, list))
  return (await p.ended(1)).body
}

/** The content of the STDOUT records of a connection. */
const contents = (p: Peer): string[] => {
  const list: string[] = []
  let content = ''
  const reader = new RecordReader()
  p.socket.on('data', (chunk) =>
    reader.push(chunk, (type, _id, bytes, start, end, remaining) => {
      if (type !== RecordType.STDOUT) return
      content += Buffer.from(bytes).toString('latin1', start, end)
      if (remaining > 0) return
      list.push(content)
      content = ''
    }),
  )
  return list
}

describe('what reaches the app', () => {
  test('1 httpoxy, CVE-2016-5385: a Proxy header is neither a header nor a variable', async () => {
    const app: App = {
      fetch: (request, env) =>
        Response.json([request.headers.get('proxy'), env.HTTP_PROXY, process.env.HTTP_PROXY]),
    }
    expect(await ask(app, ['HTTP_PROXY', 'http://evil.example'])).toBe('[null,null,null]')
  })

  test('25 nginx repeats header fields as parameters: all values count; of SCRIPT_NAME the last one', async () => {
    const app: App = {
      fetch: (request, env) =>
        Response.json([request.headers.get('x-a'), request.headers.get('cookie'), env.SCRIPT_NAME]),
    }
    const list = ['HTTP_X_A', '1', 'SCRIPT_NAME', '/a', 'HTTP_X_A', '2', 'SCRIPT_NAME', '/b']
    expect(await ask(app, [...list, 'HTTP_COOKIE', 'a=1', 'HTTP_COOKIE', 'b=2'])).toBe(
      '["1, 2","a=1; b=2","/b"]',
    )
  })

  test('24 nginx sends empty CONTENT_TYPE and CONTENT_LENGTH: there is no body and no type', async () => {
    const app: App = {
      fetch: (request) => Response.json([request.body === null, [...request.headers.keys()]]),
    }
    expect(await ask(app, ['CONTENT_TYPE', '', 'CONTENT_LENGTH', ''])).toBe('[true,[]]')
  })

  test.each([
    ['without CONTENT_LENGTH', []],
    ['with an empty one', ['CONTENT_LENGTH', '']],
    ['with -1 (Caddy)', ['CONTENT_LENGTH', '-1']],
    ['with 0 (Caddy)', ['CONTENT_LENGTH', '0']],
    ['with nonsense', ['CONTENT_LENGTH', '12x']],
  ])('18 php bug 60826: a chunked upload %s arrives', async (_, list) => {
    const { peer } = await serve(await toHandler({ fetch: async (r) => new Response(await r.text()) }))
    const p = peer()
    p.send(begin(1, 1, 1) + params(1, ['REQUEST_METHOD', 'POST', 'REQUEST_URI', '/', ...list]))
    p.send(stdin(1, 'in '))
    p.send(stdin(1, 'pieces') + stdinEnd(1))
    expect((await p.ended(1)).body).toBe('in pieces')
  })

  test('32 Go 39190: an empty body is a body that can be read', async () => {
    const app: App = {
      fetch: async (request) => Response.json([await request.text(), request.bodyUsed]),
    }
    expect(await ask(app, [], '')).toMatch(/^\["",(true|false)\]$/)
  })

  test("Apache's ErrorDocument repeats CONTENT_LENGTH without a body: it is not waited for", async () => {
    const { peer } = await serve(echo)
    const list = ['REQUEST_METHOD', 'GET', 'CONTENT_LENGTH', '8', 'REDIRECT_REQUEST_METHOD', 'POST']
    const time = await shortest(950, async () => {
      const p = peer()
      const began = performance.now()
      p.send(begin(1, 1, 0) + params(1, [...list, 'REDIRECT_STATUS', '403']) + stdinEnd(1))
      await p.close()
      expect(p.answer(1)).toMatchObject({ status: '200', body: '' })
      return performance.now() - began
    })
    // Otherwise it would take a second.
    expect(time).toBeLessThan(950)
  })
})

describe('output', () => {
  test('15 node-fastcgi 8: Transfer-Encoding and Connection of an app stay here', async () => {
    const { peer } = await serve(
      await toHandler((_req, res) => {
        res.setHeader('Transfer-Encoding', 'chunked')
        res.setHeader('Connection', 'keep-alive')
        res.setHeader('Content-Type', 'text/plain')
        res.write('one ')
        res.end('two')
      }),
    )
    const p = peer()
    p.send(get(1))
    const { stdout } = await p.ended(1)
    expect(stdout).toMatch(/^Status: 200 OK\r\nContent-Type: text\/plain\r\n/)
    expect(stdout).not.toMatch(/transfer-encoding|connection|keep-alive/i)
    expect(stdout.endsWith('\r\n\r\none two')).toBe(true)
  })

  test('33 php bug 72185, ferron 19: no empty record in the middle, none of 65536 bytes', async () => {
    for (const size of [65527, 65528, 65529, 65535, 65536, 65537, 131_056, 131_072]) {
      const { peer } = await serve(() =>
        text(
          (async function* () {
            yield Buffer.alloc(size, 'a')
            yield Buffer.alloc(0)
            yield Buffer.alloc(1, 'b')
          })(),
        ),
      )
      const p = peer()
      const records = contents(p)
      p.send(get(1))
      expect((await p.ended(1)).body.length).toBe(size + 1)
      expect(records.indexOf('')).toBe(records.length - 1)
    }
  })

  test('42 Go 68609: HEAD and 204 never have a body, however it is given', async () => {
    const pieces = async function* () {
      yield Buffer.from('body')
    }
    for (const body of ['body', Buffer.from('body'), pieces()]) {
      const { peer } = await serve(() => text(body))
      const p = peer()
      p.send(begin(1, 1, 1) + params(1, ['REQUEST_METHOD', 'HEAD', 'REQUEST_URI', '/']) + stdinEnd(1))
      expect((await p.ended(1)).body).toBe('')
    }
    const { peer } = await serve(() => text('body', 204))
    const p = peer()
    p.send(get(1))
    expect((await p.ended(1)).body).toBe('')
  })

  test('45 a status that HTTP does not have is a 500, not passed on', async () => {
    const { peer } = await serve(() => text('', 1000))
    const p = peer()
    p.send(get(1))
    expect((await p.ended(1)).status).toBe('500')
  })

  test('a whole HTTP response (NPH) is sent as servers read it', async () => {
    const { peer } = await serve(() => ({
      status: 200,
      headers: [],
      body: 'HTTP/1.1 201 Made\r\nContent-Type: text/plain\r\nX-A: b\r\n\r\nwhole',
      verbatim: true,
    }))
    const p = peer()
    p.send(get(1))
    const { stdout, body } = await p.ended(1)
    expect(stdout).toMatch(/^Status: 201 Made\r\nContent-Type: text\/plain\r\n/)
    expect(stdout).toContain('\r\nX-A: b\r\n')
    expect(body).toBe('whole')
  })

  test('an app that throws after its reply has ended spoils nothing', async () => {
    const { peer, log } = await serve(
      await toHandler((_req, res) => {
        res.setHeader('Content-Type', 'text/plain')
        res.end('fine')
        throw new Error('afterwards')
      }),
    )
    const p = peer()
    for (const id of [1, 2]) {
      p.send(get(id))
      expect((await p.ended(id)).body).toBe('fine')
    }
    expect(log.join('') + p.answer(1).stderr).toContain('afterwards')
  })
})
