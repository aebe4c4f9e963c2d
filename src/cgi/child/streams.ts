/** Node streams in place of descriptors 0 and 1. */
import type { Readable, Writable } from 'node:stream'
import type { Sink } from './output.js'
import { ReaderGone } from './output.js'
import type { ByteSource } from './stdin.js'

/** Reads from a Readable only the requested bytes: bytes after the body stay in it. */
export class StreamSource implements ByteSource {
  readonly #stream: Readable
  readonly drainable = true
  #error: Error | null = null
  #wake: (() => void) | null = null

  constructor(stream: Readable) {
    this.#stream = stream
    const wake = () => this.#wake?.()
    for (const event of ['readable', 'end', 'close']) stream.on(event, wake)
    stream.on('error', (error) => {
      this.#error = error
      wake()
    })
  }

  async read(size: number): Promise<Uint8Array | null> {
    const stream = this.#stream
    for (;;) {
      const ready = Math.min(size, stream.readableLength)
      const piece: unknown = ready > 0 ? stream.read(ready) : stream.read()
      if (piece !== null) return bytesOf(piece)
      const error = this.#error ?? stream.errored
      if (error) throw error
      if (stream.readableEnded) return null
      if (stream.destroyed) throw new Error('stdin was closed before its end')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = null
    }
  }
}

function bytesOf(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece
  throw new TypeError('stdin produces text; it must be a stream of bytes, without setEncoding()')
}

export interface StreamSinkOptions {
  /** Reports that writing is blocked (true), or continues (false). */
  readonly stuck: (stuck: boolean) => void
}

/** A write that blocks for this long may be waiting for us to read. */
const stuckMs = 20

/** Writes to a Writable and waits until it accepts more. */
export class StreamSink implements Sink {
  readonly #stream: Writable
  readonly #stuck: (stuck: boolean) => void
  #error: unknown = null
  #wake: (() => void) | null = null

  constructor(stream: Writable, options: StreamSinkOptions) {
    this.#stream = stream
    this.#stuck = options.stuck
    const wake = () => this.#wake?.()
    stream.on('drain', wake)
    stream.on('close', wake)
    stream.on('error', (error) => {
      this.#error = new ReaderGone(`stdout failed: ${error.message}`)
      wake()
    })
  }

  now(bytes: Uint8Array): number {
    if (this.#stream.writableNeedDrain || !this.#stream.writable) return 0
    this.#stream.write(bytes)
    return bytes.byteLength
  }

  async send(bytes: Uint8Array): Promise<void> {
    if (this.#stream.writableNeedDrain) await this.#drained()
    if (!this.#stream.writable || this.#error) throw this.#gone()
    if (!this.#stream.write(bytes)) await this.#drained()
  }

  /** The reply is complete. Resolves when the stream has accepted it. @throws ReaderGone */
  async end(): Promise<void> {
    if (this.#stream.destroyed || this.#error) throw this.#gone()
    await new Promise<void>((resolve, reject) => {
      this.#wake = () => reject(this.#gone())
      this.#stream.end(resolve)
    })
  }

  async #drained(): Promise<void> {
    const timer = setTimeout(this.#stuck, stuckMs, true)
    try {
      while (this.#stream.writableNeedDrain) {
        if (!this.#stream.writable || this.#error) throw this.#gone()
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        this.#wake = null
      }
    } finally {
      clearTimeout(timer)
      this.#stuck(false)
    }
  }

  #gone(): unknown {
    return this.#error ?? new ReaderGone('stdout was closed')
  }
}
