import { once } from 'node:events'
import { expect, test } from 'vitest'
import type { Exchange } from '../../src/core/exchange.js'
import { all, ask, echo, encodeScgiHead, scgiRequest, serveScgi, textReply } from './peer.js'

const turn = () => new Promise((resolve) => setImmediate(resolve))
const bodyOf = (reply: string) => reply.slice(reply.indexOf('\r\n\r\n') + 4)

test('one request, one reply, the end', async () => {
  const { open, log } = await serveScgi(() => textReply('hello'))
  expect(await ask(open(), scgiRequest())).toBe(
    'Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello',
  )
  expect(log).toEqual([])
})

test('a body of any size, byte by byte too', async () => {
  const { open } = await serveScgi(echo)
  for (const size of [1, 70_000, 2_000_000])
    expect(bodyOf(await ask(open(), scgiRequest('x'.repeat(size))))).toHaveLength(size)
  const slow = open().setNoDelay(true)
  const got = all(slow)
  for (const byte of scgiRequest('abc')) {
    slow.write(byte)
    await turn()
  }
  expect(bodyOf(await got)).toBe('abc')
})

test('connections that come at the same time do not mix', async () => {
  const { open } = await serveScgi(echo)
  const bodies = Array.from({ length: 40 }, (_, i) => String.fromCharCode(48 + i).repeat(100_000 + i))
  const got = await Promise.all(bodies.map((body) => ask(open(), scgiRequest(body))))
  for (const [i, reply] of got.entries()) expect(bodyOf(reply) === bodies[i]).toBe(true)
})

test('replies of any kind: nothing, text with umlauts, bytes, a stream', async () => {
  const kinds: [unknown, string][] = [
    [null, ''],
    ['grün', Buffer.from('grün').toString('latin1')],
    ['ü'.repeat(20_000), Buffer.from('ü'.repeat(20_000)).toString('latin1')],
    [Buffer.alloc(300_000, 'y'), 'y'.repeat(300_000)],
  ]
  for (const [body, want] of kinds) {
    const { open } = await serveScgi(() => textReply(body as string))
    expect(bodyOf(await ask(open(), scgiRequest())) === want).toBe(true)
  }
  async function* pieces() {
    for (let i = 0; i < 100; i++) {
      if (i % 10 === 0) await turn()
      yield Buffer.alloc(10_000, 'z')
    }
  }
  const { open } = await serveScgi(() => textReply(pieces()))
  expect(bodyOf(await ask(open(), scgiRequest()))).toHaveLength(1_000_000)
})

test('bytes after CONTENT_LENGTH are not part of the body, nor another request: the request fails', async () => {
  const first = scgiRequest('abc')
  for (const surplus of ['surplus', scgiRequest('again'), 'x'.repeat(500_000)]) {
    const { open, log } = await serveScgi(echo)
    expect(await ask(open(), first + surplus)).toMatch(/^Status: 400 /)
    expect(log).toEqual([expect.stringContaining(`at byte ${first.length}, after the 3 bytes of body`)])
  }
  let seen: unknown
  const { open, service } = await serveScgi(async ({ signal }) => {
    await once(signal, 'abort')
    seen = signal.reason
    return textReply('')
  })
  const socket = open()
  socket.write(first)
  while (service.running === 0) await turn()
  expect(await ask(socket, 'later')).toMatch(/^Status: 400 /)
  expect(seen).toMatchObject({ code: 'REQUEST_BODY_LONG' })
})

test('nginx with scgi_request_buffering off announces a body that is too short: the log says what to do', async () => {
  const { open, log } = await serveScgi(echo)
  const head = encodeScgiHead(['REQUEST_METHOD', 'POST', 'REQUEST_URI', '/', 'HTTP_CONTENT_LENGTH', '8'], 0)
  expect(await ask(open(), `${head}the body`)).toMatch(/^Status: 400 /)
  expect(log.join()).toContain('scgi_request_buffering must be on')
})

test('a reply before the body was read ends at once, and the rest of the body is still taken', async () => {
  const { open, log } = await serveScgi(() => textReply('no', 413))
  for (const tcp of [false, true]) {
    const served = tcp ? await serveScgi(() => textReply('no', 413), {}, true) : { open }
    const socket = served.open()
    // The peer keeps its side open, as a web server does while its client is still sending.
    socket.allowHalfOpen = true
    const got: string[] = []
    socket.on('data', (chunk) => got.push(chunk.toString()))
    socket.write(scgiRequest('', 3_000_000))
    await once(socket, 'end')
    expect(got.join('')).toMatch(/^Status: 413 .*no$/s)
    for (let i = 0; i < 3; i++) socket.write('x'.repeat(1_000_000))
    const [hadError] = await once(socket.end(), 'close')
    expect(hadError).toBe(false)
  }
  expect(log).toEqual([])
})

