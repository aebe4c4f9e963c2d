import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { Handler } from '../../src/core/exchange.js'
import { Connection } from '../../src/fastcgi/server/connection.js'
import { Service } from '../../src/serve/service.js'
import type { Wire } from '../../src/socket/wire.js'
import { createWireServer } from '../../src/socket/wire-server.js'
import { tempDir } from '../support/temp.js'
import { begin, get, params, record, stdin, stdinEnd } from './peer.js'
import { text } from './serving.js'
import { readAnswers } from './wire.js'

const LIMIT = 200_000
/** How much one read, and the replies to it, may add. */
const ONE_READ = 2_000_000

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

/** A peer that does not read, and the server's end of its connection. */
const unread = async (handler: Handler) => {
  const path = join(tempDir('backlog'), 's')
  const service = new Service(handler, { maxBacklogBytes: LIMIT })
  const accepted = new Promise<Wire>((resolve) => {
    const server = createWireServer((wire) => {
      new Connection(wire, service)
      resolve(wire)
    }).listen(path)
    cleanups.push(async () => {
      server.close()
      await service.stop(0)
    })
  })
  while (true) {
    const socket = connect(path).on('error', () => {})
    if (
      await once(socket, 'connect').then(
        () => true,
        () => false,
      )
    ) {
      socket.pause()
      cleanups.push(() => socket.destroy())
      return { socket, server: await accepted }
    }
  }
}

/** Writes as long as the peer accepts it, up to a maximum; returns whether it stopped. */
const writeUntilStuck = async (socket: Socket, textOf: (i: number) => string, most: number) => {
  for (let i = 0; i < most; i++) {
    if (!socket.write(textOf(i), 'latin1')) {
      let free = false
      socket.once('drain', () => {
        free = true
      })
      for (let turns = 0; turns < 300 && !free; turns++) await new Promise((resolve) => setImmediate(resolve))
      if (!free) return true
    }
  }
  return false
}

const slow = record(99, 0).repeat(8000)

const never: Handler = () => new Promise(() => {})
const large: Handler = () => text('x'.repeat(10_000))
// About two dozen fit into one read.
const padded = ['HTTP_X', 'x'.repeat(2500)]

test.each<[string, Handler, (i: number) => string]>([
  ['records of unknown types', large, () => slow],
  ['requests', large, (i) => get((i % 60) + 1, padded)],
  [
    'records beside an upload',
    never,
    (i) => (i === 0 ? begin(1) + params(1, ['CONTENT_LENGTH', '9']) : slow),
  ],
])('a peer that sends %s and does not read is read no further', async (_what, handler, textOf) => {
  const { socket, server } = await unread(handler)
  expect(await writeUntilStuck(socket, textOf, 3000)).toBe(true)
  expect(socket.destroyed || server.destroyed).toBe(false)
  expect(server.queued).toBeGreaterThan(LIMIT)
  expect(server.queued).toBeLessThan(LIMIT + ONE_READ)
})

test('it is read on once it reads, and nothing is lost', async () => {
  const { socket, server } = await unread(() => text('x'.repeat(300_000)))
  const all = Array.from({ length: 60 }, (_, i) => get(i + 1))
  for (const one of all) socket.write(one, 'latin1')
  while (server.queued <= LIMIT) await new Promise((resolve) => setImmediate(resolve))
  const got: Buffer[] = []
  socket.on('data', (chunk) => got.push(chunk))
  socket.resume()
  let size = 0
  while (size < 60 * 300_000) {
    await once(socket, 'data')
    size = got.reduce((sum, { length }) => sum + length, 0)
  }
  while (readAnswers(Buffer.concat(got)).replies.length < 60) await once(socket, 'data')
})

test('mod_fcgid, which reads only when it has sent all of the body, is read to its end', async () => {
  const { socket, server } = await unread(() => text('x'.repeat(3_000_000)))
  const body = 'b'.repeat(5_000_000)
  const whole = begin(1) + params(1, ['CONTENT_LENGTH', `${body.length}`]) + stdin(1, body) + stdinEnd(1)
  socket.write(whole, 'latin1')
  if (socket.writableLength > 0) await once(socket, 'drain')
  expect(server.queued).toBeGreaterThan(LIMIT)
  const got: Buffer[] = []
  socket.on('data', (chunk) => got.push(chunk))
  await once(socket.resume(), 'close')
  expect(readAnswers(Buffer.concat(got)).replies[0]?.stdout.length).toBeGreaterThan(3_000_000)
})
