/** Feeds `req` from the request body, as fast as the app reads it. */
import type { IncomingMessage } from 'node:http'
import type { Body } from '../../core/exchange.js'

export class Incoming {
  readonly req: IncomingMessage
  /** Body bytes passed to `req`. */
  bytes = 0
  /** `req` gets no more data. */
  over = false
  readonly #stdin: Body
  readonly #onBytes: { touch(): void }
  #pulling = false

  constructor(req: IncomingMessage, stdin: Body, onBytes: { touch(): void }) {
    this.req = req
    this.#stdin = stdin
    this.#onBytes = onBytes
    // An empty body is already complete; 'end' waits until the app reads.
    if (stdin.length === 0) req.complete = true
  }

  /** `req` wants more. */
  pull(): void {
    if (this.over || this.#pulling) return
    if (this.req.complete) this.#end()
    else void this.#pump()
  }

  async #pump(): Promise<void> {
    this.#pulling = true
    try {
      for (;;) {
        const piece = await this.#stdin.read()
        if (this.over) return
        if (piece === null) return this.#end()
        this.bytes += piece.length
        this.#onBytes.touch()
        if (this.req.push(piece)) continue
        this.#pulling = false
        return
      }
    } catch (error) {
      if (this.over) return
      this.over = true
      // As for a broken connection: 'aborted', then 'error' and 'close'; the response is aborted too.
      this.req.destroy(error as Error)
    }
  }

  #end(): void {
    this.over = true
    this.req.complete = true
    this.req.push(null)
  }

  /** The response has ended. A read in progress continues; otherwise nothing more is read. */
  leave(): void {
    const { req } = this
    if (req.destroyed || (this.#pulling && req.readableFlowing !== false)) return
    const heard = req.listenerCount('end') > 0 || req.listenerCount('close') > 0
    if (!this.over) {
      if (!req.complete) this.#stdin.cancel()
      if (heard) this.#end()
      this.over = true
    }
    if (heard) req.resume()
  }

  /** The client has disconnected, or the response was aborted. */
  abort(): void {
    if (!this.over) this.#stdin.cancel()
    this.over = true
    if (!this.req.destroyed) this.req.destroy(resetError())
  }
}

/** The error that http.Server emits when a client disconnects. */
function resetError(): Error {
  return Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
}
