import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { form } from '../../src/form.js'
import { runs } from '../support/runs.js'
import { failure, request, urlencodedType } from './bodies.js'

const read = (body: string | Uint8Array, size?: number, type = urlencodedType) =>
  form(request(type, body, size))

describe('application/x-www-form-urlencoded', () => {
  test('fields keep their order and repeats', async () => {
    const data = await read('b=1&a=2&b=3&empty=&flag')
    expect(data.fields).toEqual([
      { name: 'b', value: '1' },
      { name: 'a', value: '2' },
      { name: 'b', value: '3' },
      { name: 'empty', value: '' },
      { name: 'flag', value: '' },
    ])
    expect(data.get('b')).toBe('1')
    expect(data.getAll('b')).toEqual(['1', '3'])
    expect(data.has('flag')).toBe(true)
    expect(data.get('missing')).toBeUndefined()
    expect(data.getAll('missing')).toEqual([])
    expect(data.has('missing')).toBe(false)
    expect(data.files).toEqual([])
  })

  test('URL Standard 5.1: gives the same result as URLSearchParams, for any bytes in any chunks', async () => {
    const alphabet = [...Buffer.from('a=b&c+%2B%zz%4%\xe4é;[]"\r\n\0\ufeff')]
    const bytes = fc.oneof(
      fc.array(fc.constantFrom(...alphabet)).map((list) => Uint8Array.from(list)),
      fc.uint8Array({ maxLength: 200 }),
    )
    await fc.assert(
      fc.asyncProperty(bytes, fc.integer({ min: 1, max: 7 }), async (body, size) => {
        const data = await read(body, size)
        const expected = [...new URLSearchParams(latin1ToQuery(body))]
        expect(data.fields.map(({ name, value }) => [name, value])).toEqual(expected)
      }),
      { numRuns: runs(300) },
    )
  })

  test('random pairs survive a round trip', async () => {
    const pairs = fc.array(
      fc.tuple(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ unit: 'binary' })),
    )
    await fc.assert(
      fc.asyncProperty(pairs, fc.integer({ min: 1, max: 50 }), async (list, size) => {
        const data = await read(new URLSearchParams(list).toString(), size)
        expect(data.fields.map(({ name, value }) => [name, value])).toEqual(list)
      }),
    )
  })

  test('an empty body is a form without fields', async () => {
    expect((await read('')).fields).toEqual([])
    const none = new Request('http://localhost/', {
      method: 'POST',
      headers: { 'content-type': urlencodedType },
    })
    expect((await form(none)).fields).toEqual([])
  })

  test('names of object properties (__proto__) are ordinary names', async () => {
    const data = await read('__proto__=x&constructor=y&toString=z&__proto__[polluted]=1')
    expect(data.get('__proto__')).toBe('x')
    expect(data.get('constructor')).toBe('y')
    expect(data.get('hasOwnProperty')).toBeUndefined()
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  test('the charset of the Content-Type is used', async () => {
    expect((await read('n=%e4', 9, `${urlencodedType}; charset=iso-8859-1`)).get('n')).toBe('ä')
    expect((await read('n=%c3%a4', 9, `${urlencodedType}; charset="UTF-8"`)).get('n')).toBe('ä')
    const error = await failure(read('n=1', 9, `${urlencodedType}; charset=klingon`))
    expect(error).toMatchObject({ code: 'FORM_TYPE', status: 415 })
    expect(error.message).toContain('klingon')
  })
})

/** The same bytes as a string for URLSearchParams: bytes over 0x7f percent-encoded. */
function latin1ToQuery(body: Uint8Array): string {
  // The empty pair prevents URLSearchParams from dropping a leading "?", as it does for location.search.
  let text = '&'
  for (const byte of body) text += byte < 0x80 ? String.fromCharCode(byte) : `%${byte.toString(16)}`
  return text
}
