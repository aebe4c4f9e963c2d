import { describe, expect, test } from 'vitest'
import { defaultLimits, type FormLimits, form } from '../../src/form.js'
import {
  boundary,
  failure,
  field,
  file,
  multipart,
  multipartType,
  request,
  urlencodedType,
} from './bodies.js'

interface Row {
  limit: keyof FormLimits
  value: number
  type: string
  within: string | Buffer
  over: string | Buffer
}

const many = (count: number) => Array.from({ length: count }, (_, at) => field(`f${at}`, 'x'))
const manyFiles = (count: number) => Array.from({ length: count }, (_, at) => file('f', `${at}.txt`, 'x'))
const withHeaders = (count: number) =>
  multipart({
    head: [
      'Content-Disposition: form-data; name="a"',
      ...Array.from({ length: count - 1 }, (_, at) => `X-${at}: y`),
    ],
    body: 'v',
  })
const headOf = (size: number) => {
  const line = 'Content-Disposition: form-data; name="a"'
  return multipart({ head: [line, `X: ${'y'.repeat(size - line.length - 5)}`], body: 'v' })
}

/** Each limit, with a form that is exactly as large as allowed and one that is larger by one. */
const rows: Row[] = [
  { limit: 'fields', value: 2, type: urlencodedType, within: 'a=1&b=2', over: 'a=1&b=2&c=3' },
  {
    limit: 'fields',
    value: 2,
    type: multipartType,
    within: multipart(...many(2)),
    over: multipart(...many(3)),
  },
  {
    limit: 'files',
    value: 2,
    type: multipartType,
    within: multipart(...manyFiles(2)),
    over: multipart(...manyFiles(3)),
  },
  {
    limit: 'parts',
    value: 2,
    type: multipartType,
    within: multipart(field('a', '1'), file('f', 'f', 'x')),
    over: multipart(field('a', '1'), file('f', 'f', 'x'), field('b', '2')),
  },
  { limit: 'fieldNameSize', value: 4, type: urlencodedType, within: '%c3%a4bc=1', over: '%c3%a4bcd=1' },
  {
    limit: 'fieldNameSize',
    value: 4,
    type: multipartType,
    within: multipart(field('äbc', '')),
    over: multipart(field('äbcd', '')),
  },
  {
    limit: 'fieldNameSize',
    value: 4,
    type: multipartType,
    within: multipart(file('äbc', 'f', '')),
    over: multipart(file('äbcd', 'f', '')),
  },
  { limit: 'fieldSize', value: 5, type: urlencodedType, within: 'a=1+3%34%35', over: 'a=1+3%34%356' },
  {
    limit: 'fieldSize',
    value: 5,
    type: multipartType,
    within: multipart(field('a', '12345')),
    over: multipart(field('a', '123456')),
  },
  { limit: 'fieldsSize', value: 8, type: urlencodedType, within: 'a=123&b=456', over: 'a=123&b=4567' },
  {
    limit: 'fieldsSize',
    value: 8,
    type: multipartType,
    within: multipart(field('a', '123'), field('b', '456')),
    over: multipart(field('a', '123'), field('b', '4567')),
  },
  {
    limit: 'fileSize',
    value: 5,
    type: multipartType,
    within: multipart(file('f', 'f', '12345')),
    over: multipart(file('f', 'f', '123456')),
  },
  {
    limit: 'memorySize',
    value: 8,
    type: multipartType,
    within: multipart(file('f', 'f', '1234'), file('g', 'g', '5678')),
    over: multipart(file('f', 'f', '1234'), file('g', 'g', '56789')),
  },
  { limit: 'totalSize', value: 7, type: urlencodedType, within: 'a=1&b=2', over: 'a=1&b=22' },
  { limit: 'headerPairs', value: 3, type: multipartType, within: withHeaders(3), over: withHeaders(4) },
  { limit: 'headerSize', value: 100, type: multipartType, within: headOf(100), over: headOf(101) },
]

