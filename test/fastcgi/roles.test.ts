import { describe, expect, test } from 'vitest'
import { toHandler } from '../../src/app/handler.js'
import type { App } from '../../src/app/types.js'
import type { Handler } from '../../src/core/exchange.js'
import { RecordType } from '../../src/fastcgi/codec/record.js'
import { handlerFor } from '../../src/run/daemon.js'
import { resolveOptions } from '../../src/run/resolve.js'
import { begin, get, params, record, stdin, stdinEnd } from './peer.js'
import { readAll, readBody, serve, text } from './serving.js'

const AUTHORIZER = 2
const FILTER = 3

/** Allows clients that have the ticket. */
const door: App = {
  fetch(request, _env, { gateway }) {
    if (gateway.role !== 'authorizer') return new Response('a page')
    if (request.headers.get('x-ticket') !== 'valid') return new Response('no ticket', { status: 403 })
    return new Response(null, { headers: { 'Variable-VISITOR': 'anna', 'Variable-VISITS': '3' } })
  },
}

const ask = (id: number, headers: readonly string[] = [], keep = 1) =>
  begin(id, AUTHORIZER, keep) + params(id, ['REQUEST_METHOD', 'GET', 'REQUEST_URI', '/a', ...headers])

describe('FCGI 1.0 section 6.3: Authorizer', () => {
  test('status 200 lets the request pass, with Variable- fields for its environment', async () => {
    const { peer } = await serve(await toHandler(door))
    const p = peer()
    p.send(ask(1, ['HTTP_X_TICKET', 'valid']))
    const answer = await p.ended(1)
    expect(answer.status).toBe('200')
    // The Headers class lower-cases names; variables have capital letters.
    expect(answer.stdout).toContain('\r\nVariable-VISITOR: anna\r\nVariable-VISITS: 3\r\n')
    expect(answer.body).toBe('')
  })

  test('any other status is the answer to the client', async () => {
    const { peer } = await serve(await toHandler(door))
    const p = peer()
    p.send(ask(1))
    expect(await p.ended(1)).toMatchObject({ status: '403', body: 'no ticket', appStatus: 0 })
  })

  test('an app that knows the case of its variables keeps it', async () => {
    const { peer } = await serve(() => ({
      status: 200,
      headers: ['Variable-Mixed', 'a', 'X-Other', 'b'],
      body: null,
    }))
    const p = peer()
    p.send(ask(1))
    expect((await p.ended(1)).stdout).toContain('\r\nVariable-Mixed: a\r\nX-Other: b\r\n')
  })

  test('a Responder may send Variable- fields as it likes', async () => {
    const { peer } = await serve(() => ({ status: 200, headers: ['variable-x', 'a'], body: null }))
    const p = peer()
    p.send(get(1))
    expect((await p.ended(1)).stdout).toContain('\r\nvariable-x: a\r\n')
  })

  test('there is no STDIN: the body is empty, whatever the request of the client has', async () => {
    const { peer } = await serve(async (exchange) =>
      text(`${exchange.stdin.length} ${JSON.stringify(await readAll(exchange))}`),
    )
    const p = peer()
    p.send(ask(1, ['CONTENT_LENGTH', '5000']))
    expect((await p.ended(1)).body).toBe('0 ""')
  })

  test('an unexpected empty STDIN record, even after the reply, does no harm', async () => {
    const { peer, log } = await serve(() => text('denied', 403))
    const p = peer()
    p.send(ask(1, [], 0))
    expect((await p.ended(1)).body).toBe('denied')
    p.send(stdinEnd(1))
    p.socket.end()
    await p.close()
    expect(log).toEqual([])
  })

  test('through an app of its own', async () => {
    const handler = await handlerFor(
      { fetch: () => new Response('main') },
      resolveOptions({ authorizer: door }),
    )
    const { peer } = await serve(handler)
    const p = peer()
    p.send(ask(1))
    expect((await p.ended(1)).body).toBe('no ticket')
    p.send(get(2))
    expect((await p.ended(2)).body).toBe('main')
  })

  test('a Node app finds the role on the socket', async () => {
    const app: App = (req, res) => {
      const { gateway } = req.socket as unknown as { gateway: { role: string } }
      res.setHeader('Variable-ROLE', gateway.role)
      res.end()
    }
    const { peer } = await serve(await toHandler(app))
    const p = peer()
    p.send(ask(1))
    expect((await p.ended(1)).stdout).toContain('Variable-ROLE: authorizer\r\n')
  })
})

const filter = (id: number, list: readonly string[], keep = 1) =>
  begin(id, FILTER, keep) + params(id, ['REQUEST_METHOD', 'POST', 'REQUEST_URI', '/', ...list])
const data = (id: number, content: string) => {
  let records = ''
  for (let at = 0; at < content.length; at += 60000)
    records += record(RecordType.DATA, id, content.slice(at, at + 60000))
  return records
}
const dataEnd = (id: number) => record(RecordType.DATA, id)

