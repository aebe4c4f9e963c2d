import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { form } from '../../src/form.js'
import { runs } from '../support/runs.js'
import { boundary, failure, field, file, multipart, multipartType, request } from './bodies.js'

const read = (body: string | Uint8Array, size?: number, type = multipartType) =>
  form(request(type, body, size), { store: 'memory' })

describe('multipart/form-data', () => {
  test('fields and files in order, at any split', async () => {
    const body = multipart(
      field('title', 'Grüße'),
      file('photo', 'a.png', Buffer.from([0, 1, 2, 13, 10, 255]), 'image/png'),
      field('title', ''),
      file('photo', 'b.png', '', 'image/png'),
    )
    for (let size = 1; size <= body.length; size++) {
      const data = await read(body, size)
      expect(data.getAll('title')).toEqual(['Grüße', ''])
      expect(data.files.map(({ field, name, type, size }) => ({ field, name, type, size }))).toEqual([
        { field: 'photo', name: 'a.png', type: 'image/png', size: 6 },
        { field: 'photo', name: 'b.png', type: 'image/png', size: 0 },
      ])
      expect([...((await data.file('photo')?.bytes()) ?? [])]).toEqual([0, 1, 2, 13, 10, 255])
    }
  })

  test('a form serialized by the platform is parsed completely, for any fields and files in any chunks', async () => {
    // Names without backslashes: browsers and the platform do not escape them, busboy unescapes them.
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter((text) => !/[\\\p{Cc}]/u.test(text))
    const part = fc.record({
      name,
      value: fc.string({ unit: 'grapheme' }),
      bytes: fc.option(fc.uint8Array()),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { maxLength: 8 }),
        fc.integer({ min: 1, max: 300 }),
        async (parts, size) => {
          const sent = new FormData()
          for (const { name, value, bytes } of parts) {
            if (bytes)
              sent.append(name, new File([Uint8Array.from(bytes)], 'file.bin', { type: 'image/x-test' }))
            else sent.append(name, value)
          }
          const wire = new Request('http://localhost/', { method: 'POST', body: sent })
          const body = new Uint8Array(await wire.arrayBuffer())
          const data = await read(body, size, wire.headers.get('content-type') ?? '')
          const expected = [...sent].map(([name, value]) => ({ name, value }))
          expect(data.fields).toEqual(expected.filter(({ value }) => typeof value === 'string'))
          const files = expected.filter(({ value }) => typeof value !== 'string')
          expect(data.files.map(({ field }) => field)).toEqual(files.map(({ name }) => name))
          for (const [at, { value }] of files.entries()) {
            const bytes = Buffer.from(await (value as File).arrayBuffer())
            expect(Buffer.from((await data.files[at]?.bytes()) ?? []).equals(bytes)).toBe(true)
          }
        },
      ),
      { numRuns: runs(150) },
    )
  })

  test('a file that contains parts of the boundary is not cut', async () => {
    const content = `\r\n-\r\n--\r\n--${boundary.slice(0, -1)}\r\n\r\n--${boundary.slice(0, 5)}--${boundary}`
    const body = multipart(file('f', 'f.txt', content), field('after', 'x'))
    for (let size = 1; size < 40; size++) {
      const data = await read(body, size)
      expect(await data.file('f')?.text()).toBe(content)
      expect(data.get('after')).toBe('x')
    }
  })

  test('a preamble and an epilogue are ignored (RFC 2046 5.1.1)', async () => {
    const body = Buffer.concat([
      Buffer.from('preamble\r\n'),
      multipart(field('a', '1')),
      Buffer.from('epilogue --x'),
    ])
    for (const size of [1, 7, 1000])
      expect((await read(body, size)).fields).toEqual([{ name: 'a', value: '1' }])
  })

  test('a form without parts', async () => {
    expect((await read(`--${boundary}--\r\n`)).fields).toEqual([])
  })

  test('a file control without a chosen file is not a file', async () => {
    const body = multipart(file('photo', '', '', 'application/octet-stream'), field('a', '1'))
    const data = await read(body)
    expect(data.files).toEqual([])
    expect(data.file('photo')).toBeUndefined()
    expect(data.get('a')).toBe('1')
  })

  test('content without a file name is a file nevertheless', async () => {
    const head = ['Content-Disposition: form-data; name="blob"', 'Content-Type: application/octet-stream']
    const data = await read(multipart({ head, body: 'bytes' }))
    expect(data.file('blob')).toMatchObject({ name: '', size: 5 })
  })

  test('a quoted boundary, and header names in any case', async () => {
    const type = 'Multipart/Form-Data; charset=utf-8; Boundary="a b:c"'
    const body = '--a b:c\r\ncontent-disposition: FORM-DATA; name=plain\r\n\r\nv\r\n--a b:c--'
    expect((await read(body, 3, type)).fields).toEqual([{ name: 'plain', value: 'v' }])
  })
})