describe('each limit', () => {
  test('has a row in this table', () => {
    expect(new Set(rows.map(({ limit }) => limit))).toEqual(new Set(Object.keys(defaultLimits)))
  })

  test.each(rows)('$limit: refused with one more, in $type', async ({ limit, value, type, within, over }) => {
    for (const size of [1, 3, 100_000]) {
      await form(request(type, within, size), { store: 'memory', [limit]: value })
      const sent = request(type, over, size)
      const error = await failure(form(sent, { store: 'memory', [limit]: value }))
      expect(error).toMatchObject({ name: 'FormError', code: 'FORM_LIMIT', status: 413, limit })
      expect(error.message).toContain(`limit ${limit} is ${value}`)
      // The rest of the body is discarded, so that the client is not blocked.
      expect(sent.fate.cancelled || sent.fate.sent === Buffer.byteLength(over)).toBe(true)
    }
  })

  test('folded header lines count as one header field', async () => {
    const body = multipart({ head: ['Content-Disposition: form-data;', ' name="a"', 'X: y'], body: 'v' })
    expect((await form(request(multipartType, body), { headerPairs: 2 })).get('a')).toBe('v')
  })

  test('an announced length over totalSize is refused before a byte is read', async () => {
    const sent = request(urlencodedType, 'a=1&b=22')
    sent.headers.set('content-length', '8')
    const error = await failure(form(sent, { totalSize: 7 }))
    expect(error).toMatchObject({ code: 'FORM_LIMIT', limit: 'totalSize' })
    expect(error.message).toContain('8 bytes')
    expect(sent.fate).toEqual({ sent: 0, cancelled: true })
  })

  test('one endless pair is refused before it is held in memory', async () => {
    const sent = request(urlencodedType, `a=${'%61'.repeat(100_000)}`, 1000)
    expect(await failure(form(sent, { fieldSize: 1000 }))).toMatchObject({ limit: 'fieldSize' })
    expect(sent.fate.sent).toBeLessThan(6000)
  })

  test('one endless part head is refused before it is held in memory', async () => {
    const sent = request(multipartType, `--${boundary}\r\nX: ${'y'.repeat(1_000_000)}`, 1000)
    expect(await failure(form(sent))).toMatchObject({ limit: 'headerSize' })
    expect(sent.fate.sent).toBeLessThan(10_000)
  })

  test('all are on without options', async () => {
    const pairs = `${'a=1&'.repeat(1000)}a=1`
    expect(await failure(form(request(urlencodedType, pairs)))).toMatchObject({ limit: 'fields' })
    const body = multipart(...Array.from({ length: 21 }, () => file('f', 'f', 'x')))
    expect(await failure(form(request(multipartType, body)))).toMatchObject({ limit: 'files' })
  })

  test('empty file controls are not counted as files', async () => {
    const empty = file('f', '', '', 'application/octet-stream')
    const data = await form(request(multipartType, multipart(empty, empty, file('f', 'f', 'x'))), {
      files: 1,
    })
    expect(data.files).toHaveLength(1)
    await data.dispose()
  })
})

describe('wrong options are refused', () => {
  const sent = () => request(urlencodedType, 'a=1')
  test.each([
    [{ fileSiz: 5 }, 'fileSiz'],
    [{ fileSize: '5MB' }, 'fileSize'],
    [{ fields: -1 }, 'fields'],
    [{ parts: Number.NaN }, 'parts'],
    [{ store: 'tape' }, 'tape'],
  ])('%j', async (options, name) => {
    const error = await failure(form(sent(), options as never))
    expect(error).toMatchObject({ name: 'UsageError', code: 'USAGE' })
    expect(error.message).toContain(name)
  })

  test('Infinity turns a limit off, undefined keeps its default', async () => {
    const pairs = 'a=1&'.repeat(2000)
    expect(
      (await form(request(urlencodedType, pairs), { fields: Number.POSITIVE_INFINITY })).fields,
    ).toHaveLength(2000)
    const error = await failure(form(request(urlencodedType, pairs), { fields: undefined as never }))
    expect(error).toMatchObject({ limit: 'fields' })
  })
})
