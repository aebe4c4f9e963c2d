/** The specification, clause by clause, over real connections: requests and processes (2, 5, 6, 7). */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Handler } from '../../src/core/exchange.js'
import { RecordType } from '../../src/fastcgi/codec/record.js'
import { needs, which } from '../support/needs.js'
import { startServer } from '../support/server-process.js'
import { tempDir } from '../support/temp.js'
import { begin, get, Peer, params, post, record, stdin, stdinEnd } from './peer.js'
import { echo, gate, readAll, serve, text } from './serving.js'

const hello: Handler = () => text('hello')

/** Answers each request when the test allows it. */
const held = () => {
  const gates = new Map<string, ReturnType<typeof gate>>()
  const of = (name: string) => {
    const known = gates.get(name) ?? gate()
    gates.set(name, known)
    return known
  }
  const handler: Handler = async ({ env }) => {
    const name = env.get('X') ?? ''
    await of(name).passed
    return text(name)
  }
  return { handler, let: (name: string) => of(name).open() }
}

describe('FCGI 1.0 section 5.1', () => {
  test('with FCGI_KEEP_CONN the application does not close the connection', async () => {
    const { peer } = await serve(hello)
    const p = peer()
    for (let id = 1; id <= 20; id++) {
      p.send(get(id))
      await p.ended(id)
    }
    expect(p.closed).toBe(false)
  })

  test('without it, it is closed after the answer', async () => {
    const { peer } = await serve(hello)
    const p = peer()
    p.send(get(1, [], false))
    await p.close()
    expect(p.answer(1)).toMatchObject({ body: 'hello', protocolStatus: 0 })
  })

  test('... when the last of several requests has been answered', async () => {
    const { handler, let: allow } = held()
    const { peer } = await serve(handler)
    const p = peer()
    p.send(get(1, ['X', 'kept']) + get(2, ['X', 'last'], false))
    allow('last')
    await p.ended(2)
    expect(p.closed).toBe(false)
    allow('kept')
    await p.close()
    expect(p.answer(1).body).toBe('kept')
  })

  test('other bits of the flags are ignored', async () => {
    const { peer } = await serve(hello)
    const p = peer()
    p.send(begin(1, 1, 0xff) + params(1, []) + stdinEnd(1))
    await p.ended(1)
    p.send(get(1))
    await p.ended(1)
  })

  test('BEGIN_REQUEST of another length than 8: shorter closes the connection, longer is read', async () => {
    const { peer, log } = await serve(hello)
    const p = peer()
    p.send(record(RecordType.BEGIN_REQUEST, 1, '\0\x01\0\0\0'))
    await p.close()
    expect(log.join('')).toContain('BEGIN_REQUEST of request 1 has 5 bytes where 8 are needed')
    const q = peer()
    q.send(record(RecordType.BEGIN_REQUEST, 1, '\0\x01\x01\0\0\0\0\0more') + params(1, []) + stdinEnd(1))
    await q.ended(1)
  })
})

describe('FCGI 1.0 section 5.4', () => {
  test('ABORT_REQUEST: END_REQUEST as soon as possible, the signal notifies the handler', async () => {
    const { handler } = held()
    const entered = gate()
    let signal: AbortSignal | undefined
    const { peer } = await serve((exchange) => {
      signal = exchange.signal
      entered.open()
      return handler(exchange)
    })
    const p = peer()
    p.send(get(1))
    await entered.passed
    p.send(record(RecordType.ABORT_REQUEST, 1))
    expect(await p.ended(1)).toMatchObject({ stdout: '', stdoutEnded: true, appStatus: 0, protocolStatus: 0 })
    expect(signal?.aborted).toBe(true)
  })

  test('... before the parameters are there', async () => {
    let called = false
    const { peer } = await serve(() => {
      called = true
      return text('')
    })
    const p = peer()
    p.send(begin(1, 1, 1) + record(RecordType.PARAMS, 1, '\x01\x01Xa') + record(RecordType.ABORT_REQUEST, 1))
    expect(await p.ended(1)).toMatchObject({ stdout: '', protocolStatus: 0 })
    expect(called).toBe(false)
    p.send(begin(2, 1, 0) + record(RecordType.ABORT_REQUEST, 2))
    expect(await p.ended(2)).toMatchObject({ stdout: '', protocolStatus: 0 })
    p.socket.end()
    await p.close()
  })

  test('... in the middle of the reply: nothing more of it', async () => {
    let returned = false
    const { peer } = await serve(() =>
      text(
        (async function* () {
          try {
            for (;;) {
              yield Buffer.from('x')
              await new Promise((resolve) => setImmediate(resolve))
            }
          } finally {
            returned = true
          }
        })(),
      ),
    )
    const p = peer()
    p.send(get(1))
    await p.until(() => p.answer(1).body.length > 3)
    p.send(record(RecordType.ABORT_REQUEST, 1))
    const { body } = await p.ended(1)
    p.send(get(2))
    await p.until(() => p.answer(2).body.length > 3)
    expect(p.answer(1).body).toBe(body)
    expect(returned).toBe(true)
  })

  test('... of one request leaves the others alone', async () => {
    const { handler, let: allow } = held()
    const { peer } = await serve(handler)
    const p = peer()
    p.send(get(1, ['X', 'one']) + get(2, ['X', 'two']) + record(RecordType.ABORT_REQUEST, 1))
    await p.ended(1)
    allow('two')
    expect((await p.ended(2)).body).toBe('two')
  })
})

