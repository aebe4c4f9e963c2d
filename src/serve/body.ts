/** A request body that a connection pushes in chunks, as a {@link Body} that the app pulls. */

import { reuse } from '../core/buffers.js'
import { RequestError } from '../core/errors.js'
import type { Body } from '../core/exchange.js'
import type { Spool } from './spool.js'

/** Smaller chunks share memory with others. */
const reused = 16384

interface Waiting {
  resolve(piece: Uint8Array | null): void
  reject(error: unknown): void
}

/** No chunks: most requests have no body. Never modified. */
const none: Uint8Array[] = []

/** Never modified. */
const noWaiters: (() => void)[] = []

/** Notified when the app requests more than there is, or cancels. */
export interface BodySource {
  wants(): void
}

export class PushedBody implements Body {
  length: number | null
  readonly owned: boolean
  /** Bytes buffered in memory: to be read, or to be written to the spool. */
  queued = 0
  /** How many of the queued bytes are being written to the spool. */
  unwritten = 0
  /** Total bytes received. */
  received = 0
  ended = false
  /** The app needs no more: further data is dropped. */
  cancelled = false
  readonly #announced: number | null
  /** The variable that announced the length. */
  readonly #name: string
  readonly #source: BodySource
  #queue: Uint8Array[] = none
  #waiting: Waiting | null = null
  #error: unknown = null
  #spool: Spool | null = null
  /** Chunks on their way to the spool, in order. */
  #spooling: Promise<void> | null = null
  /** Bytes after those in the queue: in the spool, or on their way to it. */
  #behind = 0
  #settled: (() => void)[] = noWaiters

  /**
   * @param announced CONTENT_LENGTH if it is a number above 0, else null.
   * @param source notified when the app requests more than there is, and when it cancels.
   * @param owned the chunks belong to the reader (Body.owned). Default false.
   * @param name the variable that announced the length, for messages
   */
  constructor(announced: number | null, source: BodySource, owned = false, name = 'CONTENT_LENGTH') {
    this.owned = owned
    this.#name = name
    this.#announced = announced
    this.length = announced
    this.#source = source
  }

  push(piece: Uint8Array): void {
    this.received += piece.length
    if (this.cancelled || this.#error !== null) return
    if (this.#announced !== null && this.received > this.#announced) {
      // FastCGI 1.0 section 6.2: a length other than CONTENT_LENGTH is an error of the transfer.
      this.fail(
        new RequestError(
          'REQUEST_BODY_LONG',
          `The body has ${this.received} bytes or more; ${this.#name} is ${this.#announced}.`,
        ),
      )
      return
    }
    if (this.#waiting !== null) {
      const { resolve } = this.#waiting
      this.#waiting = null
      resolve(piece)
      return
    }
    this.queued += piece.length
    if (this.#queue === none) this.#queue = []
    if (this.#spool === null) this.#queue.push(piece)
    else this.#spill(this.#spool, piece)
  }

  /**
   * From now on, data goes to a file: other requests of the connection must not wait for the reader of this
   * body (FastCGI 1.0 section 3.3).
   */
  spill(spool: Spool): void {
    if (this.#spool === null && !this.cancelled) this.#spool = spool
    else void spool.close()
  }

  get spilling(): boolean {
    return this.#spool !== null
  }

  /** Bytes kept in the spool. */
  get spooled(): number {
    return this.#behind
  }

  #spill(spool: Spool, piece: Uint8Array): void {
    this.#behind += piece.length
    this.unwritten += piece.length
    this.#spooling = (this.#spooling ?? Promise.resolve())
      .then(() => (this.cancelled ? false : spool.append(piece)))
      .then((written) => {
        // Otherwise memory would grow by everything read between two garbage collections.
        if (written && this.owned && piece.byteLength >= reused) reuse(piece)
      })
      .catch((error: Error) => this.fail(error))
      .then(() => {
        this.queued -= piece.length
        this.unwritten -= piece.length
        this.#source.wants()
      })
  }

  async #unspill(spool: Spool): Promise<Uint8Array | null> {
    await this.#spooling
    const piece = await spool.take()
    if (piece !== null) this.#behind -= piece.length
    return piece ?? this.read()
  }

  /** The stream has ended. */
  end(): void {
    if (this.ended) return
    this.ended = true
    this.settle()
    if (this.#announced === null) {
      if (this.length === null && this.received === 0) this.length = 0
    } else if (this.received < this.#announced) {
      this.fail(
        new RequestError(
          'REQUEST_BODY_SHORT',
          `The body ended after ${this.received} bytes; ${this.#name} is ${this.#announced}.`,
        ),
      )
      return
    }
    if (this.#waiting !== null) {
      const { resolve } = this.#waiting
      this.#waiting = null
      resolve(null)
    }
  }

  /** Resolves when the whole body has arrived, or no more of it will be kept. */
  settled(): Promise<void> {
    if (this.ended || this.cancelled) return Promise.resolve()
    return new Promise((resolve) => {
      if (this.#settled === noWaiters) this.#settled = []
      this.#settled.push(resolve)
    })
  }

  /** Resumes callers that wait for the whole body. */
  settle(): void {
    const waiters = this.#settled
    this.#settled = noWaiters
    for (const go of waiters) go()
  }

  /** Data received earlier is still delivered, then the error. */
  fail(error: unknown): void {
    if (this.#error !== null) return
    this.ended = true
    this.#error = error
    this.settle()
    if (this.#waiting !== null) {
      const { reject } = this.#waiting
      this.#waiting = null
      reject(error)
    }
  }

  read(): Promise<Uint8Array | null> {
    const piece = this.#queue.shift()
    if (piece !== undefined) {
      this.queued -= piece.length
      if (this.#queue.length === 0) this.#source.wants()
      return Promise.resolve(piece)
    }
    if (this.#behind > 0 && this.#spool !== null && this.#error === null) return this.#unspill(this.#spool)
    if (this.#error !== null) return Promise.reject(this.#error)
    if (this.ended || this.cancelled) return Promise.resolve(null)
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#source.wants()
    })
  }

  cancel(): void {
    if (this.cancelled) return
    this.cancelled = true
    this.settle()
    for (const piece of this.#queue) this.queued -= piece.length
    this.#queue = none
    this.#behind = 0
    const spool = this.#spool
    if (spool !== null) void (this.#spooling ?? Promise.resolve()).then(() => spool.close())
    this.#source.wants()
  }
}
