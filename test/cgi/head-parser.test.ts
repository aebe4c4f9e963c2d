import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeHead, prepareReply } from '../../src/cgi/codec/head.js'
import type { ProgramHead } from '../../src/cgi/codec/head-lines.js'
import { HeadParser, type HeadParserOptions } from '../../src/cgi/codec/head-parser.js'
import { ProgramError } from '../../src/core/errors.js'
import { bytesOf, concat, splits } from '../support/splits.js'

interface Parsed {
  head: ProgramHead
  rest: string
}

/** The head, identical for every way to split the input; the bytes after it must be the tail. */
function parse(input: string, options?: HeadParserOptions): ProgramHead {
  const results = splits(input).map((split) => {
    const { head, rest } = feed(split.pieces, options)
    expect(rest, split.name).toBe(Buffer.from(split.tail).toString('latin1'))
    return head
  })
  for (const head of results) expect(head).toEqual(results[0])
  return results[0] as ProgramHead
}

function feed(pieces: readonly Uint8Array[], options?: HeadParserOptions): Parsed {
  const parser = new HeadParser(options)
  for (let i = 0; i < pieces.length; i++) {
    const found = parser.push(pieces[i] as Uint8Array)
    if (found)
      return {
        head: found.head,
        rest: Buffer.from(concat([found.rest, ...pieces.slice(i + 1)])).toString('latin1'),
      }
  }
  return parser.end()
}

/** The error, identical for every way to split the input. */
function refusal(input: string, options?: HeadParserOptions): ProgramError {
  const errors = splits(input, '').map((split) => {
    try {
      feed(split.pieces, options)
    } catch (error) {
      if (error instanceof ProgramError) return error
      throw error
    }
    throw new Error(`${split.name}: nothing was thrown`)
  })
  for (const error of errors) expect(error.code).toBe(errors[0]?.code)
  return errors[0] as ProgramError
}

describe('RFC 3875 6.2.1: document', () => {
  it('with Content-Type alone is 200', () => {
    expect(parse('Content-Type: text/html\n\n')).toEqual({
      kind: 'document',
      status: 200,
      headers: ['Content-Type', 'text/html'],
      nph: false,
    })
  })

  it('with Status has its code and reason, and Status is not a header', () => {
    expect(parse('Status: 404 Not here\r\nContent-Type: a/b\r\nX: 1\r\n\r\n')).toEqual({
      kind: 'document',
      status: 404,
      reason: 'Not here',
      headers: ['Content-Type', 'a/b', 'X', '1'],
      nph: false,
    })
  })

  it.each(['Status: 201', 'Status:201', 'status: 201', 'STATUS:\t201  ', 'Status: 201 '])('%j', (line) => {
    const head = parse(`${line}\n\n`)
    expect(head.status).toBe(201)
    expect(head.reason).toBe(undefined)
  })

  it('Status may be last, and twice with the same code', () => {
    expect(parse('Content-Type: a/b\nStatus: 418 x\nStatus: 418\n\n').status).toBe(418)
  })
})

describe('RFC 3875 7.2: line ends', () => {
  it.each([
    ['LF', 'Content-Type: a/b\nX: 1\n\n'],
    ['CR LF', 'Content-Type: a/b\r\nX: 1\r\n\r\n'],
    ['LF, empty line CR LF', 'Content-Type: a/b\nX: 1\n\r\n'],
    ['CR LF, empty line LF', 'Content-Type: a/b\r\nX: 1\r\n\n'],
    ['mixed', 'Content-Type: a/b\r\nX: 1\n\r\n'],
  ])('%s', (_, input) => {
    expect(parse(input).headers).toEqual(['Content-Type', 'a/b', 'X', '1'])
  })

  it('CR alone ends no line', () => {
    const error = refusal('Content-Type: a/b\rX: 1\r\r\n\n')
    expect(error.code).toBe('PROGRAM_HEAD_INVALID')
    expect(error.message).toContain('control character 0x0d at column 18')
  })
})

describe('RFC 3875 6.2.2 to 6.2.4: redirects', () => {
  const kindOf = (input: string) => {
    const { kind, status, location } = parse(input)
    return { kind, status, location }
  }

  it('a path alone is a local redirect', () => {
    expect(kindOf('Location: /a?b\n\n')).toEqual({ kind: 'local-redirect', status: 200, location: '/a?b' })
  })

  it('an absolute URL is a client redirect with 302', () => {
    expect(kindOf('location: https://example.org/\n\n')).toEqual({
      kind: 'client-redirect',
      status: 302,
      location: 'https://example.org/',
    })
  })

  it('//host is never a local path', () => {
    expect(kindOf('Location: //evil.example/x\n\n')).toEqual({
      kind: 'client-redirect',
      status: 302,
      location: '//evil.example/x',
    })
  })

  it('a path with a redirect status is the client’s', () => {
    expect(kindOf('Status: 303 See Other\nLocation: /a\n\n').kind).toBe('client-redirect')
  })

  it('with a document', () => {
    expect(kindOf('Location: http://a/\nStatus: 301 Moved\nContent-Type: text/html\n\n')).toEqual({
      kind: 'client-redirect-document',
      status: 301,
      location: 'http://a/',
    })
    expect(kindOf('Location: http://a/\nContent-Type: text/html\n\n')).toMatchObject({
      kind: 'client-redirect-document',
      status: 302,
    })
  })

  it.each([200, 201, 304, 404])('with status %i is a document', (status) => {
    expect(kindOf(`Status: ${status} x\nLocation: /a\n\n`)).toEqual({
      kind: 'document',
      status,
      location: '/a',
    })
  })
})

