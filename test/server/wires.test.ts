/** Both kinds of wire, on real connections: they must behave in the same way. */
import { once } from 'node:events'
import { connect, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { HandleWire, poison } from '../../src/socket/handle-wire.js'
import { setNative } from '../../src/socket/native.js'
import { SocketWire } from '../../src/socket/socket-wire.js'
import type { Wire, WireOwner } from '../../src/socket/wire.js'
import { createWireServer } from '../../src/socket/wire-server.js'
import { tempDir } from '../support/temp.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
  setNative(undefined)
})

/** The events that an owner receives, in order; a chunk as its text. */
class Owner implements WireOwner {
  ahead = 0
  readonly told: string[] = []
  readonly own: boolean[] = []
  readonly closing: Promise<void>
  #closed!: () => void
  #wake: (() => void) | null = null
  readonly wire: Wire
  onData: (chunk: Buffer) => void = () => {}

  constructor(wire: Wire) {
    this.wire = wire
    this.closing = new Promise((resolve) => {
      this.#closed = resolve
    })
  }

  data(chunk: Buffer, own: boolean): void {
    this.told.push(chunk.toString('latin1'))
    this.own.push(own)
    this.onData(chunk)
    this.#wake?.()
  }

  gone(): void {
    this.told.push('gone')
    this.#wake?.()
  }

  closed(): void {
    this.told.push('closed')
    this.#closed()
  }

  /** All bytes so far. */
  get text(): string {
    return this.told.filter((one) => one !== 'gone' && one !== 'closed').join('')
  }

  async until(done: () => boolean): Promise<void> {
    while (!done())
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
  }
}

let directory: string | undefined
let count = 0

const kinds = [
  ['HandleWire', HandleWire],
  ['SocketWire', SocketWire],
] as const
const places = ['Unix', 'TCP'] as const
const ways = kinds.flatMap(([name, kind]) => places.map((place) => ({ name, kind, place })))