const both: Handler = async (exchange) => {
  const body = await readAll(exchange)
  return text(`${body}|${exchange.data ? await readBody(exchange.data) : 'no data'}`)
}

describe('FCGI 1.0 section 6.4: Filter', () => {
  test('the file comes as a second body after STDIN, with its time of change', async () => {
    const app: App = {
      async fetch(request, env, { data, gateway }) {
        const body = await request.text()
        const file = await new Response(data).text()
        return Response.json([gateway.role, body, file, env.FCGI_DATA_LAST_MOD, env.FCGI_DATA_LENGTH])
      },
    }
    const { peer } = await serve(await toHandler(app))
    const p = peer()
    const list = ['CONTENT_LENGTH', '4', 'FCGI_DATA_LAST_MOD', '946684800', 'FCGI_DATA_LENGTH', '8']
    p.send(filter(1, list) + stdin(1, 'body') + stdinEnd(1))
    p.send(data(1, 'the ') + data(1, 'file') + dataEnd(1))
    expect(JSON.parse((await p.ended(1)).body)).toEqual(['filter', 'body', 'the file', '946684800', '8'])
  })

  test('a Node app gets it as a Readable', async () => {
    const app: App = async (req, res) => {
      const { data } = req.socket as unknown as { data: AsyncIterable<Buffer> }
      res.setHeader('Content-Type', 'text/plain')
      for await (const piece of data) res.write(piece.toString().toUpperCase())
      res.end()
    }
    const { peer } = await serve(await toHandler(app))
    const p = peer()
    p.send(filter(1, []) + stdinEnd(1) + data(1, 'small ') + data(1, 'letters') + dataEnd(1))
    expect((await p.ended(1)).body).toBe('SMALL LETTERS')
  })

  test('a Responder has none', async () => {
    const { peer } = await serve(both)
    const p = peer()
    p.send(get(1))
    expect((await p.ended(1)).body).toBe('|no data')
  })

  test('fewer or more bytes than FCGI_DATA_LENGTH are an error that the app sees', async () => {
    for (const [content, code] of [
      ['short', 'REQUEST_BODY_SHORT'],
      ['far too long', 'REQUEST_BODY_LONG'],
    ] as const) {
      const { peer } = await serve(async (exchange) => {
        const error = await readBody(exchange.data as never).catch((error) => error)
        return text(`${error.code} ${error.message}`)
      })
      const p = peer()
      p.send(filter(1, ['FCGI_DATA_LENGTH', '8']) + stdinEnd(1) + data(1, content) + dataEnd(1))
      const { body } = await p.ended(1)
      expect(body).toContain(code)
      expect(body).toContain('FCGI_DATA_LENGTH is 8')
    }
  })

  test('large files arrive completely, with back-pressure and without holding up other requests', async () => {
    const { peer } = await serve(both, { maxUnreadBytes: 1000 })
    const p = peer()
    const file = 'f'.repeat(3_000_000)
    p.send(filter(1, ['FCGI_DATA_LENGTH', `${file.length}`]) + data(1, file))
    p.send(get(2))
    expect((await p.ended(2)).body).toBe('|no data')
    p.send(stdinEnd(1) + dataEnd(1))
    expect((await p.ended(1)).body.length).toBe(1 + file.length)
  })

  test('a file that nobody reads is read to its end before the connection is closed', async () => {
    const { peer } = await serve(() => text('unread'))
    const p = peer()
    p.send(filter(1, [], 0) + stdinEnd(1))
    expect((await p.ended(1)).body).toBe('unread')
    p.send(data(1, 'x'.repeat(1_000_000)))
    p.send(dataEnd(1))
    await p.close()
  })

  test('when the client disconnects, reading the file fails', async () => {
    let told!: (code: string) => void
    const code = new Promise<string>((resolve) => {
      told = resolve
    })
    const { peer } = await serve(async (exchange) => {
      await readBody(exchange.data as never).catch((error) => told(error.code))
      return text('')
    })
    const p = peer()
    p.send(filter(1, []) + stdinEnd(1) + data(1, 'begun'))
    p.socket.end()
    expect(await code).toBe('REQUEST_ABORTED')
  })
})

describe('FCGI 1.0 section 5.5: other roles', () => {
  test('FCGI_UNKNOWN_ROLE at once; the connection lives where it is kept', async () => {
    const { peer } = await serve(both)
    const p = peer()
    p.send(begin(1, 4, 1) + params(1, ['A', 'b']) + stdinEnd(1) + get(2))
    expect(await p.ended(1)).toMatchObject({ protocolStatus: 3, stdout: '' })
    expect((await p.ended(2)).body).toBe('|no data')
  })

  test('... and is closed where it is not', async () => {
    const { peer, log } = await serve(both)
    const p = peer()
    p.send(begin(1, 400, 0))
    expect(await p.ended(1)).toMatchObject({ protocolStatus: 3 })
    p.send(params(1, ['A', 'b']) + stdinEnd(1))
    await p.close()
    expect(log).toEqual([])
  })
})
