import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RequestError } from '../../src/core/errors.js'
import { NetstringReader } from '../../src/scgi/codec/netstring.js'
import { encodeScgiHead } from './peer.js'

const limits = { maxParamsBytes: 100_000, maxParams: 100, maxDiscardBytes: 500_000 }

/** Reads text split at the given positions; the body is the rest of the last chunk and all later ones. */
const read = (text: string, cuts: number[] = [], l = limits) => {
  const bytes = new Uint8Array(Buffer.from(text, 'latin1'))
  const reader = new NetstringReader(l)
  const places = [...new Set(cuts.filter((c) => c > 0 && c < bytes.length))].sort((a, b) => a - b)
  let at = 0
  for (const cut of [...places, bytes.length]) {
    const head = reader.push(bytes.subarray(at, cut))
    if (head?.refused) throw head.refused
    if (head !== null)
      return { params: head.params, length: head.contentLength, body: text.slice(at + head.bodyAt) }
    at = cut
  }
  return null
}

const message = (text: string, l = limits, cuts: number[] = []) => {
  try {
    read(text, cuts, l)
    return undefined
  } catch (e) {
    if (!(e instanceof RequestError)) throw e
    return e.message
  }
}

const net = (headers: string) => `${headers.length}:${headers},`

describe('SCGI request head', () => {
  test('any headers, split anywhere, followed by a body', () => {
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

  test('part of a head is not a head', () => {
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
    ['GET / HTTP/1.1\r\n', 'byte 0 is 71', 'use scgi_pass, not proxy_pass'],
    ['\x16\x03\x01', 'byte 0 is 22', 'TLS'],
    ['\x01\x01\0\x01', 'byte 0 is 1', 'fastcgi_pass'],
    [':,', 'byte 0 is 58', 'digit'],
    ['026:CONTENT_LENGTH\x000\0SCGI\x001\0,', 'byte 0 is 48', 'digit'],
    ['0:,', 'byte 0 is 48', 'digit'],
    ['1x', 'byte 1 is 120', 'or ":"'],
    ['24:CONTENT_LENGTH\x000\0SCGI\x001\0;', 'byte 27 is 59', '"," was expected'],
    [net('CONTENT_LENGTH\x000\0SCGI\x001'), '(byte 25)', 'do not end with NUL'],
    [net('CONTENT_LENGTH\x000\0SCGI\x001\0X'), '(byte 27)', 'do not end with NUL'],
    [net('CONTENT_LENGTH\x000\0SCGI\x001\0X\0'), '(byte 27)', '"X" has no value'],
    [net('CONTENT_LENGTH\x000\0\x001\0'), '(byte 20)', 'a header name is empty'],
    [net('SCGI\x001\0CONTENT_LENGTH\x000\0'), '(byte 3)', 'CONTENT_LENGTH was expected'],
    [net('content_length\x000\0SCGI\x001\0'), '(byte 3)', 'CONTENT_LENGTH was expected'],
    [net('CONTENT_LENGTH\0\0SCGI\x001\0'), '(byte 3)', 'CONTENT_LENGTH is ""'],
    [net('CONTENT_LENGTH\0-1\0SCGI\x001\0'), '(byte 3)', 'CONTENT_LENGTH is "-1"'],
    [net('CONTENT_LENGTH\x000x1\0SCGI\x001\0'), '(byte 3)', 'CONTENT_LENGTH is "0x1"'],
    [net(`CONTENT_LENGTH\0${'9'.repeat(16)}\0SCGI\x001\0`), '(byte 3)', 'where a number'],
    [net('CONTENT_LENGTH\x000\0'), '(byte 20)', 'the header SCGI is missing'],
    [net('CONTENT_LENGTH\x000\0SCGI\x002\0'), '(byte 20)', 'SCGI is "2"'],
    [net('CONTENT_LENGTH\x000\0A\0SCGI\x001\0x\0'), '(byte 31)', 'the header SCGI is missing'],
    [net('CONTENT_LENGTH\x000\0SCGI\x001\0A\x001\0A\x002\0'), '(byte 31)', 'A is repeated'],
    [net('CONTENT_LENGTH\x000\0SCGI\x001\0CONTENT_LENGTH\x005\0'), '(byte 27)', 'is repeated'],
    [net('CONTENT_LENGTH\x000\0SCGI\x001\0SCGI\x001\0'), '(byte 27)', 'is repeated'],
    ['99999999999999999999999', 'maxParamsBytes', 'headers of 999999 bytes or more'],
  ])('%j is refused: %s, %s', (text, ...words) => {
    for (const word of words) expect(message(text)).toContain(word)
    // However it is split: the same message.
    const first = message(text)
    for (let i = 1; i < text.length; i++) expect(message(text, limits, [i])).toBe(first)
    expect(
      message(
        text,
        limits,
        [...text].map((_, i) => i),
      ),
    ).toBe(first)
  })

  test('a length of 007 is 7: nginx and Apache hand on what the client sent', () => {
    expect(read(net('CONTENT_LENGTH\x00007\0SCGI\x001\0'))?.length).toBe(7)
  })

  test('a half read head takes memory for what came, not for what was announced', () => {
    const reader = new NetstringReader(limits)
    reader.push(Buffer.from('99999:CONTENT_LENGTH\0'))
    expect(reader.retained).toBeLessThan(1024)
    for (let sent = 0; sent < 90_000; sent++) reader.push(Buffer.from('x'))
    expect(reader.retained).toBeLessThanOrEqual(100_000)
  })

  test('isAscii is true if all bytes are ASCII', () => {
    const isAscii = (value: string) =>
      new NetstringReader(limits).push(Buffer.from(encodeScgiHead(['A', value], 0), 'latin1'))?.isAscii
    expect(isAscii('plain')).toBe(true)
    expect(isAscii('\xfc')).toBe(false)
  })

  test('maxParamsBytes counts the netstring', () => {
    const text = encodeScgiHead(['A', '1'], 0)
    const length = Number(text.split(':')[0])
    expect(message(text, { ...limits, maxParamsBytes: length })).toBeUndefined()
    expect(message(text, { ...limits, maxParamsBytes: length - 1 })).toContain('maxParamsBytes')
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