describe('RFC 3875 6.3: header fields', () => {
  it('keep order, repeats and case; white space around values goes', () => {
    expect(parse('Content-Type:a/b\nSet-Cookie:  a=1 \t\nset-cookie: b: 2\n\n').headers).toEqual([
      'Content-Type',
      'a/b',
      'Set-Cookie',
      'a=1',
      'set-cookie',
      'b: 2',
    ])
  })

  it('without a value count as not sent', () => {
    expect(parse('Content-Type: a/b\nX:\nLocation: \n\n')).toEqual({
      kind: 'document',
      status: 200,
      headers: ['Content-Type', 'a/b'],
      nph: false,
    })
    expect(refusal('Content-Type:\n\n').message).toContain('none of Content-Type, Location and Status')
  })

  it('values are Latin-1 bytes', () => {
    expect(parse('Content-Type: a/b\nX: \xa0x\xa0 \n\n').headers.at(-1)).toBe('\xa0x\xa0')
    expect(parse('Content-Type: a/b\nX: \xe4\xff\n\n').headers.at(-1)).toBe('\xe4\xff')
  })

  it.each([
    ['no colon', 'Hello world\n\n', 'Line 1 of the output has no colon: "Hello world"'],
    ['no colon, after a field', 'Content-Type: a/b\nHello\n\n', 'Line 2 of the output has no colon: "Hello"'],
    ['a page without a head', '<!DOCTYPE html>\n<p>\n', 'has no colon: "<!DOCTYPE html>"'],
    ['continuation', 'Content-Type: a/b\n charset=x\n\n', 'begins with white space'],
    ['space before the colon', 'Content-Type : a/b\n\n', 'no valid field name'],
    ['no name', ': x\n\n', 'no valid field name'],
    ['empty first line', '\nContent-Type: a/b\n\n', 'Line 1 of the output is empty'],
    ['NUL', 'Content-Type: a/b\nX: a\0b\n\n', 'control character 0x00 at column 5'],
    ['no CGI field', 'X-Foo: bar\nSet-Cookie: a=b\n\nbody', 'none of Content-Type, Location and Status'],
    ['two Status', 'Status: 200 OK\nStatus: 404 Not Found\n\n', 'repeats a field with another value'],
    ['two Location', 'Location: /a\nlocation: /b\n\n', 'repeats a field with another value'],
    ['two Content-Length', 'Content-Type: a/b\nContent-Length: 1\nContent-Length: 2\n\n', 'repeats a field'],
  ])('%s', (_, input, message) => {
    const error = refusal(input)
    expect(error.code).toBe('PROGRAM_HEAD_INVALID')
    expect(error.message).toContain(message)
    expect(error.message).toMatch(/RFC 3875 section 6/)
    expect(error.message).toContain('began with "')
  })

  it.each([
    'Status: x',
    'Status: 99',
    'Status: 1000',
    'Status: 20',
    'Status: 200OK',
    'Status: 600 x',
    'Status: 101 Switching',
    'Status: 103 Early Hints',
    'Status: -200',
  ])('refuses %j', (line) => {
    expect(refusal(`${line}\nContent-Type: a/b\n\n`).message).toContain('RFC 3875 section 6.3.3')
  })

  it('equal Content-Length and Location fields count as one', () => {
    expect(
      parse('Location: http://a/\nLocation: http://a/\nContent-Length: 0\nContent-Length: 0\n\n').headers,
    ).toHaveLength(4)
  })
})

describe('output that ends too early', () => {
  it('6.1: nothing at all', () => {
    const error = refusal('')
    expect(error.code).toBe('PROGRAM_NO_OUTPUT')
    expect(error.status).toBe(502)
  })

  it.each(['C', 'Content-Type: a/b', 'Content-Type: a/b\n', 'Content-Type: a/b\r\n\r', 'Oops'])(
    '%j',
    (input) => {
      const error = refusal(input)
      expect(error.code).toBe('PROGRAM_HEAD_INCOMPLETE')
      expect(error.message).toContain(`after ${input.length} bytes`)
      expect(error.message).toContain(JSON.stringify(input))
    },
  )
})

