import { describe, expect, it } from 'vitest'
import { encodeHead, prepareReply, reasonPhrase } from '../../src/cgi/codec/head.js'
import { AppError } from '../../src/core/errors.js'
import type { Reply } from '../../src/core/exchange.js'

function reply(parts: Partial<Reply>): Reply {
  return { status: 200, headers: ['Content-Type', 'text/plain'], body: null, ...parts }
}

function wire(parts: Partial<Reply>, method = 'GET'): string {
  return encodeHead(prepareReply(reply(parts), method))
}

function errorOf(work: () => unknown): AppError {
  try {
    work()
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

async function* stream(...pieces: string[]) {
  for (const piece of pieces) yield Buffer.from(piece)
}

describe('RFC 3875 6.3.3 Status', () => {
  it('comes first, with its reason, also for 200', () => {
    expect(wire({ body: 'hi' })).toBe(
      'Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n',
    )
    expect(wire({ status: 404, body: '' })).toMatch(/^Status: 404 Not Found\r\n/)
  })

  it('keeps the reason of the app, and has one for codes that are not registered', () => {
    expect(wire({ status: 404, reason: 'Nowhere' })).toMatch(/^Status: 404 Nowhere\r\n/)
    expect(wire({ status: 299 })).toMatch(/^Status: 299 Successful\r\n/)
    expect(wire({ status: 599 })).toMatch(/^Status: 599 Server Error\r\n/)
    expect(wire({ status: 404, reason: '' })).toMatch(/^Status: 404 Not Found\r\n/)
    expect(reasonPhrase(599)).toBe('Server Error')
  })

  it.each([0, 99, 100, 103, 199, 600, 999, 1000, 200.5, Number.NaN, '200' as unknown as number])(
    'refuses %s',
    (status) => {
      const error = errorOf(() => prepareReply(reply({ status }), 'GET'))
      expect(error.code).toBe('STATUS_INVALID')
      expect(error.message).toContain(String(status))
    },
  )

  it('refuses a reason that would break the line', () => {
    expect(errorOf(() => wire({ reason: 'OK\r\nX: 1' })).code).toBe('HEADER_INVALID')
    expect(errorOf(() => wire({ reason: 'schön \u2713' })).code).toBe('HEADER_INVALID')
  })

  it('is given once: a Status header of the app is not another one', () => {
    expect(wire({ headers: ['Status', '500 x', 'status', '1', 'Content-Type', 'text/plain'] })).not.toMatch(
      /500|: 1/,
    )
  })
})

describe('RFC 3875 6.3: header fields', () => {
  it.each([
    ['CR', 'a\rb'],
    ['LF', 'a\nb'],
    ['NUL', 'a\0b'],
    ['U+001B', 'a\x1bb'],
    ['U+007F', 'a\x7fb'],
  ])('refuses %s in a value and names the header', (what, value) => {
    const error = errorOf(() => wire({ headers: ['X-Thing', value] }))
    expect(error.code).toBe('HEADER_INVALID')
    expect(error.message).toContain('"X-Thing"')
    expect(error.message).toContain(`${what} at position 1`)
  })

  it('refuses characters that are not bytes, and says what to do instead', () => {
    const error = errorOf(() => wire({ headers: ['Location', '/caf\u00e9/\u2713'] }))
    expect(error.message).toContain('U+2713 at position 6')
    expect(error.message).toContain('percent-encode')
  })

  it('passes Latin-1 bytes and tabs', () => {
    expect(wire({ headers: ['X-A', 'caf\xe9\tx', 'Content-Type', 'a/b'] })).toContain('X-A: caf\xe9\tx\r\n')
  })

  it.each(['', 'a b', 'a:', 'a\r\n', 'ä', 'a\0', 'x(y)', '\u2713'])('refuses the name %j', (name) => {
    const error = errorOf(() => wire({ headers: [name, 'v'] }))
    expect(error.code).toBe('HEADER_INVALID')
    expect(error.message).toContain(JSON.stringify(name))
  })

  it.each([[['a']], [['a', 1]], [['a', undefined]], [[1, 'a']]])('refuses the list %j', (headers) => {
    expect(errorOf(() => wire({ headers: headers as string[] })).code).toBe('HEADER_INVALID')
  })

  it('keeps order and repeats', () => {
    const text = wire({ headers: ['Set-Cookie', 'a=1', 'X', '1', 'Set-Cookie', 'b=2'], status: 204 })
    expect(text).toBe('Status: 204 No Content\r\nSet-Cookie: a=1\r\nX: 1\r\nSet-Cookie: b=2\r\n\r\n')
  })

  it('8.2: CGI fields come first', () => {
    const text = wire({
      status: 302,
      headers: ['X', '1', 'Location', '/a', 'Content-Type', 'a/b'],
      body: 'x',
    })
    expect(text).toBe(
      'Status: 302 Found\r\nContent-Type: a/b\r\nLocation: /a\r\nContent-Length: 1\r\nX: 1\r\n\r\n',
    )
  })

  it('gives each CGI field once: the last one wins', () => {
    const text = wire({
      status: 302,
      headers: ['Location', '/a', 'content-type', 'a/a', 'location', '/b', 'Content-Type', 'b/b'],
      body: 'x',
    })
    expect(text).toBe('Status: 302 Found\r\nContent-Type: b/b\r\nLocation: /b\r\nContent-Length: 1\r\n\r\n')
  })

  it('counts an empty Content-Type or Location as none', () => {
    expect(wire({ headers: ['Content-Type', '', 'Location', ''] })).toBe(
      'Status: 200 OK\r\nContent-Length: 0\r\n\r\n',
    )
  })

  it('a thousand names do not fill the memory of names', () => {
    for (let i = 0; i < 1000; i++)
      expect(wire({ headers: [`X-${i}`, 'v'], status: 204 })).toContain(`X-${i}: v`)
    expect(wire({ headers: ['X-New', 'v', 'Connection', 'x-new'], status: 204 })).not.toContain('X-New')
  })
})

describe('RFC 3875 6.3.4: no fields about the connection', () => {
  it.each(['Transfer-Encoding', 'connection', 'Keep-Alive', 'Proxy-Connection', 'Trailer', 'TE', 'UPGRADE'])(
    'drops %s',
    (name) => {
      expect(wire({ headers: [name, 'y', 'X', '1'], status: 204 })).toBe(
        'Status: 204 No Content\r\nX: 1\r\n\r\n',
      )
    },
  )

  it('drops what Connection names, before and after it', () => {
    const headers = [
      'X-Hop',
      '1',
      'Connection',
      'close, X-Hop',
      'x-hop',
      '2',
      'connection',
      'Other',
      'Other',
      '3',
      'Stay',
      '4',
    ]
    expect(wire({ headers, status: 204 })).toBe('Status: 204 No Content\r\nStay: 4\r\n\r\n')
  })
})

describe('Content-Length', () => {
  it('is set for a body that is not streamed, counted in bytes', () => {
    expect(wire({ body: 'é✓' })).toContain('Content-Length: 5\r\n')
    expect(wire({ body: new Uint8Array(7) })).toContain('Content-Length: 7\r\n')
    expect(wire({ body: null })).toContain('Content-Length: 0\r\n')
  })

  it('that is wrong for a body that is not streamed is corrected, with a note', () => {
    const prepared = prepareReply(
      reply({ headers: ['Content-Length', '3', 'Content-Type', 'a/b'], body: 'hello' }),
      'GET',
    )
    expect(encodeHead(prepared)).toContain('Content-Length: 5\r\n')
    expect(prepared.notes?.join()).toContain('"3" for a body of 5 bytes')
    expect(
      prepareReply(reply({ headers: ['content-length', '5', 'Content-Type', 'a/b'], body: 'hello' }), 'GET')
        .notes,
    ).toBe(null)
  })

  it('of a stream is the app’s word, and tells how much must follow', () => {
    const prepared = prepareReply(reply({ headers: ['Content-Length', '3'], body: stream('abc') }), 'GET')
    expect(prepared.length).toBe(3)
    expect(encodeHead(prepared)).toContain('Content-Length: 3\r\n')
    expect(prepareReply(reply({ body: stream('abc') }), 'GET').length).toBe(null)
    expect(wire({ body: stream() })).not.toContain('Content-Length')
  })

  it.each(['-1', 'x', '3, 3', '1e3', '12345678901234567890'])('of %j is refused for a stream', (value) => {
    const error = errorOf(() => wire({ headers: ['Content-Length', value], body: stream() }))
    expect(error.code).toBe('CONTENT_LENGTH_INVALID')
  })

  it('twice: equal is one, different is refused', () => {
    const twice = (a: string, b: string) =>
      wire({ headers: ['Content-Length', a, 'content-length', b], body: stream() })
    expect(twice('3', '3').match(/Content-Length/g)).toHaveLength(1)
    expect(errorOf(() => twice('3', '4')).code).toBe('CONTENT_LENGTH_INVALID')
  })
})

describe('RFC 3875 6.2.1, 6.3.1: Content-Type with a body', () => {
  it.each([
    ['text/plain; charset=utf-8', 'hello'],
    ['text/html; charset=utf-8', '\n <!DOCTYPE html><p>x'],
    ['text/html; charset=utf-8', Buffer.from('<html lang="en">')],
    ['text/plain; charset=utf-8', Buffer.from('caf\u00e9 <b>')],
    ['application/octet-stream', new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 1])],
  ])('is %s where the app gave none', (type, body) => {
    const prepared = prepareReply(reply({ headers: [], body }), 'GET')
    expect(encodeHead(prepared)).toContain(`Content-Type: ${type}\r\n`)
    expect(prepared.notes?.join()).toContain('no Content-Type')
  })

  it('is application/octet-stream for a stream without one', () => {
    expect(wire({ headers: [], body: stream('<html>') })).toContain(
      'Content-Type: application/octet-stream\r\n',
    )
  })

  it('is not invented without a body', () => {
    for (const body of [null, '', new Uint8Array(0)])
      expect(wire({ headers: [], body })).not.toContain('Content-Type')
  })
})

