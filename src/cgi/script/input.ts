/** The request body on its way into a script. */
import type { Writable } from 'node:stream'
import { RequestError } from '../../core/errors.js'
import type { Body } from '../../core/exchange.js'
import type { LimitOptions } from '../../core/limits/limit.js'
import { spoolLimits } from '../../core/limits/scripts.js'
import { Spool } from '../../serve/spool.js'

export type SpoolLimits = LimitOptions<typeof spoolLimits>

/**
 * Buffers a body of unknown length to its end. RFC 3875 4.2: the server removes the transfer-coding and must
 * know CONTENT_LENGTH before it starts the script.
 *
 * @throws RequestError REQUEST_TOO_LARGE
 */
export async function spoolBody(body: Body, limits: SpoolLimits): Promise<Spool> {
  const max = limits.maxSpoolBytes ?? spoolLimits.maxSpoolBytes.standard
  const spool = new Spool(limits.spoolMemoryBytes ?? spoolLimits.spoolMemoryBytes.standard)
  try {
    for (let piece = await body.read(); piece; piece = await body.read()) {
      if (spool.size + piece.byteLength > max) {
        body.cancel()
        throw new RequestError(
          'REQUEST_TOO_LARGE',
          `The request body has no length and exceeds the limit maxSpoolBytes (${max}).`,
        )
      }
      await spool.append(piece)
    }
    return spool
  } catch (error) {
    await spool.close()
    throw error
  }
}

/** Where the feed reads the body from: the client, or a spool that holds all of it. */
export interface InputSource {
  read(): Promise<Uint8Array | null>
  cancel(): void
}

export interface FeedOptions extends SpoolLimits {
  /** The script is blocked because nobody reads its output. */
  readonly outputBlocked: () => boolean
  /** Called for every chunk that the script's pipe has accepted. */
  readonly onProgress: () => void
}

/** How often a script that does not read is checked, in milliseconds. */
const lookMs = 50

/**
 * Writes the body to the script's standard input, as fast as the script reads. Deadlock is possible: the
 * script waits until its output is read, and the client reads only after it has sent its body. Then the body
 * is read ahead into a spool.
 */
export class Feed {
  #body: InputSource
  #pipe: Writable
  #options: FeedOptions
  #spool: Spool
  #fetching: Promise<void> | null = null
  #ended = false

  constructor(body: InputSource, pipe: Writable, options: FeedOptions) {
    this.#body = body
    this.#pipe = pipe
    this.#options = options
    this.#spool = new Spool(options.spoolMemoryBytes ?? spoolLimits.spoolMemoryBytes.standard)
  }

  /** Resolves when the script has read all of it, or has closed its input. @throws RequestError of the body */
  async run(): Promise<void> {
    const pipe = this.#pipe
    try {
      for (let piece = await this.#next(); piece; piece = await this.#next()) {
        if (pipe.destroyed) return
        if (!pipe.write(piece)) await this.#room()
        this.#options.onProgress()
      }
      pipe.end()
    } finally {
      this.#body.cancel()
      await this.#spool.close()
    }
  }

  async #next(): Promise<Uint8Array | null> {
    while (this.#spool.size === 0 && !this.#ended && !this.#pipe.destroyed)
      await this.#orClosed(this.#fetch())
    return this.#pipe.destroyed ? null : this.#spool.take()
  }

  /** Reads the next chunk of the body into the spool; one call at a time, shared by all callers. */
  #fetch(): Promise<void> {
    if (!this.#fetching) {
      this.#fetching = this.#fetchOne().finally(() => {
        this.#fetching = null
      })
      this.#fetching.catch(() => {})
    }
    return this.#fetching
  }

  async #fetchOne(): Promise<void> {
    const piece = await this.#body.read()
    if (piece === null) this.#ended = true
    else await this.#spool.append(piece)
  }

  /** A slow client must not delay a script that has closed its input. */
  #orClosed(reading: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const closed = () => resolve()
      this.#pipe.once('close', closed)
      reading.then(resolve, reject).finally(() => this.#pipe.off('close', closed))
    })
  }

  /**
   * Waits until the pipe accepts more; reads ahead if client and script would otherwise wait for each other.
   */
  async #room(): Promise<void> {
    const pipe = this.#pipe
    let ready = false
    let wake = () => {}
    const done = () => {
      ready = true
      wake()
    }
    pipe.on('drain', done)
    pipe.on('close', done)
    const timer = setInterval(() => wake(), lookMs)
    const max = this.#options.maxSpoolBytes ?? spoolLimits.maxSpoolBytes.standard
    try {
      while (!ready && !pipe.destroyed) {
        const ahead = !this.#ended && this.#spool.size < max && this.#options.outputBlocked()
        const woken = new Promise<void>((resolve) => {
          wake = resolve
        })
        if (ahead) await Promise.race([woken, this.#fetch()])
        else await woken
      }
    } finally {
      clearInterval(timer)
      pipe.off('drain', done)
      pipe.off('close', done)
    }
  }
}
