/** The body of an HTTP request as a {@link Body}: pulled, limited, drained when it is not wanted. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { RequestError } from '../../core/errors.js'
import type { Body } from '../../core/exchange.js'
import type { LimitValues } from '../../core/limits/limit.js'
import type { httpLimits } from '../../core/limits/requests.js'
import { bodyTimeout } from '../../serve/limits.js'

export type HttpLimits = LimitValues<typeof httpLimits>

const none = Promise.resolve(null)

export class RequestBody implements Body {
  readonly length: number | null
  /** The client waits for `100 Continue` before it sends the body (RFC 9110 section 10.1.1). */
  expectsContinue: boolean
  #req: IncomingMessage
  #res: ServerResponse
  #max: number
  #maxDiscard: number
  #discardMs: number
  #timeoutMs: number
  /** Time at which the client could begin to send the body. */
  #began: number
  #late = false
  #seen = 0
  #started = false
  #cancelled = false
  #error: Error | null = null
  #waiting: { resolve: (piece: Uint8Array | null) => void; reject: (error: Error) => void } | null = null
  #discarded: (() => void) | null = null

  constructor(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean, limits: HttpLimits) {
    this.#req = req
    this.#res = res
    this.length = announcedLength(req)
    this.expectsContinue = expectsContinue && this.length !== 0
    this.#max = limits.maxBodyBytes
    this.#maxDiscard = limits.maxDiscardBytes
    this.#discardMs = limits.discardTimeoutMs
    this.#timeoutMs = limits.bodyTimeoutMs
    this.#began = performance.now()
  }

  read(): Promise<Uint8Array | null> {
    if (this.#error) return Promise.reject(this.#error)
    if (this.#cancelled || this.length === 0) return none
    if (!this.#started) this.#start()
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#pump()
    })
  }

  cancel(): void {
    if (this.#cancelled) return
    this.#cancelled = true
    this.#settle(null, null)
    if (this.complete || this.expectsContinue) return
    const req = this.#req
    req.removeAllListeners('readable')
    req.on('error', ignore)
    req.on('data', (piece: Buffer) => {
      this.#seen += piece.length
      if (this.#seen > this.#maxDiscard) this.#stopDiscarding()
    })
    req.on('close', () => this.#discarded?.())
    req.on('end', () => this.#discarded?.())
    req.resume()
  }

  /** The body is complete, or there is none. */
  get complete(): boolean {
    return this.length === 0 || this.#req.complete
  }

  /** More of the body is expected. */
  get coming(): boolean {
    return !this.complete && this.#error === null
  }

  /** Checks the time limit. @param now the clock of performance.now() */
  sweep(now: number): void {
    if (this.#timeoutMs === 0 || this.expectsContinue || !this.coming) return
    if (now - this.#began <= this.#timeoutMs) return
    this.#late = true
    this.#settle(bodyTimeout(this.#seen, this.#timeoutMs), null)
  }

  /** The rest of the body is small enough to read and discard after the reply. */
  get discardable(): boolean {
    if (this.complete) return true
    if (this.#late) return false
    return !this.expectsContinue && (this.length === null || this.length - this.#seen <= this.#maxDiscard)
  }

  /**
   * Settles when the rest of a cancelled body has arrived, or its limit is reached. Closing a connection with
   * unread bytes resets it, and the reply in flight is lost (golang/go#4183).
   */
  discarded(): Promise<void> {
    if (this.complete || this.expectsContinue || this.#req.destroyed) return Promise.resolve()
    return new Promise((resolve) => {
      const timer =
        this.#discardMs > 0 ? setTimeout(() => this.#stopDiscarding(), this.#discardMs) : undefined
      this.#discarded = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #stopDiscarding(): void {
    this.#req.pause()
    this.#discarded?.()
  }

  #start(): void {
    this.#started = true
    const req = this.#req
    if (this.expectsContinue) {
      this.expectsContinue = false
      this.#res.writeContinue()
      this.#began = performance.now()
    }
    req.on('readable', () => this.#pump())
    req.on('end', () => this.#settle(null, null))
    req.on('error', () => this.#settle(leftEarly(this.#seen, this.length), null))
    req.on('close', () => {
      if (!req.complete) this.#settle(leftEarly(this.#seen, this.length), null)
    })
  }

  #pump(): void {
    if (!this.#waiting) return
    const req = this.#req
    const piece: Buffer | null = (this.length ?? 0) > this.#max ? null : req.read()
    this.#seen += piece?.length ?? 0
    if (Math.max(this.#seen, this.length ?? 0) > this.#max) this.#settle(this.#tooLarge(), null)
    else if (piece !== null) this.#settle(null, piece)
    else if (req.readableEnded) this.#settle(null, null)
    else if (req.destroyed) this.#settle(leftEarly(this.#seen, this.length), null)
  }

  #settle(error: Error | null, piece: Uint8Array | null): void {
    if (error) this.#error ??= error
    const waiting = this.#waiting
    this.#waiting = null
    if (error) waiting?.reject(error)
    else waiting?.resolve(piece)
  }

  #tooLarge(): RequestError {
    const size = this.length === null ? 'The request body' : `The request body of ${this.length} bytes`
    return new RequestError('REQUEST_TOO_LARGE', `${size} exceeds the limit maxBodyBytes (${this.#max}).`)
  }
}

function ignore(): void {}

function leftEarly(seen: number, length: number | null): RequestError {
  const of = length === null ? 'a request body of unknown length' : `${length} bytes of request body`
  return new RequestError('REQUEST_ABORTED', `The client disconnected after ${seen} of ${of}.`)
}

/** RFC 9112 section 6.3: a request has a body only if one of these two fields says so. */
function announcedLength(req: IncomingMessage): number | null {
  if (req.headers['transfer-encoding'] !== undefined) return null
  const length = req.headers['content-length']
  return length === undefined ? 0 : Number(length)
}