describe('replies without content', () => {
  it('RFC 3875 4.3.3: HEAD has the head of GET and no body', () => {
    const headers = ['Content-Type', 'a/b', 'ETag', '"1"']
    const head = prepareReply(reply({ headers, body: 'hello' }), 'HEAD')
    expect(encodeHead(head)).toBe(wire({ headers, body: 'hello' }))
    expect(head.body).toBe(null)
    expect(head.length).toBe(0)
  })

  it('HEAD keeps the length that the app knows, and does not invent 0', () => {
    expect(wire({ headers: ['Content-Type', 'a/b', 'Content-Length', '99'] }, 'HEAD')).toContain(
      'Content-Length: 99\r\n',
    )
    expect(wire({ body: '' }, 'HEAD')).not.toContain('Content-Length')
  })

  it.each([204, 304])('%i has neither body, nor length, nor type', (status) => {
    const prepared = prepareReply(
      reply({ status, headers: ['Content-Type', 'a/b', 'Content-Length', '3', 'ETag', '"x"'], body: 'abc' }),
      'GET',
    )
    expect(encodeHead(prepared)).toBe(`Status: ${status} ${reasonPhrase(status)}\r\nETag: "x"\r\n\r\n`)
    expect(prepared.body).toBe(null)
  })

  it('RFC 9110 15.3.6: 205 has an empty body', () => {
    expect(wire({ status: 205, body: 'x' })).toBe('Status: 205 Reset Content\r\nContent-Length: 0\r\n\r\n')
  })

  it('hands a stream that may not be sent back to the adapter', () => {
    const body = stream('x')
    expect(prepareReply(reply({ body }), 'HEAD').dropped).toBe(body)
    expect(prepareReply(reply({ status: 204, body }), 'GET').dropped).toBe(body)
    expect(prepareReply(reply({ body: 'x' }), 'HEAD').dropped).toBe(null)
    expect(prepareReply(reply({ body }), 'GET').dropped).toBe(null)
  })
})