describe.each(ways)('$name over $place', ({ kind, place }) => {
  /** A connection: the peer's socket, and our end of it. */
  const pair = async (): Promise<{ peer: Socket; wire: Wire }> => {
    setNative(kind === HandleWire ? undefined : null)
    let take!: (wire: Wire) => void
    const accepted = new Promise<Wire>((resolve) => {
      take = resolve
    })
    const server: Server = createWireServer(take)
    directory ??= tempDir('wires')
    if (place === 'TCP') server.listen(0, '127.0.0.1')
    else server.listen(join(directory, `s${count++}`))
    await once(server, 'listening')
    const address = server.address()
    const peer =
      typeof address === 'string'
        ? connect(address)
        : connect((address as { port: number }).port, '127.0.0.1')
    peer.on('error', () => {})
    const wire = await accepted
    server.close()
    cleanups.push(() => {
      peer.destroy()
      wire.destroy()
    })
    expect(wire).toBeInstanceOf(kind)
    return { peer, wire }
  }

  const opened = async () => {
    const { peer, wire } = await pair()
    const owner = new Owner(wire)
    wire.open(owner)
    return { peer, wire, owner }
  }

  const all = async (peer: Socket): Promise<string> => {
    let text = ''
    for await (const chunk of peer) text += chunk.toString('latin1')
    return text
  }

  test('bytes come in and go out; the end is reported once', async () => {
    const { peer, wire, owner } = await opened()
    peer.write('hello\xff', 'latin1')
    await owner.until(() => owner.text === 'hello\xff')
    const reply = all(peer)
    wire.text('wörld')
    wire.bytes([Buffer.from(' and'), Buffer.from(' bytes')])
    wire.bytes([Buffer.from('.')])
    wire.destroySoon()
    expect(await reply).toBe('wörld and bytes.')
    await owner.closing
    expect(owner.told).toEqual(['hello\xff', 'closed'])
    expect([wire.destroyed, wire.writable, wire.queued]).toEqual([true, false, 0])
  })

  test('methods of the owner are never called synchronously from its own calls', async () => {
    const { wire, owner } = await opened()
    wire.destroy()
    wire.destroy()
    wire.destroySoon()
    expect(owner.told).toEqual([])
    await owner.closing
    expect(owner.told).toEqual(['closed'])
  })

  test('the peer disconnects: gone', async () => {
    const { peer, wire, owner } = await opened()
    peer.destroy()
    await owner.until(() => owner.told.includes('gone'))
    wire.destroySoon()
    await owner.closing
    expect(owner.told.at(-1)).toBe('closed')
  })

  test('writing to a peer that has disconnected: gone, closed, and nothing else', async () => {
    const { peer, wire, owner } = await opened()
    wire.pause()
    peer.destroy()
    await once(peer, 'close')
    const big = Buffer.alloc(1 << 20)
    let done = 0
    while (!wire.destroyed) {
      wire.bytes([big], () => done++)
      wire.text('x')
      await new Promise((resolve) => setImmediate(resolve))
    }
    await owner.closing
    expect(owner.told).toEqual(['gone', 'closed'])
    const before = done
    wire.bytes([big], () => done++)
    expect(done).toBe(before + 1)
  })

  test('our side ends first; the peer is still read', async () => {
    const { peer, wire, owner } = await opened()
    peer.allowHalfOpen = true
    let text = ''
    peer.on('data', (chunk) => {
      text += chunk
    })
    wire.text('all there is')
    wire.end()
    wire.text('never sent')
    await once(peer, 'end')
    expect(text).toBe('all there is')
    peer.write('still here')
    await owner.until(() => owner.text === 'still here')
    expect(wire.destroyed).toBe(false)
  })

  test('bytes that the kernel does not accept are queued in order; their callback runs when they are written', async () => {
    const { peer, wire, owner } = await opened()
    peer.pause()
    const pieces = Array.from({ length: 40 }, (_, i) => Buffer.alloc(500_000, 65 + (i % 26)))
    let done = 0
    for (const [i, piece] of pieces.entries()) {
      wire.bytes([piece.subarray(0, 50_000), piece.subarray(50_000)], () => done++)
      wire.text(`<${i}>`)
    }
    expect(wire.queued).toBeGreaterThan(1_000_000)
    expect(done).toBeLessThan(40)
    const written = new Promise<void>((resolve) => wire.whenWritten(resolve))
    let text = ''
    peer.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    peer.resume()
    await written
    expect([done, wire.queued]).toEqual([40, 0])
    wire.destroySoon()
    await once(peer, 'close')
    expect(text).toBe(pieces.map((piece, i) => `${piece.toString('latin1')}<${i}>`).join(''))
    await owner.closing
  })

  test('destroySoon closes after the queued bytes', async () => {
    const { peer, wire, owner } = await opened()
    peer.pause()
    wire.bytes([Buffer.alloc(20_000_000, 'z')])
    wire.destroySoon()
    wire.text('too late')
    expect(wire.destroyed).toBe(false)
    expect((await all(peer)).length).toBe(20_000_000)
    await owner.closing
    expect(owner.told.at(-1)).toBe('closed')
  })

  test('destroy drops queued bytes, and their callbacks run', async () => {
    const { peer, wire, owner } = await opened()
    peer.pause()
    let done = 0
    let written = 0
    wire.bytes([Buffer.alloc(20_000_000)], () => done++)
    wire.whenWritten(() => written++)
    wire.destroy()
    await owner.closing
    while (done === 0) await new Promise((resolve) => setImmediate(resolve))
    expect([done, written]).toEqual([1, 1])
  })

  test('a wire that is paused is not read', async () => {
    const { peer, wire, owner } = await opened()
    owner.onData = () => wire.pause()
    peer.write('one')
    await owner.until(() => owner.text === 'one')
    expect(wire.paused).toBe(true)
    await new Promise((resolve) => peer.write('two', resolve))
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(owner.text).toBe('one')
    wire.resume()
    await owner.until(() => owner.text === 'onetwo')
  })

  test('the first bytes go to one owner, the rest to another', async () => {
    const { peer, wire } = await pair()
    const first = new Owner(wire)
    const second = new Owner(wire)
    first.onData = () => wire.open(second)
    wire.probe(first)
    peer.write('begin')
    await first.until(() => first.text === 'begin')
    peer.write('rest')
    await second.until(() => second.text === 'rest')
    peer.destroy()
    await second.until(() => second.told.includes('gone'))
    wire.destroy()
    await second.closing
    expect(first.told).toEqual(['begin'])
  })

  test('it becomes a net.Socket, with the bytes that were already read', async () => {
    const { peer, wire } = await pair()
    const first = new Owner(wire)
    const socket = await new Promise<Socket>((resolve) => {
      first.onData = (chunk) => resolve(wire.toSocket(chunk))
      wire.probe(first)
      peer.write('begin ')
    })
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
      if (text === 'begin rest') socket.end('bye')
    })
    socket.resume()
    peer.write('rest')
    expect(await all(peer)).toBe('bye')
    expect(first.told).toEqual(['begin '])
  })

  test('announced large chunks arrive in separate memory', async () => {
    const { peer, owner } = await opened()
    owner.onData = () => {
      owner.ahead = 60_000
    }
    peer.write('x')
    await owner.until(() => owner.text === 'x')
    const big = 'abcdefghij'.repeat(30_000)
    peer.write(big)
    await owner.until(() => owner.text.length === big.length + 1)
    expect(owner.text).toBe(`x${big}`)
    if (kind === HandleWire) expect(owner.own).toContain(true)
  })

  test('a chunk that is kept without a copy is overwritten', async () => {
    const { peer, owner } = await opened()
    const kept: Buffer[] = []
    const copied: Buffer[] = []
    owner.onData = (chunk) => {
      kept.push(chunk)
      copied.push(Buffer.from(chunk))
    }
    peer.write('only for now')
    await owner.until(() => owner.text === 'only for now')
    expect(Buffer.concat(copied).toString()).toBe('only for now')
    // A net.Socket allocates memory for each read.
    const later = kind === HandleWire ? Buffer.alloc(12, poison).toString('latin1') : 'only for now'
    expect(Buffer.concat(kept).toString('latin1')).toBe(later)
  })

  test('a chunk that was handed over is not overwritten', async () => {
    const { peer, owner } = await opened()
    const given: Buffer[] = []
    owner.onData = (chunk) => {
      if (owner.own.at(-1)) given.push(chunk)
      owner.ahead = 60_000
    }
    peer.write('x')
    await owner.until(() => owner.text === 'x')
    const big = 'abcdefghij'.repeat(30_000)
    peer.write(big)
    await owner.until(() => owner.text.length === big.length + 1)
    if (kind === HandleWire) expect(given.length).toBeGreaterThan(0)
    expect(Buffer.concat(given).toString('latin1')).not.toMatch(/[^a-j]/)
  })

  test('the address of the peer', async () => {
    const { wire } = await pair()
    expect([wire.remoteAddress, wire.remoteFamily]).toEqual(
      place === 'TCP' ? ['127.0.0.1', 'IPv4'] : [undefined, undefined],
    )
  })

  if (place === 'TCP')
    test('reset: the peer gets an error', async () => {
      const { peer, wire, owner } = await opened()
      const error = once(peer, 'error').catch((cause: unknown) => [cause])
      wire.reset()
      expect((await error)[0]).toMatchObject({ code: 'ECONNRESET' })
      await owner.closing
    })
})
