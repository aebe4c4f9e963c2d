/** The request body on a descriptor: pulled, read ahead while the reply is stuck, drained at the end. */
import { fstatSync, read } from 'node:fs'
import { RequestError } from '../errors.js'
import type { Body } from '../exchange.js'
import type { Spool } from './spool.js'

export interface StdinLimits {
  /** Read ahead and kept in memory while writing is stuck, in bytes. Default 1 MiB; then a file. */
  readonly readAheadBytes?: number
  /** Read ahead and kept in a temporary file, in bytes. Default 1 GiB; then REQUEST_SPOOL_FULL. */
  readonly spoolBytes?: number
  /** Read and thrown away after the reply, in bytes. Default 256 MiB. */
  readonly drainBytes?: number
  /** How long the rest of the body is waited for after the reply, in milliseconds. Default 30,000. */
  readonly drainMs?: number
}

const pieceBytes = 64 * 1024
const maxRetryMs = 16

export class Stdin implements Body {
  readonly length: number | null
  readonly #fd: number
  readonly #limits: Required<StdinLimits>
  /** Bytes still to come; null while it is unknown. */
  #left: number | null
  /** Nothing more is to be read from the descriptor. */
  #ended: boolean
  #error: RequestError | null = null
  #cancelled = false
  /** Read, but not yet asked for; what the memory limit leaves out is in the spool. */
  #memory: Uint8Array[] = []
  #inMemory = 0
  #spool: Spool | null = null
  #ahead = false
  #step: Promise<void> | null = null
  #drained = 0
  /** Called once, when reading failed: the client or the server has gone. */
  onGone: ((error: RequestError) => void) | null = null

