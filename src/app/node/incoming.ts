/** Feeds `req` from the request body, as fast as it is read. */
import type { IncomingMessage } from 'node:http'
import type { Body } from '../../core/exchange.js'

export class Incoming {
  readonly req: IncomingMessage
  /** Bytes of body that were handed to `req`. */
  bytes = 0
  /** `req` has all that it gets. */
  over = false
  readonly #stdin: Body
  readonly #onBytes: { touch(): void }
  #pulling = false

  constructor(req: IncomingMessage, stdin: Body, onBytes: { touch(): void }) {
    this.req = req
    this.#stdin = stdin
    this.#onBytes = onBytes
    // A body that is not there has come whole; 'end' waits until somebody reads.
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
      // As when a connection breaks: 'aborted', then 'error' and 'close'; the response breaks as well.
      this.req.destroy(error as Error)
    }
  }

  #end(): void {
    this.over = true
    this.req.complete = true
    this.req.push(null)
  }

  /** The response is over. What is being read is read on; what nobody reads is not fetched. */
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

  /** The client has disconnected, or the response was broken off. */
  abort(): void {
    if (!this.over) this.#stdin.cancel()
    this.over = true
    if (!this.req.destroyed) this.req.destroy(resetError())
  }
}

/** What http.Server gives when a client goes away. */
function resetError(): Error {
  return Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
}
