/**
 * Writes the reply to a descriptor, without a stream: `process.stdout` costs a seventh of the start time of
 * an empty Node process, makes a socket shared with stdin non-blocking, and loses buffered data when the
 * process ends.
 */

import { write, writeSync } from 'node:fs'

import type { TakenStdio } from './stdio.js'

/** Largest chunk written at once, in bytes. */
const pieceBytes = 1024 * 1024
/** A pipe accepts this much even if nobody reads (PIPE_BUF of Linux; its usual capacity is 64 KiB). */
const safeBytes = 4096
const capacityBytes = 64 * 1024
/**
 * A write that blocks for this long may be waiting for us to read: Apache mod_cgi sends the whole body first.
 */
const stuckMs = 20
const maxRetryMs = 16

export interface WireOptions {
  readonly fd: number
  readonly stdio: TakenStdio
  /** Nothing is left to read on stdin: the web server cannot be waiting for us to read. */
  readonly mayBlock: () => boolean
  /** Reports that writing is blocked (true), or continues (false). */
  readonly stuck: (stuck: boolean) => void
}

export class StdoutWriter implements Sink {
  readonly #options: WireOptions
  /** Bytes accepted so far. */
  bytes = 0
  /** A thread is busy writing; the process cannot end before it is done. */
  pending = false

  constructor(options: WireOptions) {
    this.#options = options
  }

  /**
   * One synchronous write: the cheapest kind. Only for amounts that cannot block for long.
   * @returns how many bytes were accepted; the rest is for {@link send}.
   * @throws ReaderGone, or the system error
   */
  now(bytes: Uint8Array): number {
    const limit = this.#options.mayBlock() ? capacityBytes : safeBytes
    if (bytes.byteLength > limit) return 0
    this.#options.stdio.written = true
    let at = 0
    while (at < bytes.byteLength) {
      try {
        at += this.#count(writeSync(this.#options.fd, bytes, at, bytes.byteLength - at))
      } catch (error) {
        if (isBusy(error)) break
        throw goneOr(error)
      }
    }
    return at
  }

  /** @throws ReaderGone, or the system error */
  async send(bytes: Uint8Array): Promise<void> {
    this.#options.stdio.written = true
    const timer = this.#options.mayBlock() ? undefined : setTimeout(this.#options.stuck, stuckMs, true)
    let retryMs = 0
    let at = 0
    try {
      while (at < bytes.byteLength) {
        const count = await this.#write(bytes, at)
        at += count
        // The descriptor is non-blocking: the app opened process.stdin on the socket that mod_cgid uses for
        // both, or the launcher made it so.
        retryMs = count > 0 ? 0 : Math.min(maxRetryMs, retryMs * 2 + 1)
        if (retryMs > 0) await after(retryMs)
      }
    } finally {
      if (timer) {
        clearTimeout(timer)
        this.#options.stuck(false)
      }
    }
  }

  #write(bytes: Uint8Array, at: number): Promise<number> {
    this.pending = true
    return new Promise((resolve, reject) => {
      const size = Math.min(pieceBytes, bytes.byteLength - at)
      write(this.#options.fd, bytes, at, size, null, (error, count) => {
        this.pending = false
        if (!error) resolve(this.#count(count))
        else if (isBusy(error)) resolve(0)
        else reject(goneOr(error))
      })
    })
  }

  #count(count: number): number {
    this.bytes += count
    return count
  }
}

function isBusy(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EAGAIN'
}

function goneOr(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException
  const gone = code === 'EPIPE' || code === 'ECONNRESET' || code === 'ENOTCONN' || code === 'ESHUTDOWN'
  return gone
    ? new ReaderGone(`The web server closed the connection before the reply was complete (${code})`)
    : error
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Where the bytes of a reply go. */
export interface Sink {
  /** Writes as much as possible without waiting. @returns how many bytes were accepted */
  now(bytes: Uint8Array): number
  /** Resolves when the sink accepts more. @throws ReaderGone if the reader has closed the connection */
  send(bytes: Uint8Array): Promise<void>
}

/** The web server closed the connection before the reply was complete, so it no longer wants the reply. */
export class ReaderGone extends Error {}
