/** A script's standard output, read in chunks, and only on demand (back-pressure). */
import type { Readable } from 'node:stream'

const highWater = 64 * 1024

export class ScriptOutput {
  #stream: Readable
  #queue: Uint8Array[] = []
  #queued = 0
  #ended = false
  #waiting: ((piece: Uint8Array | null) => void) | null = null
  #fullSince = 0
  /** Called for every chunk that arrives. */
  onData: (() => void) | null = null

  constructor(stream: Readable) {
    this.#stream = stream
    stream.on('data', (piece: Uint8Array) => this.#push(piece))
    stream.on('close', () => this.end())
    stream.on('end', () => this.end())
  }

  /** The next chunk, or null at the end. One call at a time. */
  take(): Promise<Uint8Array | null> {
    const piece = this.#queue.shift()
    if (piece) {
      this.#queued -= piece.byteLength
      this.#fullSince = 0
      if (this.#queued < highWater) this.#stream.resume()
      return Promise.resolve(piece)
    }
    if (this.#ended) return Promise.resolve(null)
    return new Promise((resolve) => {
      this.#waiting = resolve
    })
  }

  /** A caller waits for the next chunk. */
  get wanted(): boolean {
    return this.#waiting !== null
  }

  get ended(): boolean {
    return this.#ended && this.#queued === 0
  }

  /** Reading has paused, because the earlier chunks have not been taken. */
  get paused(): boolean {
    return this.#fullSince !== 0
  }

  /** Whether reading has paused, and the available output has not been taken for `ms` milliseconds. */
  blockedFor(ms: number): boolean {
    return this.#fullSince !== 0 && performance.now() - this.#fullSince >= ms
  }

  /** No more output follows. */
  end(): void {
    this.#ended = true
    this.#give(null)
  }

  /**
   * Reads and discards the rest, so that the script can finish.
   *
   * @param most maximum number of bytes to discard; then `over` is called, once
   */
  discard(most = Number.POSITIVE_INFINITY, over = () => {}): void {
    let left = most - this.#queued
    this.#queue = []
    this.#queued = 0
    this.#fullSince = 0
    const count = (piece: Uint8Array) => {
      left -= piece.byteLength
      if (left >= 0) return
      this.#stream.off('data', count)
      over()
    }
    this.#stream.removeAllListeners('data')
    this.#stream.on('data', count)
    this.#stream.resume()
  }

  #push(piece: Uint8Array): void {
    this.onData?.()
    if (this.#waiting) {
      this.#give(piece)
      return
    }
    this.#queue.push(piece)
    this.#queued += piece.byteLength
    if (this.#queued < highWater) return
    this.#fullSince ||= performance.now()
    this.#stream.pause()
  }

  #give(piece: Uint8Array | null): void {
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.(piece)
  }
}
