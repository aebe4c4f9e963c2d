import { bytes, type Case, streamOf } from './observe.js'

const form = () => {
  const f = new FormData()
  f.append('a', '1')
  f.append('f', new File(['text'], 'n.txt', { type: 'text/plain' }))
  return f
}

async function* generated() {
  yield 'ab'
  yield bytes(99)
}

/** Bodies, recreated for each use. */
export const bodies: [string, () => unknown][] = [
  ['undefined', () => undefined],
  ['null', () => null],
  ['an empty string', () => ''],
  ['a string', () => 'héllo'],
  ['a string with a byte order mark', () => '\ufefftext'],
  ['a string with a lone surrogate', () => 'a\ud800b'],
  ['a number', () => 5],
  ['false', () => false],
  ['a symbol', () => Symbol('x')],
  ['an object', () => ({})],
  ['an array', () => [1, 2]],
  ['a Date-like object', () => ({ toString: () => 'text' })],
  ['bytes', () => bytes(104, 105)],
  ['a Buffer', () => Buffer.from('buffer')],
  ['no bytes', () => bytes()],
  ['a part of a buffer', () => new Uint8Array(bytes(1, 104, 105, 2).buffer, 1, 2)],
  ['an ArrayBuffer', () => bytes(104, 105).buffer],
  ['a DataView', () => new DataView(bytes(104, 105).buffer)],
  ['Uint16Array', () => new Uint16Array([104, 105])],
  ['invalid UTF-8', () => bytes(0xff, 104, 0xc3)],
  ['bytes with a byte order mark', () => bytes(0xef, 0xbb, 0xbf, 104)],
  ['a Blob', () => new Blob(['blob'], { type: 'Text/X' })],
  ['a Blob without type', () => new Blob(['blob'])],
  ['a File', () => new File(['file'], 'f', { type: 'text/csv' })],
  ['URLSearchParams', () => new URLSearchParams({ a: '1 2', b: 'é' })],
  ['a stream', () => streamOf(bytes(104), bytes(105))],
  ['a stream of nothing', () => streamOf()],
  ['a stream of strings', () => streamOf('text')],
  [
    'a stream that is locked',
    () => {
      const s = streamOf()
      s.getReader()
      return s
    },
  ],
  [
    'a stream that was read',
    async () => {
      const s = streamOf(bytes(1))
      const r = s.getReader()
      await r.read()
      r.releaseLock()
      return s
    },
  ],
  ['an async generator', () => generated()],
  [
    'an async iterable that fails',
    () =>
      (async function* () {
        yield 'x'
        throw new RangeError('x')
      })(),
  ],
]

const types = [
  'text/html',
  'Text/HTML;Charset=UTF-8',
  'text/html; charset="a b"',
  'text/html;charset="x\\"y"',
  'text/html; charset=',
  'text/html;;a=b;A=c',
  'bogus',
  '',
  'a/b/c',
  ' text/plain ;x=y ',
  'text/html, text/plain',
  'text/html;charset=x, text/html',
  'text/html;charset=x, text/html;a=b',
  'text/plain, */*',
  '*/*',
  'text/html, bogus',
  'text/html;a="unfinished',
  'text/html;a=b c',
  'text/html;é=1',
  'text/html;a="é"',
  'x/y;a="1,2", text/plain',
]

const url = 'application/x-www-form-urlencoded'
const multi =
  '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name="f"; filename="n.txt"\r\nContent-Type: text/x\r\n\r\nfile\r\n--b--\r\n'
const forms: [string, string, string | null][] = [
  ['urlencoded', url, 'a=1&b=%C3%A9+x&a=2'],
  ['urlencoded with parameters', `${url}; charset=x`, 'a=1'],
  ['urlencoded without body', url, null],
  ['multipart', 'multipart/form-data; boundary=b', multi],
  ['multipart with quotes', 'Multipart/Form-Data; boundary="b"', multi],
  ['multipart with the wrong boundary', 'multipart/form-data; boundary=c', multi],
  ['multipart without boundary', 'multipart/form-data', multi],
  ['JSON', 'application/json', '{}'],
]

/** Reading bodies, according to their headers. */
export const bodyCases: Case[] = [
  ...types.map(
    (type): Case => [
      `blob with Content-Type ${type}`,
      (web) => new web.Response('x', { headers: { 'content-type': type } }).blob(),
    ],
  ),
  [
    'blob with two Content-Types',
    (web) =>
      new web.Response('x', {
        headers: [
          ['content-type', 'a/b'],
          ['content-type', 'c/d;e=f'],
        ],
      }).blob(),
  ],
  ...forms.map(
    ([name, type, body]): Case => [
      `formData of ${name}`,
      (web) => new web.Response(body, { headers: { 'content-type': type } }).formData(),
    ],
  ),
  ['formData of FormData', (web) => new web.Response(form()).formData()],
  [
    'Content-Type of FormData',
    (web) => new web.Response(form()).headers.get('content-type')?.replace(/\d+/, 'N'),
  ],
  ['json', (web) => new web.Response('{"a":[1]}').json()],
  ['json after a byte order mark', (web) => new web.Response('\ufeff1').json()],
  ['json without body', (web) => new web.Response(null).json()],
  [
    'text without body, twice',
    async (web) => {
      const r = new web.Response(null)
      return [await r.text(), await r.text(), r.bodyUsed]
    },
  ],
  ['bytes without body', async (web) => [...(await new web.Response(null).bytes())]],
  ['new Response()', (web) => new web.Response()],
]