describe('RFC 3875 6.2: Location', () => {
  it('6.2.4: a redirect with a body keeps Status, Location and body', () => {
    const prepared = prepareReply(
      reply({ status: 303, headers: ['Location', '/next', 'Content-Type', 'a/b'], body: 'go' }),
      'POST',
    )
    expect(encodeHead(prepared)).toContain(
      'Status: 303 See Other\r\nContent-Type: a/b\r\nLocation: /next\r\n',
    )
    expect(prepared.body).toBe('go')
  })

  it('201 keeps its Location', () => {
    expect(wire({ status: 201, headers: ['Location', '/new'] })).toContain('Location: /new')
  })

  it('6.2.2: with 200 it would be a local redirect: left out, with a note', () => {
    const prepared = prepareReply(
      reply({ headers: ['Location', '/secret', 'Content-Type', 'a/b'], body: 'x' }),
      'GET',
    )
    expect(encodeHead(prepared)).not.toContain('Location')
    expect(prepared.notes?.join()).toContain('Location was removed')
  })

  it('stays with 200 where the reply goes out as HTTP', () => {
    expect(encodeHead(prepareReply(reply({ headers: ['Location', '/x'] }), 'GET', false))).toContain(
      'Location: /x',
    )
  })
})

describe('what is not a reply', () => {
  it.each([undefined, null, 'text', 42, {}, { status: 200, headers: {}, body: null }])('%j', (value) => {
    expect(errorOf(() => prepareReply(value as unknown as Reply, 'GET')).code).toBe('REPLY_INVALID')
  })

  it.each([42, {}, [], new Response('x')])('a body that is %s', (body) => {
    const error = errorOf(() => prepareReply(reply({ body: body as unknown as string }), 'GET'))
    expect(error.code).toBe('REPLY_INVALID')
    expect(error.message).toMatch(/number|Object|Array|Response/)
  })

  it('an undefined body is an empty one', () => {
    expect(wire({ body: undefined as unknown as null })).toContain('Content-Length: 0')
  })
})

