/** Peers that violate the protocol: one line that says what was wrong at which byte, and no other output. */
import { describe, expect, test } from 'vitest'
import { headerText, RecordType } from '../../src/fastcgi/codec/record.js'
import { begin, get, params, record, stdinEnd } from './peer.js'
import { serve, text } from './serving.js'

const other = (first: string, said: string) => ({ bytes: first, said })

describe('another protocol on a FastCGI port', () => {
  test.each([
    other(
      'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
      'looks like HTTP, but the port speaks FastCGI: use fastcgi_pass, not proxy_pass',
    ),
    other(
      'POST /a HTTP/1.0\r\n\r\n',
      'looks like HTTP, but the port speaks FastCGI: use fastcgi_pass, not proxy_pass',
    ),
    other('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'looks like HTTP'),
    other(
      '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03',
      'looks like TLS, which this FastCGI port does not support',
    ),
    other(
      '70:CONTENT_LENGTH\x000\0SCGI\x001\0,',
      'looks like SCGI, but the port speaks FastCGI: use fastcgi_pass, not scgi_pass',
    ),
    other('\0\x10\0\0', 'this port speaks FastCGI'),
  ])('$said', async ({ bytes, said }) => {
    const { peer, log } = await serve(() => text(''))
    const p = peer()
    p.send(bytes)
    await p.close()
    expect(p.bytes).toBe(0)
    expect(log.length).toBe(1)
    expect(log[0]).toContain('byte 0 begins with')
    expect(log[0]).toContain(said)
    expect(log[0]).toMatch(/; the connection is closed\n$/)
  })
})

const broken: [name: string, bytes: string, said: string, at: number][] = [
  ['a version in the middle', begin(1) + '\x03'.repeat(8), 'record header at byte 16 begins with 3', 16],
  [
    'BEGIN_REQUEST that is too short',
    record(RecordType.BEGIN_REQUEST, 1, 'abc'),
    'has 3 bytes where 8 are needed',
    0,
  ],
  [
    'BEGIN_REQUEST of an id that is open',
    begin(1) + begin(1),
    'request id 1 began again before it ended',
    16,
  ],
  [
    'STDIN before the parameters have ended',
    begin(1) + record(RecordType.STDIN, 1, 'x'),
    'STDIN of request 1 before the end of its PARAMS',
    16,
  ],
  [
    'DATA before the parameters have ended',
    begin(1, 3) + record(RecordType.DATA, 1, 'x'),
    'DATA of request 1 before the end of its PARAMS',
    16,
  ],
  [
    'parameters that end inside a pair',
    begin(1) + record(RecordType.PARAMS, 1, '\x05\x05ab') + record(RecordType.PARAMS, 1),
    'PARAMS of request 1 ended inside a name-value pair',
    28,
  ],
  [
    'parameters after their end',
    begin(1) + params(1, ['A', 'b']) + params(1, ['A', 'b']),
    'PARAMS of request 1 after their end',
    36,
  ],
  [
    'a pair over the limit',
    begin(1) + record(RecordType.PARAMS, 1, '\xff\xff\xff\xff\x01'),
    'maxParamsBytes',
    16,
  ],
  [
    'GET_VALUES that ends inside a pair',
    record(RecordType.GET_VALUES, 0, '\x05\x05a'),
    'GET_VALUES ended inside a name-value pair',
    0,
  ],
]

describe('broken FastCGI', () => {
  test.each(broken)('%s', async (_, bytes, said, at) => {
    // A reply that is never sent: the request must not end the connection by itself.
    const { peer, log } = await serve(() => new Promise(() => {}))
    const p = peer()
    p.send(bytes)
    await p.close()
    expect(p.bytes).toBe(0)
    expect(log).toEqual([expect.stringContaining(said)])
    expect(log[0]).toContain(`byte ${at}`)
  })

  test('the other requests of the connection are aborted, other connections live', async () => {
    let aborted = 0
    const { peer } = await serve((exchange) => {
      if (exchange.env.get('X')) return text('alive')
      exchange.signal.addEventListener('abort', () => aborted++)
      return new Promise(() => {})
    })
    const p = peer()
    const q = peer()
    p.send(get(1) + get(2))
    q.send(get(1, ['X', 'a']))
    await q.ended(1)
    p.send('garbage')
    await p.close()
    q.send(get(2, ['X', 'a']))
    expect((await q.ended(2)).body).toBe('alive')
    expect(aborted).toBe(2)
  })

  test('a peer that disconnects at any point causes no log line', async () => {
    const { peer, log, service } = await serve(() => text(''))
    const whole = get(1)
    for (let length = 0; length < whole.length; length += 5) {
      const p = peer()
      p.send(whole.slice(0, length))
      p.socket.end()
      await p.close()
    }
    expect(service.connections.size).toBe(0)
    expect(log).toEqual([])
  })

  test('odd, but allowed: reserved bytes, large padding, ids out of order, data for nobody', async () => {
    const { peer, log } = await serve(() => text('fine'))
    const p = peer()
    const odd = `${headerText(RecordType.BEGIN_REQUEST, 500, 8, 200).slice(0, 7)}\xff`
    p.send(`${odd}\0\x01\x01reser${'p'.repeat(200)}`)
    p.send(record(RecordType.STDIN, 3, 'for nobody') + params(500, ['A', 'b']) + stdinEnd(500) + get(2))
    expect((await p.ended(500)).body).toBe('fine')
    expect((await p.ended(2)).body).toBe('fine')
    expect(log).toEqual([])
  })
})