describe('charsets', () => {
  test.each([
    ['UTF-8 bytes (RFC 7578 5.1)', 'name="f"; filename="Gemälde 写真.png"', 'Gemälde 写真.png'],
    [
      'RFC 5987 extended value',
      `name="f"; filename="x"; filename*=UTF-8''%e2%82%ac%20rates.txt`,
      '€ rates.txt',
    ],
    ['RFC 5987 in Latin-1', `name="f"; filename*=iso-8859-1'en'%A3%20rates.txt`, '£ rates.txt'],
    ['an escaped quote', 'name="f"; filename="a\\"b.txt"', 'a"b.txt'],
    ['the escapes of the HTML standard', 'name="f"; filename="a%22b%0D%0A.txt"', 'a"b.txt'],
  ])('file name: %s', async (_, disposition, expected) => {
    const data = await read(
      multipart({ head: [`Content-Disposition: form-data; ${disposition}`], body: 'x' }),
    )
    expect(data.file('f')?.name).toBe(expected)
  })

  test('a field with its own charset', async () => {
    const head = ['Content-Disposition: form-data; name="n"', 'Content-Type: text/plain; charset=ISO-8859-1']
    expect((await read(multipart({ head, body: Buffer.from([0xe4]) }))).get('n')).toBe('ä')
  })

  test('field names carry the escapes of the HTML standard', async () => {
    expect((await read(multipart(field('a%22%0d%0Ab', '1')))).get('a"\r\nb')).toBe('1')
  })
})

describe('file names are cleaned', () => {
  test.each([
    ['../../etc/passwd', 'passwd'],
    ['/etc/passwd', 'passwd'],
    ['C:\\\\Users\\\\me\\\\photo.jpg', 'photo.jpg'],
    ['..', ''],
    ['a/..', ''],
    ['.', ''],
    ['dir/', ''],
    ['a\tb.txt', 'ab.txt'],
    ['\u202egnp.exe', 'gnp.exe'],
  ])('%j becomes %j', async (sent, expected) => {
    expect((await read(multipart(file('f', sent, 'x')))).file('f')?.name).toBe(expected)
  })

  test('NUL, possible only in an extended value, is removed', async () => {
    const head = [`Content-Disposition: form-data; name="f"; filename*=UTF-8''a.php%00.png`]
    expect((await read(multipart({ head, body: 'x' }))).file('f')?.name).toBe('a.php.png')
  })
})

