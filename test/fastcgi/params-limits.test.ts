/** Parameters over their limits: a reply if one is possible, else a close (docs/fastcgi.md). */
import { describe, expect, test } from 'vitest'
import { encodePairs } from '../../src/fastcgi/codec/params.js'
import { RecordType } from '../../src/fastcgi/codec/record.js'
import { begin, get, params, post, record, stdin, stdinEnd } from './peer.js'
import { gate, serve, text } from './serving.js'

const answered = (what: string) =>
  expect.stringMatching(
    new RegExp(`^fastcgi: ${what} \\(record at byte \\d+\\); the request is answered with 431\n$`),
  )

/** A server whose handler must never get a request over the limits. */
const guarded = async (limits: Parameters<typeof serve>[1]) => {
  const seen: string[] = []
  const server = await serve(({ env }) => {
    seen.push(env.list.join(' '))
    return text('served')
  }, limits)
  return { ...server, seen }
}

describe('parameters over a limit', () => {
  test('maxParamsBytes: as many are served; one more is answered with 431, and the connection lives', async () => {
    const { peer, log, seen } = await guarded({ maxParamsBytes: 100 })
    const p = peer()
    p.send(begin(1, 1, 1) + params(1, ['AB', 'c'.repeat(98)]) + stdinEnd(1))
    expect((await p.ended(1)).body).toBe('served')
    p.send(begin(2, 1, 1) + params(2, ['AB', 'c'.repeat(99)]) + stdinEnd(2))
    expect(await p.ended(2)).toMatchObject({ status: '431', appStatus: 0, protocolStatus: 0 })
    p.send(begin(3, 1, 1) + params(3, ['X', '']) + stdinEnd(3))
    expect((await p.ended(3)).body).toBe('served')
    expect(seen).toEqual([`AB ${'c'.repeat(98)}`, 'X '])
    expect(log).toEqual([answered('parameters of 101 bytes or more; maxParamsBytes is 100')])
  })

  test('maxParams: as many are served; one more is answered with 431', async () => {
    const { peer, log, seen } = await guarded({ maxParams: 2 })
    const p = peer()
    p.send(begin(1, 1, 1) + params(1, ['A', '', 'B', '']) + stdinEnd(1))
    expect((await p.ended(1)).body).toBe('served')
    p.send(begin(2, 1, 1) + params(2, ['A', '', 'B', '', 'C', '']) + stdinEnd(2))
    expect((await p.ended(2)).status).toBe('431')
    expect(seen.length).toBe(1)
    expect(log).toEqual([answered('more parameters than maxParams \\(2\\)')])
  })

  test('the rest of them comes in any number of records, and is thrown away', async () => {
    const { peer, log } = await guarded({ maxParamsBytes: 100 })
    const p = peer()
    const bytes = encodePairs(['REQUEST_METHOD', 'GET', 'LONG', 'x'.repeat(200_000), 'MORE', 'y'.repeat(300)])
    p.send(begin(1, 1, 1))
    for (let at = 0; at < bytes.length; at += 999)
      p.send(record(RecordType.PARAMS, 1, bytes.slice(at, at + 999)))
    p.send(record(RecordType.PARAMS, 1) + stdinEnd(1) + get(2, ['X', '']))
    expect((await p.ended(1)).status).toBe('431')
    expect((await p.ended(2)).body).toBe('served')
    expect(log.length).toBe(1)
  })

  test('without FCGI_KEEP_CONN the connection is closed after the reply, once the body has arrived', async () => {
    const { peer, log } = await guarded({ maxParams: 3 })
    const p = peer(true)
    const body = 'x'.repeat(300_000)
    p.send(post(1, body, ['A', 'b'], false))
    expect(await p.ended(1)).toMatchObject({ status: '431', body: 'Request Header Fields Too Large\n' })
    p.socket.end()
    await p.close()
    expect(log.length).toBe(1)
  })

  test('the reply to HEAD has no body', async () => {
    const { peer } = await guarded({ maxParams: 1 })
    const p = peer()
    p.send(begin(1, 1, 1) + params(1, ['REQUEST_METHOD', 'HEAD', 'A', 'b']) + stdinEnd(1))
    expect(await p.ended(1)).toMatchObject({ status: '431', body: '' })
  })

  test('an Authorizer denies the request', async () => {
    const { peer } = await guarded({ maxParams: 1 })
    const p = peer()
    p.send(begin(1, 2, 1) + params(1, ['REQUEST_METHOD', 'GET', 'A', 'b']))
    expect((await p.ended(1)).status).toBe('431')
  })

  test('other requests of the connection go on', async () => {
    const held = gate()
    const { peer } = await serve(() => held.passed.then(() => text('late')), { maxParams: 4 })
    const p = peer()
    p.send(get(1) + get(2, ['A', '', 'B', '', 'C', '']))
    expect((await p.ended(2)).status).toBe('431')
    held.open()
    expect((await p.ended(1)).body).toBe('late')
  })

  test('it is aborted like any other', async () => {
    const { peer, log } = await guarded({ maxParams: 1 })
    const p = peer()
    p.send(begin(1, 1, 1) + record(RecordType.PARAMS, 1, encodePairs(['A', '', 'B', ''])))
    p.send(record(RecordType.ABORT_REQUEST, 1) + get(2))
    expect(await p.ended(1)).toMatchObject({ stdout: '', protocolStatus: 0 })
    expect((await p.ended(2)).status).toBe('431')
    expect(log.length).toBe(1)
  })
})

