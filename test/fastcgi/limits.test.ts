/** Each limit: what exceeds it, and exactly what happens then (docs/fastcgi.md). */
import { describe, expect, test } from 'vitest'
import { encodePairs } from '../../src/fastcgi/codec/params.js'
import { RecordType } from '../../src/fastcgi/codec/record.js'
import { Log } from '../../src/serve/log.js'
import { until } from '../support/processes.js'
import { begin, get, params, post, record, stdin, stdinEnd } from './peer.js'
import { echo, gate, readAll, serve, text } from './serving.js'

const forever = () => new Promise<never>(() => {})

describe('limits of what is sent', () => {
  test('maxBodyBytes, announced or not', async () => {
    const { peer } = await serve(echo, { maxBodyBytes: 10 })
    const p = peer()
    p.send(post(1, 'x'.repeat(11)))
    expect((await p.ended(1)).status).toBe('413')
    p.send(begin(2, 1, 1) + params(2, ['REQUEST_METHOD', 'POST']) + stdin(2, 'x'.repeat(11)) + stdinEnd(2))
    expect((await p.ended(2)).status).toBe('413')
    p.send(post(3, 'x'.repeat(10)))
    expect((await p.ended(3)).status).toBe('200')
  })

  test('maxBodyBytes: the app sees it and may answer as it likes', async () => {
    const { peer } = await serve(
      async (exchange) => text(await readAll(exchange).catch((error) => error.code)),
      { maxBodyBytes: 10 },
    )
    const p = peer()
    p.send(begin(1, 1, 1) + params(1, ['REQUEST_METHOD', 'POST']) + stdin(1, 'x'.repeat(11)) + stdinEnd(1))
    expect((await p.ended(1)).body).toBe('REQUEST_TOO_LARGE')
  })

  test('maxUnreadBytes: a body of 64 MiB that nobody reads waits at the peer; then it arrives completely', async () => {
    const read = gate()
    let queued = 0
    let queue = () => 0
    const { peer } = await serve(async (exchange) => {
      queue = () => (exchange.stdin as unknown as { queued: number }).queued
      await read.passed
      let size = 0
      for (let piece = await exchange.stdin.read(); piece; piece = await exchange.stdin.read()) {
        size += piece.length
        queued = Math.max(queued, queue())
      }
      return text(String(size))
    })
    const p = peer()
    const size = 64 << 20
    p.send(begin(1) + params(1, ['REQUEST_METHOD', 'POST', 'CONTENT_LENGTH', String(size)]))
    const piece = Buffer.from(record(RecordType.STDIN, 1, 'x'.repeat(32768)), 'latin1')
    for (let sent = 0; sent < size; sent += 32768) p.socket.write(piece)
    p.send(stdinEnd(1))
    await until(() => queue() > 256 << 10)
    // Other requests are served meanwhile, and no more data is accepted.
    for (let i = 1; i < 4; i++) {
      const q = peer()
      q.send(begin(1) + record(RecordType.ABORT_REQUEST, 1))
      await q.ended(1)
    }
    expect(queue()).toBeLessThanOrEqual((256 + 64) << 10)
    read.open()
    expect((await p.ended(1)).body).toBe(String(size))
    expect(queued).toBeLessThanOrEqual((256 + 64) << 10)
  })

  test('maxSpoolBytes: the rest waits with the peer, other requests of the connection with it', async () => {
    const read = gate()
    const { peer } = await serve(
      async (exchange) => {
        if (exchange.env.get('X')) return text('quick')
        await read.passed
        return text(String((await readAll(exchange)).length))
      },
      { maxUnreadBytes: 10_000, maxSpoolBytes: 200_000 },
    )
    const p = peer()
    p.send(record(RecordType.GET_VALUES, 0, encodePairs(['FCGI_MPXS_CONNS', ''])))
    p.send(begin(1, 1, 1) + params(1, ['REQUEST_METHOD', 'POST']) + stdin(1, 'x'.repeat(150_000)))
    p.send(get(2, ['X', '1']))
    expect((await p.ended(2)).body).toBe('quick')
    p.send(stdin(1, 'x'.repeat(2_000_000)) + stdinEnd(1) + get(3, ['X', '1']))
    for (let i = 1; i < 4; i++) {
      const q = peer()
      q.send(get(1, ['X', '1']))
      await q.ended(1)
    }
    expect(p.answer(3).types).toEqual([])
    read.open()
    expect((await p.ended(1)).body).toBe('2150000')
    expect((await p.ended(3)).body).toBe('quick')
  })

  test('maxDiscardBytes of an unwanted body: the connection is closed', async () => {
    const { peer, log } = await serve(() => text('no', 413), { maxDiscardBytes: 1000 })
    const p = peer()
    p.send(begin(1, 1, 0) + params(1, ['REQUEST_METHOD', 'POST', 'CONTENT_LENGTH', '300000']))
    await p.ended(1)
    p.send(stdin(1, 'x'.repeat(2000)))
    await p.close()
    expect(log).toEqual([
      expect.stringContaining('more than 1000 bytes of an unwanted body (maxDiscardBytes)'),
    ])
  })

  test('discardTimeoutMs: so is one whose unwanted body does not end', async () => {
    const { peer, log } = await serve(() => text('no', 413), { discardTimeoutMs: 1 })
    const p = peer(true)
    p.send(begin(1, 1, 0) + params(1, ['REQUEST_METHOD', 'POST', 'CONTENT_LENGTH', '300000']))
    expect((await p.ended(1)).status).toBe('413')
    await until(() => log.length > 0)
    expect(log).toEqual([expect.stringContaining('did not end within 1 ms (discardTimeoutMs)')])
  })
})

