/** The specification, clause by clause, over real connections: records, pairs, management (3, 4). */
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { Handler } from '../../src/core/exchange.js'
import { encodePairs } from '../../src/fastcgi/codec/params.js'
import { headerText, RecordReader, RecordType } from '../../src/fastcgi/codec/record.js'
import { serveDaemon } from '../../src/process/daemon.js'
import { begin, get, type Peer, params, post, record, stdin, stdinEnd } from './peer.js'
import { echo, serve, text } from './serving.js'

/** Shows one variable. */
const show: Handler = ({ env }) => text(Buffer.from(env.get('X') ?? 'none', 'latin1'))

/** A pair with lengths encoded as the test requires. */
const long = (length: number) =>
  String.fromCharCode((length >>> 24) | 128, (length >> 16) & 255, (length >> 8) & 255, length & 255)

const asked = (id: number, names: readonly string[]) =>
  record(RecordType.GET_VALUES, id, encodePairs(names.flatMap((name) => [name, ''])))

/** Replies to management records have id 0. */
const managed = async (peer: Peer, count = 1): Promise<string> => {
  const answer = peer.answer(0)
  await peer.until(() => answer.types.length >= count)
  return answer.stdout
}

describe('FCGI 1.0 section 3.2', () => {
  test('a connection of an address that is not in FCGI_WEB_SERVER_ADDRS is closed', async () => {
    const log: string[] = []
    const daemon = await serveDaemon(echo, {
      port: 0,
      webServerAddrs: '192.0.2.1,192.0.2.2',
      protocols: ['fastcgi'],
      stderr: (line) => log.push(line),
    })
    const socket = connect((daemon.address as { port: number }).port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(get(1), 'latin1')
    await once(socket, 'close')
    await daemon.close()
    expect(log.join('')).toContain('127.0.0.1')
    expect(log.join('')).toContain('FCGI_WEB_SERVER_ADDRS')
  })

  test('one that is in it is served', async () => {
    const options = { port: 0, webServerAddrs: '192.0.2.1,127.0.0.1', protocols: ['fastcgi'] } as const
    const daemon = await serveDaemon(() => text('in'), options)
    const socket = connect((daemon.address as { port: number }).port, '127.0.0.1')
    socket.write(get(1, [], false), 'latin1')
    const [chunk] = await once(socket, 'data')
    expect(String(chunk)).toContain('in')
    socket.destroy()
    await daemon.close()
  })
})

describe('FCGI 1.0 section 3.3', () => {
  test.each([0, 2, 255])('version %i closes the connection, with a line', async (version) => {
    const { peer, log } = await serve(echo)
    const p = peer()
    p.send(String.fromCharCode(version) + get(1).slice(1))
    await p.close()
    expect(p.bytes).toBe(0)
    expect(log).toEqual([expect.stringContaining(`byte 0 begins with ${version} where version 1`)])
  })

  test.each([0, 1, 7, 8, 255])('padding of %i bytes is skipped', async (padding) => {
    const { peer } = await serve(echo)
    const p = peer()
    const list = encodePairs(['REQUEST_METHOD', 'POST'])
    p.send(record(RecordType.BEGIN_REQUEST, 1, '\0\x01\x01\0\0\0\0\0', padding))
    p.send(record(RecordType.PARAMS, 1, list, padding) + record(RecordType.PARAMS, 1, '', padding))
    p.send(record(RecordType.STDIN, 1, 'body', padding) + record(RecordType.STDIN, 1, '', padding))
    expect((await p.ended(1)).body).toBe('body')
  })

  test.each([1, 127, 128, 65535])('content of %i bytes in a record', async (size) => {
    const { peer } = await serve(echo)
    const p = peer()
    p.send(begin(1, 1, 1) + params(1, ['REQUEST_METHOD', 'POST']))
    p.send(record(RecordType.STDIN, 1, 'x'.repeat(size)) + stdinEnd(1))
    expect((await p.ended(1)).body).toBe('x'.repeat(size))
  })

  test('records of ours end on eight bytes and have at most 65535 bytes of content', async () => {
    const { peer } = await serve(echo)
    for (const size of [0, 1, 5, 13, 16383, 16385, 65535, 65536, 200_001]) {
      const p = peer()
      const lengths: number[] = []
      const reader = new RecordReader()
      p.socket.on('data', (chunk) =>
        reader.push(chunk, (_type, _id, _chunk, start, end) => lengths.push(end - start)),
      )
      p.send(post(1, 'x'.repeat(size)))
      expect((await p.ended(1)).body.length).toBe(size)
      expect(p.bytes % 8, `${size} bytes`).toBe(0)
      expect(Math.max(...lengths)).toBeLessThanOrEqual(65535)
    }
  })

  test('no empty STDOUT record in the middle of a reply', async () => {
    const { peer } = await serve(() =>
      text(
        (async function* () {
          yield Buffer.from('a')
          yield Buffer.alloc(0)
          yield Buffer.from('b')
        })(),
      ),
    )
    const p = peer()
    const empty: boolean[] = []
    const reader = new RecordReader()
    p.socket.on('data', (chunk) =>
      reader.push(chunk, (type, _id, _chunk, start, end) => {
        if (type === RecordType.STDOUT) empty.push(start === end)
      }),
    )
    p.send(get(1))
    expect((await p.ended(1)).body).toBe('ab')
    expect(empty.indexOf(true)).toBe(empty.length - 1)
  })

  test('request ids are those of one connection: the same id on another one is another request', async () => {
    const { peer } = await serve(show)
    const [p, q] = [peer(), peer()]
    p.send(begin(7, 1, 1))
    q.send(get(7, ['X', 'of q']))
    expect((await q.ended(7)).body).toBe('of q')
    p.send(params(7, ['X', 'of p']) + stdinEnd(7))
    expect((await p.ended(7)).body).toBe('of p')
  })

  test.each([1, 255, 256, 65535])('request id %i', async (id) => {
    const { peer } = await serve(show)
    const p = peer()
    p.send(get(id, ['X', 'a']))
    expect((await p.ended(id)).body).toBe('a')
  })

  test('an id is used again after END_REQUEST; before, it closes the connection', async () => {
    const { peer, log } = await serve(({ env }) => (env.get('X') ? text('a') : new Promise(() => {})))
    const p = peer()
    for (let i = 0; i < 3; i++) {
      p.answers.clear()
      p.send(get(1, ['X', 'a']))
      await p.ended(1)
    }
    p.send(get(1) + begin(1))
    await p.close()
    expect(log.join('')).toMatch(/request id 1 began again before it ended \(record at byte \d+\)/)
  })

  test('records of ids that are not active are ignored, but for BEGIN_REQUEST', async () => {
    const { peer } = await serve(show)
    const p = peer()
    p.send(params(9, ['X', 'no']) + stdin(9, 'no') + stdinEnd(9) + record(RecordType.ABORT_REQUEST, 9))
    p.send(record(RecordType.DATA, 9, 'no') + record(99, 9, 'no') + get(1, ['X', 'yes']))
    expect((await p.ended(1)).body).toBe('yes')
    expect([...p.answers.keys()]).toEqual([1])
  })

  test('records of an unknown type within a request are ignored', async () => {
    const { peer } = await serve(show)
    const p = peer()
    p.send(begin(1, 1, 1) + record(99, 1, 'no') + params(1, ['X', 'yes']) + record(99, 1) + stdinEnd(1))
    expect((await p.ended(1)).body).toBe('yes')
  })

  test('streams are the same however they are cut into records, down to a byte each', async () => {
    const { peer } = await serve(async (exchange) => {
      const reply = await echo(exchange)
      return text(`${exchange.env.get('X')}|${reply.body}`)
    })
    const list = encodePairs(['REQUEST_METHOD', 'POST', 'X', 'v'.repeat(300)])
    for (const size of [1, 2, 3, 126, 1000]) {
      const cut = (type: number, content: string) => {
        let records = ''
        for (let at = 0; at < content.length; at += size)
          records += record(type, 1, content.slice(at, at + size))
        return records + record(type, 1)
      }
      const p = peer()
      p.send(begin(1, 1, 1) + cut(RecordType.PARAMS, list) + cut(RecordType.STDIN, 'a body of some length'))
      expect((await p.ended(1)).body).toBe(`${'v'.repeat(300)}|a body of some length`)
    }
  })
})

describe('FCGI 1.0 section 3.4', () => {
  test('lengths of one byte and of four, in any mix, also where one byte would do', async () => {
    const { peer } = await serve(show)
    const value = 'v'.repeat(200)
    for (const pair of [
      `\x01${long(200)}X${value}`,
      `${long(1)}${long(200)}X${value}`,
      `${long(1)}\x03Xabc`,
      `\x01${long(3)}Xabc`,
    ]) {
      const p = peer()
      p.send(begin(1, 1, 1) + record(RecordType.PARAMS, 1, pair) + record(RecordType.PARAMS, 1) + stdinEnd(1))
      expect((await p.ended(1)).body).toBe(pair.endsWith('abc') ? 'abc' : value)
    }
  })

  test('values are bytes: NUL, line feed, 0xff', async () => {
    const { peer } = await serve(show)
    const p = peer()
    p.send(get(1, ['X', 'a\0b\n\xff']))
    expect((await p.ended(1)).body).toBe('a\0b\n\xff')
  })

  test('empty names and empty values', async () => {
    const { peer } = await serve(({ env }) => text(JSON.stringify(env.get('X'))))
    const p = peer()
    p.send(get(1, ['', 'nobody', 'X', '']))
    expect((await p.ended(1)).body).toBe('""')
  })

  test('lengths up to 127 take one byte in our own pairs', async () => {
    const { peer } = await serve(show)
    const p = peer()
    p.send(asked(0, ['FCGI_MAX_CONNS']))
    expect(await managed(p)).toBe('\x0e\x04FCGI_MAX_CONNS1000')
  })

  test('a length that announces more than the limit is refused before anything is kept', async () => {
    const { peer, log } = await serve(show)
    const p = peer()
    p.send(begin(1) + record(RecordType.PARAMS, 1, `\x01${'\xff\xff\xff\xff'}X`))
    await p.close()
    expect(log.join('')).toMatch(/maxParamsBytes is 1048576 \(record at byte 16\)/)
  })
})

describe('FCGI 1.0 section 4.1', () => {
  test('GET_VALUES is answered with the names that are known and asked for, true values, id 0', async () => {
    const { peer } = await serve(show, { maxConnections: 30, maxRequests: 40 })
    const p = peer()
    p.send(asked(0, ['FCGI_MPXS_CONNS', 'FCGI_OTHER', 'FCGI_MAX_REQS', 'FCGI_MAX_REQS']))
    expect(await managed(p)).toBe(encodePairs(['FCGI_MPXS_CONNS', '1', 'FCGI_MAX_REQS', '40']))
    expect(p.answer(0).types).toEqual([RecordType.GET_VALUES_RESULT])
  })

  test('... FCGI_MPXS_CONNS is 0 where multiplexing is off', async () => {
    const { peer } = await serve(show, { multiplex: false })
    const p = peer()
    p.send(asked(0, ['FCGI_MPXS_CONNS']))
    expect(await managed(p)).toBe(encodePairs(['FCGI_MPXS_CONNS', '0']))
  })

  test('... an empty question gets an empty result', async () => {
    const { peer } = await serve(show)
    const p = peer()
    p.send(record(RecordType.GET_VALUES, 0))
    expect(await managed(p)).toBe('')
    expect(p.answer(0).types).toEqual([RecordType.GET_VALUES_RESULT])
  })

  test('at any time: in the middle of a request, and cut anywhere', async () => {
    const { peer } = await serve(show)
    const p = peer()
    const list = encodePairs(['X', 'abc'])
    const question = asked(0, ['FCGI_MAX_CONNS'])
    p.send(begin(1, 1, 1) + record(RecordType.PARAMS, 1, list.slice(0, 3)) + question.slice(0, 11))
    p.send(question.slice(11) + record(RecordType.PARAMS, 1, list.slice(3)) + record(RecordType.PARAMS, 1))
    expect(await managed(p)).toBe(encodePairs(['FCGI_MAX_CONNS', '1000']))
    p.send(stdinEnd(1))
    expect((await p.ended(1)).body).toBe('abc')
  })
})

describe('FCGI 1.0 section 4.2', () => {
  test.each([10, 11, 12, 99, 255])('management type %i gets UNKNOWN_TYPE with that type', async (type) => {
    const { peer } = await serve(show)
    const p = peer()
    p.send(`${headerText(type, 0, 5, 3)}hello\0\0\0${get(1, ['X', 'a'])}`)
    expect(await managed(p)).toBe(`${String.fromCharCode(type)}\0\0\0\0\0\0\0`)
    expect(p.answer(0).types).toEqual([RecordType.UNKNOWN_TYPE])
    expect((await p.ended(1)).body).toBe('a')
  })
})