describe('what closes the connection', () => {
  test('more of them than maxDiscardBytes', async () => {
    const { peer, log } = await guarded({ maxParams: 1, maxDiscardBytes: 1000 })
    const p = peer()
    const some = record(RecordType.PARAMS, 1, encodePairs(['A', 'x'.repeat(490)]))
    p.send(begin(1, 1, 1) + some + some)
    p.send(some)
    await p.close()
    expect(p.bytes).toBe(0)
    expect(log).toEqual([
      'fastcgi: more parameters than maxParams (1) (record at byte 520); the connection is closed\n',
    ])
  })

  test('a length that announces as much', async () => {
    const { peer, log } = await guarded({ maxParamsBytes: 100, maxDiscardBytes: 1000 })
    for (const value of [995, 996]) {
      const p = peer()
      const cut = encodePairs(['ABCDE', 'x'.repeat(value)]).slice(0, 20)
      p.send(begin(1, 1, 1) + record(RecordType.PARAMS, 1, cut) + record(RecordType.PARAMS, 1))
      if (value === 995) expect((await p.ended(1)).status).toBe('431')
      else await p.close()
    }
    expect(log).toEqual([
      answered('parameters of 1000 bytes or more; maxParamsBytes is 100'),
      expect.stringMatching(/parameters of 1001 bytes .*; the connection is closed\n$/),
    ])
  })

  test('records of a body before the end of them', async () => {
    const { peer, log } = await guarded({ maxParams: 1 })
    const p = peer()
    p.send(begin(1, 1, 1) + record(RecordType.PARAMS, 1, encodePairs(['A', '', 'B', ''])) + stdin(1, 'x'))
    await p.close()
    expect(log).toEqual([expect.stringContaining('STDIN of request 1 before the end of its PARAMS')])
  })

  test('paramsTimeoutMs where they do not end', async () => {
    const { peer, log } = await guarded({ maxParams: 1, paramsTimeoutMs: 1 })
    const p = peer()
    p.send(begin(1, 1, 1) + record(RecordType.PARAMS, 1, encodePairs(['A', '', 'B', ''])))
    await p.close()
    expect(log).toEqual([expect.stringContaining('(paramsTimeoutMs)')])
  })

  test('GET_VALUES over the limits: no reply can report it', async () => {
    const { peer, log } = await guarded({ maxParams: 2 })
    const p = peer()
    p.send(record(RecordType.GET_VALUES, 0, encodePairs(['A', '', 'B', '', 'C', ''])))
    await p.close()
    expect(log).toEqual([expect.stringMatching(/maxParams \(2\).*; the connection is closed\n$/)])
  })
})
