import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RequestError } from '../../src/core/errors.js'
import { encodePair, encodePairs, PairReader } from '../../src/fastcgi/codec/params.js'
import { headerText, RecordType } from '../../src/fastcgi/codec/record.js'
import { endRequestText, Responder, type ResponderRequest } from '../../src/fastcgi/codec/responder.js'

const limits = { maxParamsBytes: 1 << 20, maxParams: 1000 }
const options = {
  ...limits,
  multiplex: true,
  maxRequestsPerConnection: 100,
  maxDiscardBytes: 64 << 20,
  maxConnections: 7,
  maxRequests: 9,
}
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'))
const record = (type: number, id: number, content = '', padding = 0) =>
  headerText(type, id, content.length, padding) + content + '\0'.repeat(padding)
const begin = (id: number, role = 1, flags = 0) =>
  record(RecordType.BEGIN_REQUEST, id, String.fromCharCode(role >> 8, role & 255, flags, 0, 0, 0, 0, 0))
const whole = (id: number, list: string[], stdin = '') =>
  begin(id) +
  record(RecordType.PARAMS, id, encodePairs(list), 3) +
  record(RecordType.PARAMS, id) +
  (stdin ? record(RecordType.STDIN, id, stdin) : '') +
  record(RecordType.STDIN, id)

/** The events and replies for some text; chunks of one stream are joined. */
const converse = (text: string, cuts: number[] = []) => {
  const log: string[] = []
  let sent = ''
  const stdin = new Map<ResponderRequest, string>()
  const responder = new Responder(
    {
      onRequest: (r) => {
        log.push(`request ${r.id} role ${r.role} ${JSON.stringify(r.params)}`)
        stdin.set(r, '')
      },
      onStdin: (r, chunk, start, end) =>
        stdin.set(r, stdin.get(r) + Buffer.from(chunk).toString('latin1', start, end)),
      onStdinEnd: (r) => log.push(`stdin ${r.id} ${JSON.stringify(stdin.get(r))}`),
      onData: (r, chunk, start, end) => log.push(`data ${r.id} ${end - start} of ${chunk.length}`),
      onDataEnd: (r) => log.push(`data end ${r.id}`),
      onAbort: (r) => log.push(`abort ${r.id}`),
      onRefused: () => {},
      send: (t) => {
        sent += t
      },
    },
    options,
  )
  const input = bytes(text)
  const places = [...new Set(cuts.filter((c) => c > 0 && c < input.length))].sort((a, b) => a - b)
  let error: string | undefined
  try {
    let at = 0
    for (const cut of [...places, input.length]) {
      responder.push(input.subarray(at, cut))
      at = cut
    }
  } catch (e) {
    if (!(e instanceof RequestError)) throw e
    error = e.message
  }
  return { log, sent, error, idle: responder.idle }
}

/** Whole, byte by byte, and split in two at every position: always the same result. */
const everyWay = (text: string) => {
  const once = converse(text)
  expect(
    converse(
      text,
      [...text].map((_, i) => i),
    ),
  ).toEqual(once)
  for (let i = 1; i < Math.min(text.length, 300); i++) expect(converse(text, [i])).toEqual(once)
  return once
}

describe('3.3 records', () => {
  test('a request with a body, however it is cut', () => {
    const { log, error } = everyWay(whole(1, ['REQUEST_METHOD', 'POST', 'X', 'ü'.repeat(40)], 'hello'))
    expect(error).toBeUndefined()
    expect(log).toEqual([
      `request 1 role 1 ${JSON.stringify(['REQUEST_METHOD', 'POST', 'X', 'ü'.repeat(40)])}`,
      'stdin 1 "hello"',
    ])
  })

  test('records of inactive request ids are ignored', () => {
    const text = record(RecordType.PARAMS, 9, 'junk') + record(RecordType.STDIN, 9) + whole(1, ['A', 'b'])
    expect(everyWay(text).log).toEqual(['request 1 role 1 ["A","b"]', 'stdin 1 ""'])
  })

  test('two requests interleaved do not mix', () => {
    const pieces = (id: number, v: string) => [
      begin(id, 1, 1),
      record(RecordType.PARAMS, id, encodePair('A', v)),
      record(RecordType.PARAMS, id),
      record(RecordType.STDIN, id, v),
      record(RecordType.STDIN, id),
    ]
    const a = pieces(1, 'one')
    const b = pieces(300, 'two')
    const { log } = everyWay(a.map((p, i) => p + b[i]).join(''))
    expect(log).toEqual([
      'request 1 role 1 ["A","one"]',
      'request 300 role 1 ["A","two"]',
      'stdin 1 "one"',
      'stdin 300 "two"',
    ])
  })

  test.each([
    ['GET / HTTP/1.1\r\n', 'use fastcgi_pass, not proxy_pass'],
    ['\x16\x03\x01\x00', 'TLS'],
    ['70:CONTENT_LENGTH', 'SCGI'],
    ['\x02\x01\x00\x01\x00\x08\x00\x00', 'version 1 was expected'],
  ])('another protocol is named: %j', (text, hint) => {
    expect(converse(text).error).toContain(hint)
    expect(converse(text).error).toContain('byte 0')
  })

  test('the byte of a later fault is named', () => {
    expect(converse(`${begin(1)}\x07`).error).toContain('byte 16')
  })
})

