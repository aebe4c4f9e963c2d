import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { RecordType } from '../../src/fastcgi/codec/record.js'
import { Connection } from '../../src/fastcgi/server/connection.js'
import { Service } from '../../src/serve/service.js'
import { createWireServer } from '../../src/socket/wire-server.js'
import { begin, params, record, stdin, stdinEnd } from './peer.js'
import { text } from './serving.js'
import { readAnswers } from './wire.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

/** The reply to a request of which a part arrives just before the reply. */
const ask = async (before: string, late: string, after = '') => {
  const body = 'x'.repeat(60_000)
  let sendLate = () => {}
  const service = new Service(async () => {
    // When the reply is sent, this part is in the kernel, unread.
    sendLate()
    return text(body)
  })
  const server = createWireServer((wire) => new Connection(wire, service)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(async () => {
    server.close()
    await service.stop(0)
  })
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').setNoDelay()
  sendLate = () => socket.write(late, 'latin1')
  const got: Buffer[] = []
  let error: unknown
  socket.on('data', (chunk) => got.push(chunk))
  socket.on('error', (e) => {
    error = e
  })
  socket.allowHalfOpen = true
  socket.on('end', () => socket.end(after, 'latin1'))
  return {
    service,
    socket,
    closed: new Promise((resolve) => socket.on('close', resolve)).then(() => ({
      error,
      got: Buffer.concat(got),
    })),
    send: () => socket.write(before, 'latin1'),
  }
}

describe('5.1 a connection is not closed on what is still unread, for the reset would take the reply away', () => {
  test('padding of the last record', async () => {
    const request = begin(1) + params(1, ['REQUEST_METHOD', 'GET']) + record(RecordType.STDIN, 1, '', 255)
    const { send, closed } = await ask(request.slice(0, -255), request.slice(-255))
    send()
    const { error, got } = await closed
    expect(error).toBeUndefined()
    expect(readAnswers(got).replies[0]?.stdout.length).toBeGreaterThan(60_000)
  })

  test('the rest of a body on a kept connection, in a process that ends', async () => {
    const head = begin(1, 1, 1) + params(1, ['CONTENT_LENGTH', '200000'])
    const { send, closed, service } = await ask(
      head,
      stdin(1, 'b'.repeat(100_000)),
      stdin(1, 'b'.repeat(100_000)) + stdinEnd(1),
    )
    service.retire()
    send()
    const { error, got } = await closed
    expect(error).toBeUndefined()
    expect(readAnswers(got).replies[0]?.stdout.length).toBeGreaterThan(60_000)
  })
})