test('a body cut short is an error that the app sees, and its signal aborts', async () => {
  let told!: (error: unknown) => void
  const error = new Promise((resolve) => {
    told = resolve
  })
  let aborted = false
  const { open } = await serveScgi(async (exchange) => {
    exchange.signal.addEventListener('abort', () => {
      aborted = true
    })
    await Promise.resolve(echo(exchange)).then(told, told)
    return textReply('')
  })
  open().end(scgiRequest('abc', 9))
  expect(await error).toMatchObject({ code: 'REQUEST_ABORTED' })
  expect(aborted).toBe(true)
})

test('the client disconnects while its reply is created: the signal aborts, the streamed body is returned', async () => {
  let entered!: (exchange: Exchange) => void
  const exchange = new Promise<Exchange>((resolve) => {
    entered = resolve
  })
  const { open, service } = await serveScgi((e) => {
    entered(e)
    return new Promise(() => {})
  })
  const socket = open()
  socket.write(scgiRequest())
  const { signal } = await exchange
  socket.destroy()
  await once(signal, 'abort')
  while (service.running > 0) await turn()

  let returned!: () => void
  const over = new Promise<void>((resolve) => {
    returned = resolve
  })
  async function* endless() {
    try {
      while (true) {
        await turn()
        yield Buffer.alloc(1000)
      }
    } finally {
      returned()
    }
  }
  const streaming = await serveScgi(() => textReply(endless()))
  const other = streaming.open()
  other.write(scgiRequest())
  await once(other, 'data')
  other.destroy()
  await over
})

test('the signal of a request that was answered does not abort', async () => {
  let signal: AbortSignal | undefined
  const { open } = await serveScgi((exchange) => {
    signal = exchange.signal
    return textReply('early')
  })
  const socket = open()
  socket.write(scgiRequest('', 100))
  await once(socket.resume(), 'end')
  for (let i = 0; i < 20; i++) await turn()
  expect(signal?.aborted).toBe(false)
})

test('a reply that breaks partway is seen as broken: over TCP the connection is reset', async () => {
  let seen!: () => void
  const half = new Promise<void>((resolve) => {
    seen = resolve
  })
  async function* broken() {
    yield Buffer.from('half of it')
    // libuv reports a reset that arrives together with data as a clean end.
    await half
    throw new Error('broke in the middle')
  }
  const { open, log } = await serveScgi(() => textReply(broken()), {}, true)
  const socket = open()
  const reset = new Promise((resolve) => socket.on('error', resolve))
  socket.on('data', (chunk) => chunk.includes('half') && seen())
  socket.write(scgiRequest())
  expect(await reset).toMatchObject({ code: 'ECONNRESET' })
  expect(log[0]).toMatch(
    /^cgiup: GET \S*: The reply was cut off after 10 bytes of its body: Error: broke in the middle/,
  )
})

test('bad heads close the connection with one line', async () => {
  const { open, log } = await serveScgi(() => textReply(''))
  expect(await ask(open(), 'GET / HTTP/1.1\r\n\r\n')).toBe('')
  expect(log).toEqual([expect.stringMatching(/^scgi: .*use scgi_pass, not proxy_pass.*closed\n$/)])
})

test('an unread body waits: the connection is not read without end', async () => {
  let entered!: (exchange: Exchange) => void
  const exchange = new Promise<Exchange>((resolve) => {
    entered = resolve
  })
  const { open } = await serveScgi((e) => {
    entered(e)
    return new Promise(() => {})
  })
  const socket = open()
  socket.write(scgiRequest('', 50_000_000))
  const { stdin } = (await exchange) as unknown as { stdin: { queued: number } }
  for (let i = 0; i < 300; i++) socket.write(Buffer.alloc(65536))
  while (stdin.queued < 262_144) await turn()
  for (let i = 0; i < 50; i++) await turn()
  expect(stdin.queued).toBeLessThan(1_000_000)
  expect(socket.writableLength).toBeGreaterThan(10_000_000)
})

test('chunks of 4096 bytes or more belong to the reader', async () => {
  const pieces: Uint8Array[] = []
  const { open } = await serveScgi(async ({ stdin }) => {
    expect(stdin.owned).toBe(true)
    for (let piece = await stdin.read(); piece !== null; piece = await stdin.read()) pieces.push(piece)
    return textReply('')
  })
  await ask(open(), scgiRequest('x'.repeat(200_000)))
  for (const piece of pieces) if (piece.length >= 4096) expect(piece.buffer.byteLength).toBe(piece.length)
})

test('a body echoed to a server that reads nothing before it has sent it all', async () => {
  async function* pieces({ stdin }: Exchange) {
    for (let piece = await stdin.read(); piece !== null; piece = await stdin.read()) yield piece
  }
  const { open } = await serveScgi((exchange) => textReply(pieces(exchange)))
  const socket = open()
  const size = 5_000_000
  await new Promise((sent) => socket.write(scgiRequest('x'.repeat(size)), sent))
  expect(bodyOf(await all(socket))).toHaveLength(size)
})