describe('malformed input is answered with 400', () => {
  const whole = multipart(field('a', '1'), file('f', 'f.txt', 'content')).toString('latin1')
  test.each([
    ['no boundary in the Content-Type', 'multipart/form-data', whole, 'no boundary'],
    ['an empty boundary', 'multipart/form-data; boundary=', whole, 'boundary'],
    ['a boundary over 70 characters', `multipart/form-data; boundary=${'b'.repeat(71)}`, whole, 'boundary'],
    ['a boundary with control characters', 'multipart/form-data; boundary="a\tb"', whole, 'boundary'],
    ['another boundary', 'multipart/form-data; boundary=other', whole, 'truncated'],
    ['an empty body', multipartType, '', 'truncated'],
    ['no final boundary after a field', multipartType, whole.slice(0, whole.indexOf('1') + 1), 'truncated'],
    [
      'no final boundary after a file',
      multipartType,
      whole.slice(0, whole.indexOf('content') + 3),
      'truncated',
    ],
    ['cut in the last boundary', multipartType, whole.slice(0, -5), 'truncated'],
    ['cut in a part head', multipartType, whole.slice(0, boundary.length + 20), 'malformed'],
    [
      'a boundary line that goes on',
      multipartType,
      whole.replace('1\r\n', `1\r\n--${boundary}x\r\n2\r\n`),
      'extra bytes',
    ],
    [
      'white space after a boundary',
      multipartType,
      whole.replace(`${boundary}\r`, `${boundary} \r`),
      'extra bytes',
    ],
    ['LF in place of CRLF', multipartType, whole.replaceAll('\r\n', '\n'), 'extra bytes'],
    ['a NUL in a part head', multipartType, whole.replace('f.txt', 'f\0.txt'), 'malformed'],
    [
      'a head without an end',
      multipartType,
      `--${boundary}\r\nA: b\r\n--${boundary}--\r\n`,
      'not terminated',
    ],
    [
      'a head that runs into a boundary',
      multipartType,
      `--${boundary}\r\nA: b\r\n\r\n--${boundary}--\r\n`,
      'not terminated',
    ],
    [
      'a part without Content-Disposition',
      multipartType,
      multipart({ head: ['Content-Type: text/plain'] }).toString(),
      'Content-Disposition',
    ],
    [
      'a part that is an attachment',
      multipartType,
      multipart({ head: ['Content-Disposition: attachment; name="a"'] }).toString(),
      'Content-Disposition',
    ],
    [
      'an unfinished quoted name',
      multipartType,
      multipart({ head: ['Content-Disposition: form-data; name="a'] }).toString(),
      'Content-Disposition',
    ],
    [
      'an unknown charset',
      multipartType,
      multipart({
        head: ['Content-Disposition: form-data; name="a"', 'Content-Type: text/plain; charset=klingon'],
        body: '\xff',
      }).toString('latin1'),
      'charset',
    ],
  ])('%s', async (_, type, body, message) => {
    for (const size of [1, 5, 10_000]) {
      const sent = request(type, Buffer.from(body, 'latin1'), size)
      const error = await failure(form(sent))
      expect(error).toMatchObject({ name: 'FormError', code: 'FORM_MALFORMED', status: 400 })
      expect(error.message).toContain(message)
    }
  })

  test('no Content-Type', async () => {
    const error = await failure(form(new Request('http://localhost/', { method: 'POST' })))
    expect(error).toMatchObject({ code: 'FORM_MALFORMED', status: 400 })
    expect((await failure(form(new Request('http://localhost/?a=1')))).message).toContain('query of the URL')
  })

  test.each(['text/plain', 'application/json', 'multipart/mixed; boundary=x', 'multipart', ';'])(
    'the media type %j is answered with 415',
    async (type) => {
      const sent = request(type, 'a=1')
      expect(await failure(form(sent))).toMatchObject({ code: 'FORM_TYPE', status: 415 })
      expect(sent.fate.cancelled).toBe(true)
    },
  )

  test('a compressed form is answered with 415', async () => {
    const sent = request(multipartType, 'x')
    sent.headers.set('content-encoding', 'gzip')
    expect(await failure(form(sent))).toMatchObject({ code: 'FORM_TYPE', status: 415 })
  })

  test('random bytes and random damage never hang and never crash', async () => {
    const original = multipart(field('a', '1'), file('f', 'f.txt', 'content'), field('b', '2'))
    const damage = fc.array(fc.tuple(fc.nat(original.length - 1), fc.integer({ min: 0, max: 255 })), {
      maxLength: 4,
    })
    await fc.assert(
      fc.asyncProperty(damage, fc.integer({ min: 1, max: 100 }), async (changes, size) => {
        const body = Buffer.from(original)
        for (const [at, byte] of changes) body[at] = byte
        const outcome = await read(body, size).catch((error: Error) => error)
        if (outcome instanceof Error) expect(outcome.name).toBe('FormError')
      }),
      { numRuns: runs(400) },
    )
  })
})
