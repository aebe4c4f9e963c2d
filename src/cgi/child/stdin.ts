/** The request body: read on demand, read ahead while the reply is blocked, drained at the end. */
import { RequestError } from '../../core/errors.js'
import type { Body } from '../../core/exchange.js'
import { stdinLimits } from '../../core/limits/cgi.js'
import { type LimitOptions, type LimitValues, limitValues } from '../../core/limits/limit.js'
import { within } from '../../core/wait-at-most.js'
import type { Spool } from '../../serve/spool.js'

export type StdinLimits = LimitOptions<typeof stdinLimits>

/** Where the bytes of a body come from. */
export interface ByteSource {
  /** The next bytes, at most `size`; null at the end. One call at a time. */
  read(size: number): Promise<Uint8Array | null>
  /** Whether a peer may wait for the bytes to be read, or reset the connection if they are not. */
  readonly drainable: boolean
}

const pieceBytes = 64 * 1024

export class Stdin implements Body {
  readonly length: number | null
  readonly #source: ByteSource
  readonly #limits: LimitValues<typeof stdinLimits>
  /** Bytes still to be read; null if unknown. */
  #left: number | null
  /** The source must not be read any more. */
  #ended: boolean
  #error: RequestError | null = null
  #cancelled = false
  /** Bytes that were read ahead and not yet requested; those beyond the memory limit are in the spool. */
  #memory: Uint8Array[] = []
  #inMemory = 0
  #spool: Spool | null = null
  #ahead = false
  #step: Promise<void> | null = null
  #drained = 0
  #given = 0
  /** Called once, if reading failed: the client or the server has disconnected. */
  onGone: ((error: RequestError) => void) | null = null

  /** @param length from CONTENT_LENGTH; null: read to the end. */
  constructor(source: ByteSource, length: number | null, limits: StdinLimits = {}) {
    this.#source = source
    this.length = length
    this.#left = length
    this.#ended = length === 0
    this.#limits = limitValues(stdinLimits, limits)
  }

  /** Nothing is left to read from the source. */
  get ended(): boolean {
    return this.#ended
  }

  async read(): Promise<Uint8Array | null> {
    if ((this.length ?? 0) > this.#limits.maxBodyBytes) throw this.#tooLarge()
    for (;;) {
      if (this.#cancelled && !this.#error) return null
      const piece = await this.#take()
      if (piece) {
        this.#given += piece.byteLength
        if (this.#given > this.#limits.maxBodyBytes) throw this.#tooLarge()
        return piece
      }
      if (this.#error) throw this.#error
      // The last chunk may still be on its way into the spool.
      if (this.#ended && !this.#step) {
        this.#dropSpool()
        return null
      }
      await this.#advance()
    }
  }

  #tooLarge(): RequestError {
    const size = this.length === null ? 'The request body' : `The request body of ${this.length} bytes`
    const max = this.#limits.maxBodyBytes
    return new RequestError('REQUEST_TOO_LARGE', `${size} exceeds the limit maxBodyBytes (${max}).`)
  }

  cancel(): void {
    this.#cancelled = true
    this.#memory = []
    this.#inMemory = 0
    this.#dropSpool()
  }

  /**
   * Keeps reading even if the app does not: some web servers do not read the reply until the whole request body
   * has been read.
   */
  readAhead(on: boolean): void {
    const start = on && !this.#ahead
    this.#ahead = on
    if (start) void this.#keepReading()
  }

  async #keepReading(): Promise<void> {
    while (this.#ahead && !this.#ended) await this.#advance()
  }

  /**
   * Discards the rest: if a script leaves bytes unread, mod_cgid resets the connection and the reply is lost;
   * fcgiwrap answers 502.
   * @returns false if a limit (drainBytes, drainMs) was reached before the end.
   */
  async drain(): Promise<boolean> {
    this.#ahead = false
    this.cancel()
    if (this.#ended || !this.#source.drainable) return true
    const deadline = Date.now() + this.#limits.drainMs
    while (!this.#ended) {
      const ms = deadline - Date.now()
      if (ms <= 0 || this.#drained > this.#limits.drainBytes) return false
      await within(ms, this.#advance())
    }
    return true
  }

  /** One read, shared by all callers that wait for it. */
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
    // RFC 3875 4.2: "the script MUST NOT attempt to read more than CONTENT_LENGTH bytes". Python's server
    // passes the client's connection, on which the next request may follow.
    const size = this.#left === null ? pieceBytes : Math.min(pieceBytes, this.#left)
    const piece = await this.#source.read(size)
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
      this.#spool ??= new (await import('../../serve/spool.js')).Spool(0)
      if (this.#spool.size + piece.byteLength <= this.#limits.spoolBytes) {
        await this.#spool.append(piece)
        return
      }
      this.#spoolFailed(`more than spoolBytes (${this.#limits.spoolBytes}) would have to be buffered`)
    } catch (error) {
      if (!this.#cancelled) this.#spoolFailed((error as Error).message)
    }
  }

  #spoolFailed(why: string): void {
    this.cancel()
    this.#error = new RequestError(
      'REQUEST_SPOOL_FULL',
      `The web server reads no reply before the body is read, and the body cannot be buffered: ${why}.`,
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