describe('FCGI 1.0 section 5.5', () => {
  test('REQUEST_COMPLETE', async () => {
    const { peer } = await serve(hello)
    const p = peer()
    p.send(get(1))
    expect(await p.ended(1)).toMatchObject({ appStatus: 0, protocolStatus: 0 })
  })

  test('CANT_MPX_CONN where multiplexing is off; the running request continues', async () => {
    const { handler, let: allow } = held()
    const { peer } = await serve(handler, { multiplex: false })
    const p = peer()
    p.send(get(1, ['X', 'one']) + get(2, ['X', 'two']))
    expect(await p.ended(2)).toMatchObject({ protocolStatus: 1, stdout: '' })
    allow('one')
    expect((await p.ended(1)).body).toBe('one')
    allow('two')
    p.send(get(3, ['X', 'two']))
    expect((await p.ended(3)).body).toBe('two')
  })

  test('instead of OVERLOADED a real 503', async () => {
    const { handler } = held()
    const { peer } = await serve(handler, { maxRequests: 1 })
    const p = peer()
    p.send(get(1) + get(2))
    expect(await p.ended(2)).toMatchObject({ protocolStatus: 0, status: '503' })
    expect(p.answer(2).stdout).toContain('Retry-After: 1')
  })
})

describe('FCGI 1.0 section 6.1', () => {
  test('a reply without a body has its STDOUT ended by an empty record', async () => {
    const { peer } = await serve(() => ({ status: 204, headers: [], body: null }))
    const p = peer()
    p.send(get(1))
    const { types } = await p.ended(1)
    expect(types).toEqual([RecordType.STDOUT, RecordType.STDOUT, RecordType.END_REQUEST])
  })

  test('STDERR is ended by an empty record where it was used, and not sent where it was not', async () => {
    const { peer } = await serve((exchange) => {
      if (exchange.env.get('X')) exchange.stderr('trouble\n')
      return text('')
    })
    const p = peer()
    p.send(get(1) + get(2, ['X', 'a']))
    expect((await p.ended(1)).types).not.toContain(RecordType.STDERR)
    const { types, stderr } = await p.ended(2)
    expect(types.filter((type) => type === RecordType.STDERR).length).toBe(2)
    expect(stderr).toBe('trouble\n')
  })
})