describe('3.4 name-value pairs', () => {
  const collect = (text: string, cuts: number[], l = limits) => {
    const reader = new PairReader(l)
    const input = bytes(text)
    let at = 0
    for (const cut of [...cuts.filter((c) => c > 0 && c < text.length).sort((a, b) => a - b), text.length]) {
      reader.push(input, at, cut)
      at = cut
    }
    return { list: reader.list, whole: reader.whole }
  }

  test('any pairs, cut anywhere, are the same list', () => {
    const latin1 = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)),
      maxLength: 300,
    })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(latin1, latin1), { maxLength: 8 }),
        fc.array(fc.nat(3000)),
        (pairs, cuts) => {
          const list = pairs.flat()
          expect(collect(encodePairs(list), cuts)).toEqual({ list, whole: true })
        },
      ),
    )
  })

  test('4-byte lengths are read for short text too', () => {
    expect(collect('\x80\0\0\x01\x01AB', [])).toEqual({ list: ['A', 'B'], whole: true })
  })

  test('a declared length over the limit is refused before its bytes come', () => {
    expect(() => collect('\xff\xff\xff\xff\xff\xff\xff\xffabc', [])).toThrow('maxParamsBytes')
    expect(() => collect('\xff\xff\xff\xff\xff\xff\xff\xffabc', [1, 2, 3, 4, 5, 6, 7])).toThrow(
      'maxParamsBytes',
    )
  })

  test('maxParams', () => {
    expect(() => collect(encodePairs(['A', '1', 'B', '2']), [], { ...limits, maxParams: 1 })).toThrow(
      'maxParams',
    )
  })
})

describe('4 management records', () => {
  test('4.1 GET_VALUES: the known names asked for, each once, id 0', () => {
    const asked = encodePairs(['FCGI_MPXS_CONNS', '', 'FCGI_MPXS_CONNS', '', '__proto__', '', 'OTHER', ''])
    const { sent } = everyWay(record(RecordType.GET_VALUES, 0, asked))
    const answer = encodePair('FCGI_MPXS_CONNS', '1')
    expect(sent).toBe(record(RecordType.GET_VALUES_RESULT, 0, answer, -answer.length & 7))
  })

  test('4.2 UNKNOWN_TYPE names the type', () => {
    expect(everyWay(record(99, 0, 'junk', 5)).sent).toBe(
      record(RecordType.UNKNOWN_TYPE, 0, 'c\0\0\0\0\0\0\0'),
    )
  })
})

describe('5 requests', () => {
  test('5.4 ABORT_REQUEST', () => {
    const { log } = everyWay(begin(1) + record(RecordType.PARAMS, 1) + record(RecordType.ABORT_REQUEST, 1))
    expect(log).toEqual(['request 1 role 1 []', 'abort 1'])
  })

  test('5.5 UNKNOWN_ROLE ends the request at once and its records are ignored', () => {
    const { sent, log } = everyWay(begin(5, 4) + record(RecordType.PARAMS, 5) + record(RecordType.STDIN, 5))
    expect(sent).toBe(endRequestText(5, 0, 3))
    expect(log).toEqual([])
  })

  test('6.3 an Authorizer has no STDIN, 6.4 a Filter has DATA', () => {
    const { log } = converse(
      begin(1, 2) +
        record(RecordType.PARAMS, 1) +
        begin(2, 3) +
        record(RecordType.PARAMS, 2) +
        record(RecordType.STDIN, 2) +
        record(RecordType.DATA, 2, 'file') +
        record(RecordType.DATA, 2),
    )
    expect(log[0]).toBe('request 1 role 2 []')
    expect(log.slice(1, 3)).toEqual(['request 2 role 3 []', 'stdin 2 ""'])
    expect(log.at(-1)).toBe('data end 2')
  })

  test.each([
    ['an id that is still active', begin(1) + begin(1), 'began again'],
    ['a short BEGIN_REQUEST', record(RecordType.BEGIN_REQUEST, 1, '\0\x01'), 'has 2 bytes'],
    ['STDIN before PARAMS end', begin(1) + record(RecordType.STDIN, 1, 'x'), 'before the end'],
    ['PARAMS after their end', begin(1) + record(RecordType.PARAMS, 1).repeat(2), 'after their end'],
    [
      'PARAMS that end in a pair',
      begin(1) + record(RecordType.PARAMS, 1, '\x05\x05ab') + record(RecordType.PARAMS, 1),
      'inside',
    ],
  ])('%s breaks the connection', (_name, text, message) => {
    expect(everyWay(text).error).toContain(message)
  })
})

test('random bytes never give another error than a RequestError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.array(fc.nat(400)), (noise, cuts) => {
      const text = begin(1) + Buffer.from(noise).toString('latin1')
      expect(converse(text, cuts)).toEqual(converse(text))
    }),
  )
})
