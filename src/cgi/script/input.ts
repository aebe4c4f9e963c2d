/** The request body on its way into a script. */
import type { Writable } from 'node:stream'
import { RequestError } from '../../core/errors.js'
import type { Body } from '../../core/exchange.js'
import type { LimitOptions } from '../../core/limits/limit.js'
import { spoolLimits } from '../../core/limits/scripts.js'
import { Spool } from '../../serve/spool.js'

export type SpoolLimits = LimitOptions<typeof spoolLimits>

/**
 * A body of unknown length, read to its end. RFC 3875 4.2: the server removes the transfer-coding
 * and has to know CONTENT_LENGTH before it starts the script.
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

/** Where the feed takes the body from: the client, or a spool that holds all of it. */
export interface InputSource {
  read(): Promise<Uint8Array | null>
  cancel(): void
}

export interface FeedOptions extends SpoolLimits {
  /** The script cannot go on because nobody takes its output. */
  readonly outputBlocked: () => boolean
  /** Called for every piece the script's pipe has taken. */
  readonly onProgress: () => void
}

/** How often a script that does not read is checked, in milliseconds. */
const lookMs = 50

/**
 * Writes the body into the script's standard input, as fast as the script reads. When the script
 * cannot read because it waits to get rid of its output, and the client does not take that before it
 * has sent its body, the body is read ahead into a spool: both directions always move.
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

  /** Resolves when the script has all of it, or wants no more. @throws RequestError of the body */
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

  /** Brings the next piece of the body into the spool; one at a time, whoever asks. */
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

  /** A client that is slow to send must not hold up a script that wants no more. */
  #orClosed(reading: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const closed = () => resolve()
      this.#pipe.once('close', closed)
      reading.then(resolve, reject).finally(() => this.#pipe.off('close', closed))
    })
  }

  /** Waits until the pipe takes more, reading ahead when nothing else would ever move. */
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