describe('FCGI 1.0 section 6.2', () => {
  test('the application waits for the end of PARAMS before it answers', async () => {
    const { peer } = await serve(hello)
    const p = peer()
    p.send(begin(1, 1, 1) + record(RecordType.PARAMS, 1, '\x01\x01Xa') + get(2))
    await p.ended(2)
    expect(p.answer(1).types).toEqual([])
    p.send(record(RecordType.PARAMS, 1) + stdinEnd(1))
    await p.ended(1)
  })

  test('... and need not wait for STDIN', async () => {
    const { peer } = await serve(hello)
    const p = peer()
    p.send(begin(1, 1, 1) + params(1, ['REQUEST_METHOD', 'POST', 'CONTENT_LENGTH', '5']))
    expect((await p.ended(1)).body).toBe('hello')
  })

  test('... but waits a moment where no body is announced, to tell none from one', async () => {
    const { peer } = await serve(({ stdin }) => text(String(stdin.length)))
    const p = peer()
    p.send(begin(1, 1, 1) + params(1, ['REQUEST_METHOD', 'GET']) + get(2))
    expect((await p.ended(2)).body).toBe('0')
    p.send(stdinEnd(1))
    expect((await p.ended(1)).body).toBe('0')
    // A server that never ends STDIN gets a reply too.
    p.send(begin(3, 1, 1) + params(3, ['REQUEST_METHOD', 'GET']))
    expect((await p.ended(3)).body).toBe('null')
  })

  test('STDIN of another length than CONTENT_LENGTH: the application can see it', async () => {
    const { peer } = await serve(async (exchange) => text(await readAll(exchange).catch((e) => e.code)))
    const p = peer()
    const head = ['REQUEST_METHOD', 'POST', 'CONTENT_LENGTH', '4']
    p.send(begin(1, 1, 1) + params(1, head) + stdin(1, 'abc') + stdinEnd(1))
    expect((await p.ended(1)).body).toBe('REQUEST_BODY_SHORT')
    p.send(begin(2, 1, 1) + params(2, head) + stdin(2, 'abcde') + stdinEnd(2))
    expect((await p.ended(2)).body).toBe('REQUEST_BODY_LONG')
  })

  test('STDIN before the end of PARAMS closes the connection', async () => {
    const { peer, log } = await serve(hello)
    const p = peer()
    p.send(begin(1) + stdin(1, 'abc'))
    await p.close()
    expect(log.join('')).toContain('STDIN of request 1 before the end of its PARAMS (record at byte 16)')
  })

  test('the application status is 0, and not 0 where the reply broke', async () => {
    const broken: Handler = () =>
      text(
        (async function* () {
          yield Buffer.from('a')
          throw new Error('broken')
        })(),
      )
    const { peer } = await serve((exchange) =>
      exchange.env.get('X') ? broken(exchange) : new Promise(() => {}),
    )
    const p = peer()
    p.send(get(1) + get(2, ['X', 'a']))
    expect((await p.ended(2)).appStatus).toBe(1)
  })

  test('a body and a reply of 1 MiB at the same time', async () => {
    const { peer } = await serve((exchange) =>
      text(
        (async function* () {
          for (let piece = await exchange.stdin.read(); piece; piece = await exchange.stdin.read())
            yield piece
        })(),
      ),
    )
    const p = peer()
    const body = 'b'.repeat(1 << 20)
    p.send(post(1, body))
    expect((await p.ended(1)).body === body).toBe(true)
  })

  test('more than 64 KiB of parameters', async () => {
    const { peer } = await serve(({ env }) => text(String(env.get('X')?.length)))
    const p = peer()
    p.send(begin(1, 1, 1))
    const pair = `\x01${String.fromCharCode(0x80, 0x02, 0x49, 0xf0)}X${'v'.repeat(150_000)}`
    for (let at = 0; at < pair.length; at += 65535)
      p.send(record(RecordType.PARAMS, 1, pair.slice(at, at + 65535)))
    p.send(record(RecordType.PARAMS, 1) + stdinEnd(1))
    expect((await p.ended(1)).body).toBe('150000')
  })

  test('6.2 echo of a request that arrived in one chunk needs no second chunk', async () => {
    const { peer } = await serve(echo)
    const p = peer()
    p.send(post(1, 'all at once', [], false))
    await p.close()
    expect(p.answer(1).body).toBe('all at once')
  })
})

const app = `
import { run } from '${new URL('../../dist/index.js', import.meta.url).href}'
console.log('printed')
console.error('complained')
run({ fetch: () => { console.log('printed'); return new Response('from a process') } })
`

describe.skipIf(!needs('spawn-fcgi'))('FCGI 1.0 sections 2.2 and 7', () => {
  test.each([
    ['open', 'exec node app.mjs'],
    ['closed', 'exec node app.mjs >&- 2>&-'],
  ])('a socket on descriptor 0, stdout and stderr %s; SIGTERM ends it with 0', async (_, command) => {
    const dir = tempDir('cgiup')
    const path = join(dir, 'socket')
    writeFileSync(join(dir, 'app.mjs'), app)
    chmodSync(dir, 0o755)
    const args = ['-n', '-s', path, '--', '/bin/sh', '-c', command.replace('node', process.execPath)]
    const server = await startServer(which('spawn-fcgi') as string, args, { listens: { path }, cwd: dir })
    for (const keep of [true, false]) {
      const p = new Peer(path)
      p.send(get(1, [], keep))
      expect((await p.ended(1)).body).toBe('from a process')
      p.socket.destroy()
    }
    expect(await server.stop()).toEqual([])
    expect(server.exit()).toEqual({ code: 0, signal: null })
  })
})