describe('limits of how many', () => {
  test('maxRequests, over all connections: a real 503 and a line', async () => {
    const { peer, log } = await serve(forever, { maxRequests: 1 })
    const p = peer()
    const q = peer()
    p.send(get(1) + get(2))
    expect((await p.ended(2)).status).toBe('503')
    q.send(get(1))
    expect((await q.ended(1)).stdout).toContain('Retry-After: 1')
    expect(log).toContain('cgiup: GET /: answered with 503: maxRequests is 1\n')
    p.send(record(RecordType.ABORT_REQUEST, 1))
    await p.ended(1)
  })

  test('maxConnections: requests on a further one get a real 503, those on the others do not', async () => {
    const { peer, log } = await serve(() => text('hello'), { maxConnections: 1 })
    const p = peer()
    p.send(get(1))
    await p.ended(1)
    const q = peer()
    q.send(get(1))
    expect((await q.ended(1)).status).toBe('503')
    p.send(get(2))
    expect((await p.ended(2)).body).toBe('hello')
    expect(log).toEqual(['cgiup: GET /: answered with 503: maxConnections is 1\n'])
  })

  test('... until one of them is closed', async () => {
    const { peer, service } = await serve(() => text('hello'), { maxConnections: 1 })
    const p = peer()
    p.send(get(1))
    await p.ended(1)
    const q = peer()
    q.send(get(1))
    expect((await q.ended(1)).status).toBe('503')
    p.socket.destroy()
    await until(() => service.connections.size === 1)
    q.send(get(2))
    expect((await q.ended(2)).status).toBe('200')
  })

  test('maxRequestsPerConnection: a real 503; the others go on', async () => {
    const held = gate()
    const { peer } = await serve(() => held.passed.then(() => text('late')), { maxRequestsPerConnection: 2 })
    const p = peer()
    p.send(get(1) + get(2) + get(3))
    expect((await p.ended(3)).status).toBe('503')
    const q = peer()
    q.send(get(1))
    held.open()
    for (const id of [1, 2]) expect((await p.ended(id)).body).toBe('late')
    expect((await q.ended(1)).body).toBe('late')
  })

  test('... twice as many that are half read close the connection', async () => {
    const { peer, log } = await serve(forever, { maxRequestsPerConnection: 2 })
    const p = peer()
    p.send([1, 2, 3, 4, 5].map((id) => begin(id)).join(''))
    await p.close()
    expect(log).toEqual([expect.stringContaining('more than 4 concurrent requests')])
  })

  test('1200 connections at a time', async () => {
    const { peer, service } = await serve(() => text('hello'), { maxConnections: 2000 })
    const peers = []
    // Fewer at once than the kernel's accept queue holds.
    for (let batch = 0; batch < 6; batch++) {
      for (let i = 0; i < 200; i++) peers.push(peer())
      await until(() => service.connections.size === peers.length)
    }
    for (const p of peers) p.send(get(1))
    for (const p of peers) expect((await p.ended(1)).body).toBe('hello')
  })
})

describe('what is logged', () => {
  test('a reply head that nginx or Apache refuse is sent, and named once', async () => {
    const { peer, log } = await serve(() => ({
      status: 200,
      headers: ['Content-Type', 'text/plain', 'X-Long', 'x'.repeat(9000)],
      body: 'sent',
    }))
    const p = peer()
    for (const id of [1, 2]) {
      p.send(get(id))
      expect((await p.ended(id)).body).toBe('sent')
    }
    expect(log).toEqual([
      expect.stringMatching(
        /reply head has 90\d\d bytes; nginx rejects more than 4096.*Apache.*X-Long has 9008/,
      ),
    ])
  })

  test('a note about every reply is logged once', async () => {
    const { peer, log } = await serve(() => ({ status: 200, headers: [], body: 'x' }))
    const p = peer()
    for (const id of [1, 2, 3]) {
      p.send(get(id))
      await p.ended(id)
    }
    expect(log).toEqual([expect.stringContaining('no Content-Type')])
  })

  test('lines that peers can cause at will: twenty at once, then one a second, and a count', () => {
    let now = 0
    const lines: string[] = []
    const log = new Log(
      (line) => lines.push(line),
      () => now,
    )
    for (let i = 0; i < 50; i++) log.complaint(`bad ${i}`)
    expect(lines.length).toBe(20)
    log.sweep()
    expect(lines.length).toBe(20)
    now = 1500
    log.sweep()
    expect(lines.at(-1)).toBe(
      'cgiup: 30 more lines about rejected or malformed requests were omitted in 2 s\n',
    )
    log.complaint('bad again')
    expect(lines.length).toBe(21)
    now = 3000
    log.complaint('bad later')
    expect(lines.at(-1)).toBe('bad later\n')
  })
})
