/**
 * Copies body data out of a chunk, unless the chunk may be kept: most chunks are valid only while they are
 * read. All data of one body in a chunk is joined, because the end of a record and the beginning of the next
 * often arrive together.
 */
import type { PushedBody } from '../../serve/body.js'

const noBytes = Buffer.alloc(0)

export class BodyPieces {
  /** The current chunk has memory of its own, which may be kept. */
  own = false
  /** The body whose data is being copied, and the destination. */
  #body: PushedBody | null = null
  #bytes: Buffer = noBytes
  #used = 0

  add(body: PushedBody, chunk: Uint8Array, start: number, end: number): void {
    if (this.#body !== body) {
      this.push()
      // The chunk was read into separate memory that contains no other kept data.
      if (this.own && start === 0) {
        body.push(chunk.subarray(0, end))
        return
      }
      this.#body = body
      // Separate memory, so that it can be transferred (Body.owned).
      this.#bytes = Buffer.allocUnsafeSlow(chunk.length - start)
    }
    this.#bytes.set(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end), this.#used)
    this.#used += end - start
  }

  /** Passes on the collected data. Called after the chunk was read, and before a body ends. */
  push(): void {
    const body = this.#body
    if (body === null) return
    const piece = this.#bytes.subarray(0, this.#used)
    this.#body = null
    this.#bytes = noBytes
    this.#used = 0
    body.push(piece)
  }
}