describe('RFC 3875 5.2: NPH', () => {
  const nph = (protocol: string, headers: string[] = ['Content-Type', 'a/b']) =>
    encodeHead(prepareReply(reply({ headers, body: 'x' }), 'GET'), {
      nph: true,
      protocol,
      date: 'Thu, 01 Jan 1970 00:00:00 GMT',
    })

  it('is a complete HTTP response head that keeps no connection open', () => {
    expect(nph('HTTP/1.1')).toBe(
      'HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nConnection: close\r\nContent-Type: a/b\r\nContent-Length: 1\r\n\r\n',
    )
  })

  it('answers with the version of SERVER_PROTOCOL, at most 1.1', () => {
    expect(nph('HTTP/1.0')).toMatch(/^HTTP\/1\.0 200 OK/)
    expect(nph('HTTP/2.0')).toMatch(/^HTTP\/1\.1 200 OK/)
    expect(nph('INCLUDED')).toMatch(/^HTTP\/1\.1 200 OK/)
  })

  it('keeps the Date of the app', () => {
    expect(nph('HTTP/1.1', ['date', 'today', 'Content-Type', 'a/b']).match(/date/gi)).toHaveLength(1)
  })

  it('a verbatim reply is left as it is', () => {
    const body = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
    const prepared = prepareReply(
      { status: 200, headers: ['Connection', 'close'], body, verbatim: true },
      'HEAD',
    )
    expect(prepared).toMatchObject({ verbatim: true, body, headers: ['Connection', 'close'] })
  })
})
