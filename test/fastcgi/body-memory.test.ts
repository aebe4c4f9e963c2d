/** Sockets are read into one buffer: what is kept of a chunk has to be a copy. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Connection } from '../../src/fastcgi/connection.js'
import { Service } from '../../src/server/service.js'
import { Peer, post } from './peer.js'

test('pieces of a body that an app keeps are still the same after other requests', async () => {
  const kept: Uint8Array[][] = []
  const service = new Service(async ({ stdin }) => {
    const pieces: Uint8Array[] = []
    kept.push(pieces)
    for (let piece = await stdin.read(); piece !== null; piece = await stdin.read()) pieces.push(piece)
    return { status: 200, headers: ['Content-Type', 'text/plain'], body: 'ok' }
  })
  const dir = await mkdtemp(join(tmpdir(), 'cgiup-test-'))
  const server = createServer((socket) => new Connection(socket, service)).listen(join(dir, 's'))
  await once(server, 'listening')
  const peers = [new Peer(join(dir, 's')), new Peer(join(dir, 's'))]
  const sizes = [10, 5000, 65528, 300_000, 65535, 1]
  for (const [i, size] of sizes.entries()) {
    const peer = peers[i % 2] as Peer
    peer.send(post(i + 1, String.fromCharCode(97 + i).repeat(size)))
    await peer.ended(i + 1)
  }
  for (const [i, size] of sizes.entries()) {
    const text = Buffer.concat(kept[i] as Uint8Array[]).toString('latin1')
    expect(text === String.fromCharCode(97 + i).repeat(size)).toBe(true)
  }
  // Large pieces have memory of their own, so that they can be transferred (Body.owned).
  const large = (kept.flat() as Uint8Array[]).filter((piece) => piece.length >= 4096)
  expect(new Set(large.map((piece) => piece.buffer)).size).toBe(large.length)
  for (const peer of peers) peer.socket.destroy()
  const closed = new Promise((resolve) => server.close(resolve))
  await service.stop(0)
  await closed
  await rm(dir, { recursive: true })
})