  /** @param length what CONTENT_LENGTH says; null: up to the end. */
  constructor(fd: number, length: number | null, limits: StdinLimits = {}) {
    this.#fd = fd
    this.length = length
    this.#left = length
    this.#ended = length === 0
    this.#limits = {
      readAheadBytes: limits.readAheadBytes ?? 1024 * 1024,
      spoolBytes: limits.spoolBytes ?? 1024 * 1024 * 1024,
      drainBytes: limits.drainBytes ?? 256 * 1024 * 1024,
      drainMs: limits.drainMs ?? 30_000,
    }
  }

  /** Nothing is left to be read from the descriptor. */
  get ended(): boolean {
    return this.#ended
  }

  /** A thread is busy reading; the process cannot end by itself before it is done. */
  get pending(): boolean {
    return this.#step !== null
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      if (this.#cancelled && !this.#error) return null
      const piece = await this.#take()
      if (piece) return piece
      if (this.#error) throw this.#error
      if (this.#ended) return null
      await this.#advance()
    }
  }

  cancel(): void {
    this.#cancelled = true
    this.#memory = []
    this.#inMemory = 0
    this.#dropSpool()
  }

  /** Keeps reading while the app does not: the web server may not take the reply before. */
  readAhead(on: boolean): void {
    const start = on && !this.#ahead
    this.#ahead = on
    if (start) void this.#keepReading()
  }

  async #keepReading(): Promise<void> {
    while (this.#ahead && !this.#ended) await this.#advance()
  }

  /**
   * Throws the rest away: mod_cgid resets the connection when a script leaves bytes unread, and the
   * reply is lost with it; fcgiwrap answers 502.
   * @returns false when a limit (drainBytes, drainMs) came before the end.
   */
  async drain(): Promise<boolean> {
    this.#ahead = false
    this.cancel()
    if (this.#ended || !isFlow(this.#fd)) return true
    const deadline = Date.now() + this.#limits.drainMs
    while (!this.#ended) {
      const ms = deadline - Date.now()
      if (ms <= 0 || this.#drained > this.#limits.drainBytes) return false
      await within(ms, this.#advance())
    }
    return true
  }

  /** One read; shared by all who wait for it. */
  #advance(): Promise<void> {
    this.#step ??= this.#readOnce().then(
      () => {
        this.#step = null
      },
      (error: NodeJS.ErrnoException) => {
        this.#step = null
        this.#ended = true
        this.#error = new RequestError(
          'REQUEST_ABORTED',
          `Reading the request body failed: ${error.message}.`,
        )
        this.onGone?.(this.#error)
      },
    )
    return this.#step
  }

  async #readOnce(): Promise<void> {
    // RFC 3875 4.2: "the script MUST NOT attempt to read more than CONTENT_LENGTH bytes". Python's host
    // gives the client's connection, where the next request may follow.
    const size = this.#left === null ? pieceBytes : Math.min(pieceBytes, this.#left)
    const piece = await readPiece(this.#fd, size)
    if (piece === null) this.#end()
    else await this.#keep(piece)
  }

  #end(): void {
    this.#ended = true
    // RFC 3875 4.2 lets a server close early only after CONTENT_LENGTH bytes.
    if (this.#left === null || this.#left === 0) return
    const had = (this.length as number) - this.#left
    this.#error = new RequestError(
      'REQUEST_BODY_SHORT',
      `The body ended after ${had} bytes; CONTENT_LENGTH is ${this.length}.`,
    )
  }

  async #keep(piece: Uint8Array): Promise<void> {
    if (this.#left !== null) {
      this.#left -= piece.byteLength
      if (this.#left === 0) this.#ended = true
    }
    if (this.#cancelled) {
      this.#drained += piece.byteLength
    } else if (!this.#spool?.size && this.#inMemory + piece.byteLength <= this.#limits.readAheadBytes) {
      this.#memory.push(piece)
      this.#inMemory += piece.byteLength
    } else {
      await this.#toSpool(piece)
    }
  }

  async #toSpool(piece: Uint8Array): Promise<void> {
    try {
      this.#spool ??= new (await import('./spool.js')).Spool(0)
      if (this.#spool.size + piece.byteLength <= this.#limits.spoolBytes) {
        await this.#spool.append(piece)
        return
      }
      this.#spoolFailed(`more than spoolBytes (${this.#limits.spoolBytes}) would have to be kept`)
    } catch (error) {
      if (!this.#cancelled) this.#spoolFailed((error as Error).message)
    }
  }

  #spoolFailed(why: string): void {
    this.cancel()
    this.#error = new RequestError(
      'REQUEST_SPOOL_FULL',
      `The web server takes no reply before the body is read, and the body cannot be kept: ${why}.`,
    )
  }

  async #take(): Promise<Uint8Array | null> {
    const piece = this.#memory.shift()
    if (piece) {
      this.#inMemory -= piece.byteLength
      return piece
    }
    return this.#spool ? this.#spool.take() : null
  }

  #dropSpool(): void {
    void this.#spool?.close()
    this.#spool = null
  }
}

/** A file or /dev/null takes no harm when it is left unread. */
function isFlow(fd: number): boolean {
  try {
    const stat = fstatSync(fd)
    return stat.isFIFO() || stat.isSocket()
  } catch {
    return false
  }
}

/** One read in a thread, retried where the descriptor is non-blocking; null at the end. */
async function readPiece(fd: number, size: number): Promise<Uint8Array | null> {
  const buffer = Buffer.allocUnsafeSlow(size)
  for (let retryMs = 1; ; retryMs = Math.min(maxRetryMs, retryMs * 2)) {
    const count = await readInto(fd, buffer)
    if (count === 0) return null
    if (count > 0)
      return count * 4 < size ? Buffer.from(buffer.subarray(0, count)) : buffer.subarray(0, count)
    await new Promise((resolve) => setTimeout(resolve, retryMs))
  }
}

/** Bytes read; 0 at the end, -1 when there are none yet. */
function readInto(fd: number, buffer: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, null, (error, count) => {
      if (!error) resolve(count)
      else if (error.code === 'EAGAIN') resolve(-1)
      else reject(error)
    })
  })
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}