describe('errors are readable', () => {
  it('bytes that are not text are escaped, long ones cut', () => {
    const error = refusal(`\xff\x1b${'x'.repeat(500)}\n`)
    expect(error.message).toMatch(/^[ -~…]+$/)
    expect(error.message).toContain('\\xff\\u001b')
    expect(error.message.length).toBeLessThan(600)
  })

  it('a wrong line is reported as soon as it ends', () => {
    expect(() => new HeadParser().push(bytesOf('Hello\n'))).toThrow(ProgramError)
  })
})

describe('limit maxBytes', () => {
  const field = (size: number) => `Content-Type: a/b\nX: ${'x'.repeat(size - 23)}\n\n`

  it('a head of exactly the limit is accepted', () => {
    expect(field(1000)).toHaveLength(1000)
    expect(parse(field(1000), { maxBytes: 1000 }).headers).toHaveLength(4)
    expect(parse(field(9000)).headers[3]).toHaveLength(8977)
  })

  it.each([field(1001), 'x'.repeat(1001), 'a: b\n'.repeat(300)])('one byte more does not', (input) => {
    const error = refusal(input, { maxBytes: 1000 })
    expect(error.code).toBe('PROGRAM_HEAD_TOO_LARGE')
    expect(error.message).toContain('1000 bytes')
  })

  it('is 65,536 by default', () => {
    expect(feed([bytesOf(field(65_536))]).head.headers).toHaveLength(4)
    expect(() => feed([bytesOf(field(65_537))])).toThrow(/65536/)
  })

  it('garbage without end costs neither memory nor time', () => {
    const parser = new HeadParser()
    expect(() => {
      for (let i = 0; i < 1e6; i++) parser.push(bytesOf('x'.repeat(1000)))
    }).toThrow(ProgramError)
    expect(parser.bytes).toBeLessThan(70_000)
  })
})

describe('RFC 3875 5: NPH', () => {
  it('is a whole HTTP response', () => {
    expect(parse('HTTP/1.1 404 Not here\r\nX: 1\r\nStatus: as it is\r\n\r\n', { nph: true })).toEqual({
      kind: 'document',
      status: 404,
      reason: 'Not here',
      headers: ['X', '1', 'Status', 'as it is'],
      nph: true,
    })
    expect(parse('HTTP/1.0 200\n\n', { nph: true }).status).toBe(200)
  })

  it.each(['Content-Type: a/b\n\n', 'HTTP/1.1 OK\n\n', 'HTTP/1.1\n\n'])('%j is not a head', (input) => {
    expect(refusal(input, { nph: true }).message).toContain('RFC 3875 section 5.2')
  })

  it('a status line from another script counts as its Status, as in lighttpd', () => {
    expect(parse('HTTP/1.1 201 Created\r\nContent-Type: a/b\r\n\r\n')).toMatchObject({
      status: 201,
      reason: 'Created',
      nph: false,
    })
    expect(refusal('HTTP/1.1 201 Created\nStatus: 200 OK\n\n').message).toContain('repeats')
  })
})

describe('properties', () => {
  const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/)
  const value = fc.stringMatching(/^[!-~\x80-\xff](?:[\t -~\x80-\xff]{0,30}[!-~\x80-\xff])?$/)
  const reserved =
    /^(status|location|content-length|content-type|connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade)$/i
  const headers = fc.array(
    fc.tuple(
      token.filter((name) => !reserved.test(name)),
      value,
    ),
    { maxLength: 12 },
  )

  it('what is encoded is parsed as it was', () => {
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), headers, fc.uint8Array(), (status, fields, body) => {
        const list = ['Content-Type', 'a/b', ...fields.flat()]
        const prepared = prepareReply({ status, headers: list, body }, 'GET')
        const text = Buffer.from(encodeHead(prepared), 'latin1')
        const { head, rest } = feed([concat([text, body])])
        expect(head).toMatchObject({ status, reason: prepared.reason, headers: prepared.headers })
        expect(Buffer.from(rest, 'latin1')).toEqual(Buffer.from(body))
      }),
    )
  })

  it('no bytes get past: a head or a ProgramError, the same for every cut', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'Status: 200 OK',
        'Content-Type: a/b',
        'Location: /x',
        '\n',
        '\r\n',
        '\r',
        ':',
        ' ',
        'HTTP/1.1 200 OK',
        '\0',
      ),
      fc.string({ maxLength: 5 }),
    )
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
        (parts, sizes) => {
          const bytes = Buffer.from(parts.join(''), 'latin1')
          const cut: Uint8Array[] = []
          for (let at = 0; at < bytes.length; ) {
            const size = sizes.next().value as number
            cut.push(bytes.subarray(at, at + size))
            at += size
          }
          expect(attempt(cut)).toEqual(attempt([bytes]))
        },
      ),
    )
  })

  function attempt(pieces: readonly Uint8Array[]): unknown {
    try {
      return feed(pieces)
    } catch (error) {
      if (error instanceof ProgramError) return error.code
      throw error
    }
  }
})
