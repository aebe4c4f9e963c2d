import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RequestError } from '../../src/errors.js'
import { encodeScgiHead, NetstringReader } from '../../src/scgi/netstring.js'

const limits = { maxParamsBytes: 100_000, maxParams: 100 }

/** Reads text cut at the given places; the body is what is left of the last chunk and all later ones. */
const read = (text: string, cuts: number[] = [], l = limits) => {
  const bytes = new Uint8Array(Buffer.from(text, 'latin1'))
  const reader = new NetstringReader(l)
  const places = [...new Set(cuts.filter((c) => c > 0 && c < bytes.length))].sort((a, b) => a - b)
  let at = 0
  for (const cut of [...places, bytes.length]) {
    const head = reader.push(bytes.subarray(at, cut))
    if (head !== null)
      return { params: head.params, length: head.contentLength, body: text.slice(at + head.bodyAt) }
    at = cut
  }
  return null
}

const message = (text: string, l = limits) => {
  try {
    return read(text, [], l)
  } catch (e) {
    if (!(e instanceof RequestError)) throw e
    return e.message
  }
}

const net = (headers: string) => `${headers.length}:${headers},`

describe('SCGI request head', () => {
  test('any headers, cut anywhere, with a body behind', () => {
    const name = fc
      .string({ unit: fc.constantFrom('A', 'B', '_', 'Z'), minLength: 1, maxLength: 9 })
      .map((n) => `HTTP_${n}`)
    const value = fc.string({
      unit: fc.integer({ min: 1, max: 255 }).map((c) => String.fromCharCode(c)),
      maxLength: 50,
    })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, value), { maxLength: 9 }),
        fc.array(fc.nat(900)),
        fc.string(),
        (pairs, cuts, tail) => {
          const body = Buffer.from(tail).toString('latin1')
          const got = read(encodeScgiHead(pairs.flat(), body.length) + body, cuts)
          const want = {
            params: ['CONTENT_LENGTH', `${body.length}`, 'SCGI', '1', ...pairs.flat()],
            length: body.length,
            body,
          }
          expect(got).toEqual(want)
        },
      ),
    )
  })

  test('byte by byte', () => {
    const text = encodeScgiHead(['REQUEST_METHOD', 'POST'], 4)
    expect(
      read(
        text,
        [...text].map((_, i) => i),
      ),
    ).toEqual({
      params: ['CONTENT_LENGTH', '4', 'SCGI', '1', 'REQUEST_METHOD', 'POST'],
      length: 4,
      body: '',
    })
  })

  test('part of a head is no head', () => {
    const text = encodeScgiHead([], 0)
    for (let i = 0; i < text.length; i++) expect(read(text.slice(0, i))).toBeNull()
  })

  test('nginx repeats request headers', () => {
    expect(read(encodeScgiHead(['HTTP_X', '1', 'HTTP_X', '2'], 0))?.params.slice(4)).toEqual([
      'HTTP_X',
      '1',
      'HTTP_X',
      '2',
    ])
  })

  test.each([
    ['GET / HTTP/1.1\r\n', 'HTTP'],
    ['\x16\x03\x01', 'TLS'],
    ['\x01\x01\0\x01', 'fastcgi_pass'],
    [':,', 'digit'],
    ['026:CONTENT_LENGTH\x000\0SCGI\x001\0,', 'digit'],
    ['1x', 'or ":"'],
    [`${'CONTENT_LENGTH\x000\0SCGI\x001\0'.length}:CONTENT_LENGTH\x000\0SCGI\x001\0;`, '"," was expected'],
    [net('CONTENT_LENGTH\x000\0SCGI\x001'), 'end with NUL'],
    [net('CONTENT_LENGTH\x000\0SCGI\x001\0X\0'), 'no value'],
    [net('CONTENT_LENGTH\x000\0\x001\0'), 'empty header name'],
    [net('SCGI\x001\0CONTENT_LENGTH\x000\0'), 'CONTENT_LENGTH was expected'],
    [net('CONTENT_LENGTH\0\0SCGI\x001\0'), 'CONTENT_LENGTH is ""'],
    [net('CONTENT_LENGTH\0-1\0SCGI\x001\0'), 'CONTENT_LENGTH is "-1"'],
    [net('CONTENT_LENGTH\x000\0'), 'SCGI'],
    [net('CONTENT_LENGTH\x000\0SCGI\x002\0'), 'SCGI'],
    [net('CONTENT_LENGTH\x000\0A\0SCGI\x001\0x\0'), 'SCGI'],
    [net('CONTENT_LENGTH\x000\0SCGI\x001\0A\x001\0A\x002\0'), 'A stands twice'],
    ['99999999999999999999999', 'maxParamsBytes'],
  ])('%j is refused: %s', (text, words) => {
    expect(message(text)).toContain(words)
  })

  test('maxParams', () => {
    expect(message(encodeScgiHead(['A', '1', 'B', '2'], 0), { ...limits, maxParams: 3 })).toContain(
      'maxParams',
    )
  })

  test('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (b) => void message(Buffer.from(b).toString('latin1'))),
    )
    fc.assert(fc.property(fc.string(), (b) => void message(net(Buffer.from(b).toString('latin1')))))
  })
})
