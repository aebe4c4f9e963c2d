/**
 * Copies the pieces of bodies out of a chunk, unless they can be kept where they are: most chunks are good
 * only while they are read. All pieces of a body in
 * one chunk become one: a record's end and the next one's beginning come together.
 */
import type { PushedBody } from '../../serve/body.js'

const noBytes = Buffer.alloc(0)

export class BodyPieces {
  /** The chunk that is being read has memory of its own, which may be kept. */
  own = false
  /** Whose pieces are being copied, and where to. */
  #body: PushedBody | null = null
  #bytes: Buffer = noBytes
  #used = 0

  add(body: PushedBody, chunk: Uint8Array, start: number, end: number): void {
    if (this.#body !== body) {
      this.push()
      // Read into memory of its own: nothing else that is kept is in it.
      if (this.own && start === 0) {
        body.push(chunk.subarray(0, end))
        return
      }
      this.#body = body
      // With memory of its own, so that it can be given away (Body.owned).
      this.#bytes = Buffer.allocUnsafeSlow(chunk.length - start)
    }
    this.#bytes.set(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end), this.#used)
    this.#used += end - start
  }

  /** Hands over what there is. To be called when the chunk was read, and before a body ends. */
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
