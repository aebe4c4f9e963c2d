import { once } from 'node:events'
import { expect, test } from 'vitest'
import { ask, echo, encodeScgiHead, scgiRequest, serveScgi, textReply, writeUntilClosed } from './peer.js'

const never = () => new Promise<never>(() => {})

test('maxParamsBytes, maxParams: the connection is closed with a line', async () => {
  const { open, log } = await serveScgi(() => textReply(''), { maxParamsBytes: 100, maxParams: 4 })
  expect(await ask(open(), encodeScgiHead(['HTTP_X', 'x'.repeat(100)], 0))).toBe('')
  expect(await ask(open(), encodeScgiHead(['A', '', 'B', '', 'C', ''], 0))).toBe('')
  expect(log).toEqual([
    expect.stringContaining('maxParamsBytes is 100'),
    expect.stringContaining('maxParams (4)'),
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
