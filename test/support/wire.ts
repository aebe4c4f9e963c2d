/**
 * A raw HTTP client for tests: sends exact bytes, shows the exact reply. Bodies may be sent in chunks,
 * replies read slowly, connections closed or reset partway.
 */

import { connect, type Socket } from 'node:net'
import { headerOf, headersOf, ReplyParser, type WireHead } from './reply-parser.js'
import type { Address } from './server-process.js'

export interface WireReply extends WireHead {
  /** The value of a header, repeats joined by ", ". */
  header(name: string): string | undefined
  /** All values of a header. */
  headerAll(name: string): string[]
  readonly interim: readonly WireHead[]
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
  /** The body was complete according to its framing, and the connection was not reset before. */
  readonly complete: boolean
  readonly body: Buffer
  /** The body as UTF-8. */
  readonly text: string
  /** Number of body bytes, even if the body was not kept. */
  readonly size: number
  readonly trailers: readonly string[]
  /** Bytes that followed the end of the reply. */
  readonly surplus: Buffer
  /** Framing error or socket error, if any. */
  readonly error: string | undefined
}

export interface WireOptions {
  /** The request method, which affects the framing of the reply (HEAD has no body); GET by default. */
  readonly method?: string
  /** false: count the bytes of the body without keeping them. */
  readonly keep?: boolean
}

/** One connection, with one request at a time. */
export class Wire {
  readonly socket: Socket
  #parser: ReplyParser
  #ended = false
  #error: string | undefined
  #wake: (() => void)[] = []

  private constructor(socket: Socket, options: WireOptions) {
    this.socket = socket
    this.#parser = new ReplyParser(options.method, options.keep)
    socket.setNoDelay()
    socket.on('data', (chunk) => {
      this.#parser.push(chunk)
      this.#changed()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#error ??= error.code ?? error.message
    })
    socket.on('end', () => this.#finish())
    socket.on('close', () => this.#finish())
  }

  static open(address: Address, options: WireOptions = {}): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const target = 'path' in address ? address : { host: '127.0.0.1', ...address }
      // Half-open: the end of the reply must not cut off data that is still being sent.
      const socket = connect({ ...target, allowHalfOpen: true })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new Wire(socket, options))
      })
    })
  }

  /** Prepares for the reply to another request on the same connection; the last reply must be complete. */
  again(options: WireOptions = {}): void {
    if (!this.#parser.complete || this.#ended)
      throw new Error(`not ready for another request: ${this.#state()}`)
    this.#parser = new ReplyParser(options.method, options.keep)
  }

  #finish(): void {
    if (this.#ended) return
    this.#ended = true
    if (this.#error === undefined) this.#parser.end()
    this.#changed()
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }

  /**
   * Sends bytes (text as Latin-1); resolves with true once the system has accepted them, otherwise with
   * false.
   */
  send(bytes: string | Uint8Array): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.socket.destroyed) return resolve(false)
      const lost = () => resolve(false)
      this.socket.once('close', lost)
      this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, (error) => {
        this.socket.off('close', lost)
        resolve(!error)
      })
    })
  }

  /** One chunk of a chunked body. Empty bytes send the last chunk. */
  sendChunk(bytes: string | Uint8Array): Promise<boolean> {
    const data = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes
    return this.send(
      Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')]),
    )
  }

  /** Body bytes received so far, as UTF-8. */
  get text(): string {
    return Buffer.concat(this.#parser.pieces).toString()
  }

  /** Number of body bytes received so far. */
  get size(): number {
    return this.#parser.size
  }

  /** True if the server has closed its side or the connection broke. */
  get ended(): boolean {
    return this.#ended
  }

  /** Number of `100 Continue` and other interim replies so far. */
  get interim(): number {
    return this.#parser.interim.length
  }

  /** Waits until the condition holds, checked whenever something arrives. @throws Error after `timeout` ms. */
  async until(condition: (wire: this) => boolean, timeout = 15_000): Promise<void> {
    const end = Date.now() + timeout
    while (!condition(this)) {
      if (this.#ended) throw new Error(`connection ended first: ${this.#state()}`)
      await this.#change(end)
    }
  }

  #change(end: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`nothing more came: ${this.#state()}`)),
        end - Date.now(),
      )
      this.#wake.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #state(): string {
    const { head, size, complete, pieces } = this.#parser
    const text = Buffer.concat(pieces).toString('latin1', 0, 300)
    return JSON.stringify({ status: head?.status, size, complete, error: this.#error, text })
  }

  /** The head of the reply, as soon as it has arrived. */
  async head(timeout?: number): Promise<WireHead> {
    await this.until(() => this.#parser.head !== undefined, timeout)
    return this.#parser.head as WireHead
  }

  /**
   * The reply, once its body or the connection has ended. @throws Error if there was no head at all, or
   * nothing arrived for `timeout` ms (15 000).
   */
  async reply(timeout = 15_000): Promise<WireReply> {
    const parser = this.#parser
    while (!parser.complete && parser.error === undefined && !this.#ended)
      await this.#change(Date.now() + timeout)
    const head = parser.head
    if (!head) throw new Error(`no reply: ${parser.error ?? this.#error ?? 'connection closed'}`)
    const body = Buffer.concat(parser.pieces)
    return {
      ...head,
      header: (name) => headerOf(head.headers, name),
      headerAll: (name) => headersOf(head.headers, name),
      interim: parser.interim,
      framing: parser.framing ?? 'close',
      complete: parser.complete,
      body,
      text: body.toString(),
      size: parser.size,
      trailers: parser.trailers,
      surplus: parser.surplus,
      error: parser.error ?? this.#error,
    }
  }

  /** Stops reading until `resume`: the server has to wait. */
  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** Closes only our side (FIN); the reply can still arrive. */
  end(): void {
    this.socket.end()
  }

  /** Closes the connection as an impatient client does. */
  close(): void {
    this.socket.destroy()
  }

  /** Closes it with a reset (RST). */
  reset(): void {
    this.socket.resetAndDestroy()
  }
}
