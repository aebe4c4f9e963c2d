/** Sockets are read into one shared buffer: kept data must be a copy. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Connection } from '../../src/fastcgi/server/connection.js'
import { Service } from '../../src/serve/service.js'
import { createWireServer } from '../../src/socket/wire-server.js'
import { begin, Peer, params, post, record, stdinEnd } from './peer.js'

test('chunks of a body that an app keeps are unchanged after other requests', async () => {
  const kept: Uint8Array[][] = []
  const service = new Service(async ({ stdin }) => {
    const pieces: Uint8Array[] = []
    kept.push(pieces)
    for (let piece = await stdin.read(); piece !== null; piece = await stdin.read()) pieces.push(piece)
    return { status: 200, headers: ['Content-Type', 'text/plain'], body: 'ok' }
  })
  const dir = await mkdtemp(join(tmpdir(), 'cgiup-test-'))
  const server = createWireServer((wire) => new Connection(wire, service)).listen(join(dir, 's'))
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
  // Large chunks have separate memory, so that they can be transferred (Body.owned).
  const large = (kept.flat() as Uint8Array[]).filter((piece) => piece.length >= 4096)
  expect(new Set(large.map((piece) => piece.buffer)).size).toBe(large.length)
  for (const peer of peers) peer.socket.destroy()
  const closed = new Promise((resolve) => server.close(resolve))
  await service.stop(0)
  await closed
  await rm(dir, { recursive: true })
})

test('a large body arrives completely, however its records are split: most of it is read without copying', async () => {
  const service = new Service(async ({ stdin }) => {
    const pieces: Uint8Array[] = []
    for (let piece = await stdin.read(); piece !== null; piece = await stdin.read()) {
      // A byte stream transfers its chunks like this.
      pieces.push(piece.length < 4096 ? piece.slice() : transferred(piece))
    }
    const hash = createHash('sha256').update(Buffer.concat(pieces)).digest('hex')
    return { status: 200, headers: ['Content-Type', 'text/plain'], body: `sha256 ${hash}\n` }
  })
  const dir = await mkdtemp(join(tmpdir(), 'cgiup-test-'))
  const server = createWireServer((wire) => new Connection(wire, service)).listen(join(dir, 's'))
  await once(server, 'listening')
  const peer = new Peer(join(dir, 's'))
  // Whole records, padded records, the largest and the smallest that get a separate read, small ones.
  const lengths = [65528, 65528, 65535, 65535, 30_000, 29_999, 1, 40_001, 65_528, 65_528, 7, 32_768, 65_535]
  for (const id of [1, 2]) {
    let body = ''
    let text = begin(id, 1, 1) + params(id, ['REQUEST_METHOD', 'POST'])
    for (const [i, length] of lengths.entries()) {
      const content = String.fromCharCode(65 + i + id).repeat(length)
      body += content
      text += record(5, id, content, (i * 37) % 256)
    }
    text += stdinEnd(id)
    // In steps that match no record, then all at once.
    const step = id === 1 ? 50_021 : text.length
    for (let at = 0; at < text.length; at += step) {
      peer.send(text.slice(at, at + step))
      if (id === 1) await new Promise(setImmediate)
    }
    const answer = await peer.ended(id)
    expect(answer.stdout).toContain(createHash('sha256').update(body, 'latin1').digest('hex'))
  }
  peer.socket.destroy()
  const closed = new Promise((resolve) => server.close(resolve))
  await service.stop(0)
  await closed
  await rm(dir, { recursive: true })
})

const transferred = (piece: Uint8Array): Uint8Array => {
  const { byteOffset, length } = piece
  return new Uint8Array(
    structuredClone(piece.buffer, { transfer: [piece.buffer as ArrayBuffer] }),
    byteOffset,
    length,
  )
}
