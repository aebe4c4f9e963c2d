import { once } from 'node:events'
import { expect, test } from 'vitest'
import { until } from '../support/processes.js'
import { ask, echo, encodeScgiHead, scgiRequest, serveScgi, textReply, writeUntilClosed } from './peer.js'

const never = () => new Promise<never>(() => {})

test('maxParamsBytes, maxParams: 431 and a line; the app is not called', async () => {
  let called = 0
  const { open, log } = await serveScgi(() => textReply(String(++called)), {
    maxParamsBytes: 100,
    maxParams: 4,
  })
  const body = 'x'.repeat(300_000)
  const long = encodeScgiHead(['HTTP_X', 'x'.repeat(100)], body.length)
  const many = encodeScgiHead(['A', '', 'B', '', 'C', ''], body.length)
  for (const head of [long, many])
    expect(await ask(open(), head + body)).toMatch(/^Status: 431 .*Fields Too Large\n$/s)
  expect(await ask(open(), encodeScgiHead(['A', '', 'B', ''], 0))).toMatch(/^Status: 200 /)
  expect(called).toBe(1)
  expect(log).toEqual([
    'scgi: headers of 137 bytes; maxParamsBytes is 100; the request is answered with 431\n',
    'scgi: more headers than maxParams (4) (byte 38); the request is answered with 431\n',
  ])
})

test('... what cannot be thrown away for it (maxDiscardBytes) closes the connection', async () => {
  const { open, log } = await serveScgi(() => textReply(''), { maxParamsBytes: 100, maxDiscardBytes: 300 })
  expect(await ask(open(), encodeScgiHead(['HTTP_X', 'x'.repeat(300)], 0))).toBe('')
  const socket = open()
  socket.allowHalfOpen = true
  socket.write(encodeScgiHead(['HTTP_X', 'x'.repeat(100)], 0))
  await once(socket.resume(), 'end')
  socket.write('x'.repeat(500))
  await writeUntilClosed(socket)
  expect(log).toEqual([
    'scgi: headers of 332 bytes or more; maxParamsBytes is 100; the connection is closed\n',
    expect.stringContaining('the request is answered with 431'),
    expect.stringContaining('(maxDiscardBytes)'),
  ])
})

test('paramsTimeoutMs: a head that does not come to its end', async () => {
  const { open, log } = await serveScgi(() => textReply(''), { paramsTimeoutMs: 1 })
  expect(await ask(open(), '1')).toBe('')
  expect(log).toEqual([expect.stringContaining('(paramsTimeoutMs)')])
})

test('idleTimeoutMs: a connection without a byte ends without a word', async () => {
  const { open, log } = await serveScgi(() => textReply(''), { idleTimeoutMs: 1 })
  expect(await ask(open(), '')).toBe('')
  expect(log).toEqual([])
})

test('maxBodyBytes: 413 before the app is called', async () => {
  let called = false
  const { open } = await serveScgi(
    (exchange) => {
      called = true
      return echo(exchange)
    },
    { maxBodyBytes: 3 },
  )
  expect(await ask(open(), scgiRequest('four'))).toMatch(/^Status: 413 /)
  expect(called).toBe(false)
  expect(await ask(open(), scgiRequest('six'))).toMatch(/^Status: 200 /)
})

test('maxDiscardBytes: an unwanted body is not read without end', async () => {
  const { open, log } = await serveScgi(() => textReply(''), { maxDiscardBytes: 10 })
  const socket = open()
  socket.allowHalfOpen = true
  socket.write(scgiRequest('', 100_000))
  await once(socket.resume(), 'end')
  socket.write('x'.repeat(50_000))
  await writeUntilClosed(socket)
  expect(log).toEqual([expect.stringContaining('(maxDiscardBytes)')])
})

test('discardTimeoutMs: nor is it waited for without end', async () => {
  const { open } = await serveScgi(() => textReply(''), { discardTimeoutMs: 1 })
  const socket = open()
  socket.allowHalfOpen = true
  socket.write(scgiRequest('', 100_000))
  await once(socket.resume(), 'end')
  await writeUntilClosed(socket)
})

test('requestTimeoutMs: 503, and the signal aborts', async () => {
  let reason: unknown
  const { open } = await serveScgi(
    ({ signal }) => {
      signal.addEventListener('abort', () => {
        reason = signal.reason
      })
      return never()
    },
    { requestTimeoutMs: 1 },
  )
  expect(await ask(open(), scgiRequest())).toMatch(/^Status: 503 /)
  expect(reason).toMatchObject({ code: 'REQUEST_TIMEOUT' })
})

test('requestTimeoutMs: one error page and one line, though the app fails too and the page takes its time', async () => {
  let pages = 0
  const { open, log } = await serveScgi(
    ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    {
      requestTimeoutMs: 1,
      onError: async () => {
        pages++
        // Longer than two checks of the time limits.
        await new Promise((resolve) => setTimeout(resolve, 1200))
        return { ...textReply('page'), status: 503 }
      },
    },
  )
  expect(await ask(open(), scgiRequest())).toMatch(/^Status: 503 .*page$/s)
  expect(pages).toBe(1)
  expect(log.join('').match(/requestTimeoutMs/g)).toHaveLength(1)
})

test('maxRequests, maxConnections: a real 503', async () => {
  const { open, service } = await serveScgi(never, { maxRequests: 1 })
  open().write(scgiRequest())
  while (service.running === 0) await new Promise((resolve) => setImmediate(resolve))
  expect(await ask(open(), scgiRequest())).toMatch(/^Status: 503 .*Retry-After: 1/s)

  const crowded = await serveScgi(() => textReply(''), { maxConnections: 1 })
  await once(crowded.open(), 'connect')
  expect(await ask(crowded.open(), scgiRequest())).toMatch(/^Status: 503 /)
})

test('stop: a running request is finished', async () => {
  let answer!: () => void
  const { open, service } = await serveScgi(
    () =>
      new Promise((resolve) => {
        answer = () => resolve(textReply('done'))
      }),
  )
  const got = ask(open(), scgiRequest())
  while (service.running === 0) await new Promise((resolve) => setImmediate(resolve))
  const stopped = service.stop(10_000)
  answer()
  expect(await got).toContain('done')
  await stopped
})

test('bodyTimeoutMs: a body that does not come to its end is 408', async () => {
  const { open } = await serveScgi(echo, { bodyTimeoutMs: 300, discardTimeoutMs: 100 })
  expect(await ask(open(), scgiRequest('x', 10))).toMatch(/^Status: 408 /)
})

test('sendTimeoutMs: a peer that takes nothing of its reply', async () => {
  let aborted = false
  const large = Buffer.alloc(20 << 20, 'x')
  const { open, log } = await serveScgi(
    (exchange) => {
      exchange.signal.addEventListener('abort', () => {
        aborted = true
      })
      return textReply(forever(large))
    },
    { sendTimeoutMs: 300 },
  )
  const socket = open()
  socket.pause()
  socket.write(scgiRequest())
  expect(await until(() => log.length > 0)).toBe(true)
  expect(log.join('')).toBe(
    'scgi: the peer read none of its reply for 300 ms (sendTimeoutMs); the connection is closed\n',
  )
  expect(await until(() => aborted)).toBe(true)
})

async function* forever(piece: Uint8Array) {
  for (;;) yield piece
}
