/** Replies of the handlers in these tests, and ways to read requests. */
import type { Exchange, Reply } from '../../src/core/exchange.js'

export const text = (body: Reply['body'], status = 200): Reply => ({
  status,
  headers: ['Content-Type', 'text/plain'],
  body,
})

export async function readAll(exchange: Exchange): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for (let piece = await exchange.stdin.read(); piece; piece = await exchange.stdin.read()) pieces.push(piece)
  return Buffer.concat(pieces)
}

export async function* slowly(pieces: Iterable<string>, signal?: AbortSignal) {
  for (const piece of pieces) {
    if (signal?.aborted) return
    await new Promise((resolve) => setTimeout(resolve, 1))
    yield Buffer.from(piece)
  }
}
