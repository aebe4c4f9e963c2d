/**
 * The Content-Type is parsed in one place: the result is used to read the body, and ambiguous values are
 * refused.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultLimits, form } from '../../src/form.js'
import { runs } from '../support/runs.js'
import { failure, request } from './bodies.js'

const part = (boundary: string, name = 'a') =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n1\r\n`
const body = (boundary: string) => `${part(boundary)}--${boundary}--\r\n`
const read = (type: string, sent: string, limits = {}) =>
  form(request(type, Buffer.from(sent, 'latin1')), { store: 'memory', ...limits })

describe('the boundary', () => {
  test.each([
    ['multipart/form-data; boundary=B', 'B'],
    ['multipart/form-data;boundary=B', 'B'],
    ['multipart/form-data ;\tboundary=B ', 'B'],
    ['Multipart/Form-Data; BOUNDARY=B', 'B'],
    ['multipart/form-data; boundary=B;', 'B'],
    ['multipart/form-data;; boundary=B ; ', 'B'],
    ['multipart/form-data; charset=utf-8; boundary="B"', 'B'],
    ['multipart/form-data; boundary=B; charset="utf-8"', 'B'],
    // Characters that some parsers mishandle: https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1 allows
    // them.
    ['multipart/form-data; boundary=-XrQ/h_l.W3', '-XrQ/h_l.W3'],
    ['multipart/form-data; boundary=abc==', 'abc=='],
    ["multipart/form-data; boundary=a'b+c", "a'b+c"],
    ['multipart/form-data; boundary="a=?:b, c;d"', 'a=?:b, c;d'],
    ['multipart/form-data; boundary=*****', '*****'],
    // Another parameter that contains the word, in every form.
    ['multipart/form-data; foo="; boundary=A"; boundary=B', 'B'],
    ['multipart/form-data; foo="\\"; boundary=A"; boundary=B', 'B'],
    ['multipart/form-data; foo="\\\\"; boundary=B; bar="; boundary=A"', 'B'],
    ['multipart/form-data; xboundary=A; boundary=B', 'B'],
    ['multipart/form-data; foo=boundary=A; boundary=B', 'B'],
    // Sent twice, with the same meaning.
    ['multipart/form-data; boundary=B; boundary="B"', 'B'],
    ['multipart/form-data; boundary=B, multipart/form-data; boundary=B', 'B'],
  ])('%s', async (type, boundary) => {
    expect((await read(type, body(boundary))).fields).toEqual([{ name: 'a', value: '1' }])
    // The limits for parts apply with the same boundary.
    const parts = part(boundary).repeat(3) + body(boundary)
    expect(await failure(read(type, parts, { parts: 3 }))).toMatchObject({ limit: 'parts' })
    const pairs = body(boundary).replace('\r\n\r\n', '\r\nX: 1\r\nY: 2\r\n\r\n')
    expect(await failure(read(type, pairs, { headerPairs: 2 }))).toMatchObject({ limit: 'headerPairs' })
  })

  test.each([
    ['two boundaries', 'multipart/form-data; boundary=A; boundary=B', 'more than one boundary'],
    ['in another case', 'multipart/form-data; boundary=B; Boundary=b', 'more than one boundary'],
    [
      'two headers',
      'multipart/form-data; boundary=A, multipart/form-data; boundary=B',
      'has two values; a boundary with a comma has to be in double quotes',
    ],
    ['nothing', 'multipart/form-data; boundary=', 'must have 1 to 70'],
    ['nothing in quotes', 'multipart/form-data; boundary=""', 'must have 1 to 70'],
    ['blanks', 'multipart/form-data; boundary="   "', 'must have 1 to 70'],
    ['a blank at its end', 'multipart/form-data; boundary="B "', 'must have 1 to 70'],
    ['a quoted pair', 'multipart/form-data; boundary="\\B"', 'none of them a quote or a backslash'],
    ['a quoted quote', 'multipart/form-data; boundary="B\\""', 'none of them a quote or a backslash'],
    ['a backslash', 'multipart/form-data; boundary=B\\', 'none of them a quote or a backslash'],
    ['a quote that does not end', 'multipart/form-data; boundary="B', 'at character 31'],
    ['a quote before it', 'multipart/form-data; foo="; boundary=B', 'is invalid'],
    ['text after the quotes', 'multipart/form-data; boundary="A"B', 'is invalid'],
    ['a quote in the middle', 'multipart/form-data; boundary=A"B"', 'is invalid'],
    ['a blank before "="', 'multipart/form-data; boundary =B', 'is invalid'],
    ['a parameter without a value', 'multipart/form-data; foo; boundary=B', 'is invalid'],
    ['RFC 2231 encoding', "multipart/form-data; boundary*=utf-8''B", 'RFC 2231'],
    ['RFC 2231 continuations', 'multipart/form-data; boundary*0=A; boundary*1=B', 'RFC 2231'],
    ['RFC 2231 in addition', 'multipart/form-data; boundary=B; boundary*0=A', 'RFC 2231'],
    ['no semicolon', 'multipart/form-data boundary=B', 'is invalid'],
  ])('%s is refused', async (_, type, message) => {
    for (const boundary of ['A', 'B', 'AB', '"B"']) {
      const error = await failure(read(type, body(boundary)))
      expect(error).toMatchObject({ code: 'FORM_MALFORMED', status: 400 })
      expect(error.message).toContain(message)
    }
  })

  test('an unquoted comma ends it', async () => {
    // What follows is another Content-Type, and not that of a form.
    expect(await failure(read('multipart/form-data; boundary=a,b', body('a,b')))).toMatchObject({
      status: 415,
    })
  })

  test('any parameters in any order: the one boundary counts, or the form is refused', async () => {
    const value = fc.string({ minLength: 1, maxLength: 12 }).filter((text) => /^[ -~]+$/.test(text))
    const quote = (text: string) => `"${text.replace(/[\\"]/g, '\\$&')}"`
    const other = fc.tuple(fc.constantFrom('foo', 'charset', 'xboundary'), value)
    await fc.assert(
      fc.asyncProperty(fc.array(other, { maxLength: 3 }), fc.array(other, { maxLength: 3 }), async (a, b) => {
        const text = (list: [string, string][]) => list.map(([name, v]) => `; ${name}=${quote(v)}`).join('')
        const type = `multipart/form-data${text(a)}; boundary=B${text(b)}`
        const parts = part('B').repeat(3) + body('B')
        expect(await failure(read(type, parts, { parts: 3 }))).toMatchObject({ limit: 'parts' })
        expect((await read(type, parts)).fields).toHaveLength(4)
      }),
      { numRuns: runs(200) },
    )
  })
})

describe('the charset of a urlencoded form', () => {
  const type = 'application/x-www-form-urlencoded'
  test.each([
    [`${type}; charset=iso-8859-1`, 'é'],
    [`${type}; CHARSET="ISO-8859-1"`, 'é'],
    [`${type}; foo="; charset=koi8-r"; charset=iso-8859-1`, 'é'],
    [`${type}; foo="; charset=koi8-r"`, '\ufffd'],
    [`${type}; charset=`, '\ufffd'],
  ])('%s', async (sent, expected) => {
    expect((await read(sent, 'a=%E9')).get('a')).toBe(expected)
  })

  test('two charsets are refused', async () => {
    expect(await failure(read(`${type}; charset=koi8-r; charset=utf-8`, 'a=%E9'))).toMatchObject({
      status: 400,
    })
  })
})

test('the default limits apply even if the boundary was obscured', async () => {
  const many = part('B').repeat(defaultLimits.parts + 1) + body('B')
  const error = await failure(
    read('multipart/form-data; foo="; boundary=A"; boundary=B', many, { fields: 1e9 }),
  )
  expect(error).toMatchObject({ code: 'FORM_LIMIT', limit: 'parts', status: 413 })
})
