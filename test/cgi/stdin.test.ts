import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ByteSource, Stdin, type StdinLimits } from '../../src/cgi/child/stdin.js'
import type { RequestError } from '../../src/core/errors.js'
import { runs } from '../support/runs.js'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Yields its bytes in chunks of the requested or of a fixed size, one per turn. */
class Bytes implements ByteSource {
  drainable = true
  readonly asked: number[] = []
  #left: Uint8Array
  readonly #most: number
  constructor(bytes: Uint8Array, most = 65_536) {
    this.#left = bytes
    this.#most = most
  }
  async read(size: number): Promise<Uint8Array | null> {
    this.asked.push(size)
    await turn()
    if (this.#left.length === 0) return null
    const piece = this.#left.slice(0, Math.min(size, this.#most))
    this.#left = this.#left.subarray(piece.length)
    return piece
  }
}

const stdin = (source: ByteSource, length: number | null, limits?: StdinLimits) =>
  new Stdin(source, length, limits)

async function all(body: Stdin): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for (let piece = await body.read(); piece; piece = await body.read()) {
    expect(piece.byteLength).toBeGreaterThan(0)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

async function ahead(body: Stdin, until: () => boolean): Promise<void> {
  body.readAhead(true)
  // Files are written in threads, so turns of the event loop do not matter; only the test's time limit
  // applies.
  while (!until()) await turn()
  body.readAhead(false)
}

const numbers = (size: number) => Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 255)

describe('Stdin', () => {
  it('never reads beyond CONTENT_LENGTH', async () => {
    const source = new Bytes(numbers(100_000), 30_000)
    expect((await all(stdin(source, 70_000))).length).toBe(70_000)
    expect(source.asked).toEqual([65_536, 40_000, 10_000])
  })

  it('asks for nothing when there is no body', async () => {
    const source = new Bytes(numbers(10))
    const body = stdin(source, 0)
    expect(await body.read()).toBe(null)
    body.readAhead(true)
    await body.drain()
    expect(source.asked).toEqual([])
  })

  it('does not read before it is asked', async () => {
    const source = new Bytes(numbers(10))
    stdin(source, 10)
    await turn()
    expect(source.asked).toEqual([])
  })

  it('gives null after its end, and after cancel()', async () => {
    const body = stdin(new Bytes(numbers(10)), 10)
    await all(body)
    expect(await body.read()).toBe(null)
    const left = stdin(new Bytes(numbers(10)), 10)
    left.cancel()
    left.cancel()
    expect(await left.read()).toBe(null)
  })

  it('fails again and again once it has failed', async () => {
    const body = stdin(new Bytes(numbers(10)), 20)
    await expect(all(body)).rejects.toMatchObject({ code: 'REQUEST_BODY_SHORT', status: 400 })
    await expect(body.read()).rejects.toMatchObject({ code: 'REQUEST_BODY_SHORT' })
  })

  it('reports a source that fails', async () => {
    const body = stdin({ drainable: true, read: () => Promise.reject(new Error('EIO: i/o error')) }, 10)
    let gone: RequestError | undefined
    body.onGone = (error) => {
      gone = error
    }
    await expect(body.read()).rejects.toMatchObject({ code: 'REQUEST_ABORTED' })
    expect(gone?.message).toContain('EIO')
    expect(await body.drain()).toBe(true)
  })

  it('limit readAheadBytes: this many bytes stay in memory, the rest goes to a file', async () => {
    const bytes = numbers(500_000)
    for (const readAheadBytes of [0, 1, 65_536, 100_000, 1_000_000]) {
      const body = stdin(new Bytes(bytes), bytes.length, { readAheadBytes })
      await ahead(body, () => body.ended)
      expect(body.ended).toBe(true)
      expect((await all(body)).equals(bytes)).toBe(true)
    }
  })

  it.each([
    [200_000, true],
    [199_999, false],
  ])('limit spoolBytes: %i', async (spoolBytes, fits) => {
    const body = stdin(new Bytes(numbers(200_000)), 200_000, { readAheadBytes: 0, spoolBytes })
    await ahead(body, () => body.ended)
    if (fits) expect((await all(body)).length).toBe(200_000)
    else await expect(all(body)).rejects.toMatchObject({ code: 'REQUEST_SPOOL_FULL', status: 413 })
    // Either way nothing is left for which the web server would wait.
    expect(body.ended).toBe(true)
  })

  it.each([
    [200_000, true],
    [100_000, false],
  ])('limit drainBytes: %i', async (drainBytes, whole) => {
    const body = stdin(new Bytes(numbers(200_000), 10_000), 200_000, { drainBytes })
    expect(await body.drain()).toBe(whole)
    expect(body.ended).toBe(whole)
  })

  it('limit drainMs', async () => {
    const body = stdin({ drainable: true, read: () => new Promise(() => {}) }, 10, { drainMs: 20 })
    expect(await body.drain()).toBe(false)
  })

  it('does not drain a source that has no waiting writer', async () => {
    const source = new Bytes(numbers(10))
    source.drainable = false
    expect(await stdin(source, 10).drain()).toBe(true)
    expect(source.asked).toEqual([])
  })

  it('gives every byte once and in order, however reading and reading ahead take turns', async () => {
    const steps = fc.array(fc.constantFrom('read', 'ahead', 'stop', 'turn'), { maxLength: 60 })
    const sizes = fc.record({
      size: fc.nat(3000),
      most: fc.integer({ min: 1, max: 400 }),
      memory: fc.nat(1000),
    })
    await fc.assert(
      fc.asyncProperty(steps, sizes, fc.boolean(), async (plan, { size, most, memory }, known) => {
        const bytes = numbers(size)
        const body = stdin(new Bytes(bytes, most), known ? size : null, { readAheadBytes: memory })
        const pieces: Uint8Array[] = []
        for (const step of plan) {
          if (step === 'ahead') body.readAhead(true)
          else if (step === 'stop') body.readAhead(false)
          else if (step === 'turn') await turn()
          else {
            const piece = await body.read()
            if (piece) pieces.push(piece)
          }
        }
        pieces.push(await all(body))
        body.cancel()
        expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
      }),
      { numRuns: runs(150) },
    )
  })
})
