/** The socket of `req` and `res`: emulates net.Socket and tls.TLSSocket over an exchange. */

import type { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { DetailedPeerCertificate } from 'node:tls'
import { AppError } from '../../core/errors.js'
import { afterwards, type Body, type Exchange, type Gateway } from '../../core/exchange.js'
import type { CgiRequest } from '../../env/request.js'
import { peerCertificate } from './certificate.js'

import type { Incoming } from './incoming.js'
import { Outgoing } from './outgoing.js'
import { LightSocket } from './socket.js'

type Callback = ((error?: Error | null) => void) | undefined

export class NodeConnection extends LightSocket {
  readonly #exchange: Exchange
  #data: Readable | undefined
  readonly request: CgiRequest
  #incoming: Incoming | null = null
  readonly #outgoing = new Outgoing(this)
  #res: ServerResponse | null = null
  #needsDrain = false
  #idle: NodeJS.Timeout | null = null
  /** Idle time until 'timeout', in milliseconds; undefined when there is no limit. */
  timeout: number | undefined = undefined
  /** Called once, when the response has finished or failed. */
  onOver: (() => void) | null = null
  readonly connecting = false
  readonly pending = false

  constructor(exchange: Exchange, request: CgiRequest) {
    super()
    this.#exchange = exchange
    this.request = request
  }

  /** Attaches the request and the response. */
  carry(incoming: Incoming, res: ServerResponse): void {
    this.#incoming = incoming
    this.#res = res
    res.assignSocket(this as unknown as Socket)
    res.on('prefinish', onPrefinish)
  }

  /** True when more of the body may arrive. */
  get reading(): boolean {
    return this.#incoming !== null && !this.#incoming.over
  }

  get outgoing(): Outgoing {
    return this.#outgoing
  }

  get readable(): boolean {
    return this.reading
  }

  get writableLength(): number {
    return this.#outgoing.length
  }

  get writableNeedDrain(): boolean {
    return this.#outgoing.needDrain
  }

  // Used by http.IncomingMessage: `resume()` when it wants more of the body.

  resume(): this {
    this.#incoming?.pull()
    return this
  }

  pause(): this {
    return this
  }

  // Used by http.ServerResponse: `write`, `cork`, `uncork`, `destroy`.

  write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
    const text = typeof encoding === 'string' ? encoding : undefined
    const done = (typeof encoding === 'function' ? encoding : callback) as Callback
    const outgoing = this.#outgoing
    this.#idle?.refresh()
    const more = outgoing.write(chunk as string | Uint8Array, text, done, this.writableHighWaterMark)
    if (this.writableCorked === 0) outgoing.schedule()
    if (!more && !this.#needsDrain) this.#showNeedDrain()
    return more
  }

  /** Only Node's own sockets clear this flag of `res`, and pipeline() depends on it. */
  #showNeedDrain(): void {
    this.#needsDrain = true
    if (this.#res) Object.defineProperty(this.#res, 'writableNeedDrain', needDrain)
  }

  override uncork(): void {
    super.uncork()
    if (this.writableCorked === 0) this.#outgoing.schedule()
  }

  /** Called when the queue is empty after `write` returned false. */
  drained(): void {
    this.emit('drain')
    this.#res?.emit('drain')
  }

  /** Sends a finished response first; aborts an unfinished one. */
  end(): this {
    return this.#outgoing.ended ? this : this.destroy()
  }

  destroySoon(): void {
    this.end()
  }

  resetAndDestroy(): this {
    return this.destroy()
  }

  /** Aborts the request and response, with the events of a client disconnect. */
  destroy(error?: Error | null): this {
    if (this.destroyed) return this
    this.#outgoing.fail(error ?? new AppError('RESPONSE_DESTROYED'))
    this.#over()
    this.#incoming?.abort()
    return this
  }

  /** The response was handed over completely. */
  close(): void {
    this.#over()
    this.#incoming?.leave()
  }

  #over(): void {
    if (this.#idle !== null) clearTimeout(this.#idle)
    this.shut()
    this.onOver?.()
  }

  // For apps.

  /** Length of the request body in bytes; null without a length. */
  get bodyLength(): number | null {
    return this.#exchange.stdin.length
  }

  /** Aborts when the client disconnects. */
  get signal(): AbortSignal {
    return this.#exchange.signal
  }

  /** Calls back when the exchange has ended and `res` has emitted 'close'. */
  [afterwards](task: () => void): void {
    let left = this.closed ? 1 : 2
    const done = () => {
      if (--left === 0) task()
    }
    if (!this.closed) this.once('close', done)
    this.#exchange[afterwards]?.(done)
  }

  /** The gateway: protocol, FastCGI role, whether other processes serve the app. */
  get gateway(): Gateway {
    return this.#exchange.gateway
  }

  /** FastCGI role Filter: the file to filter; read it after the body of `req`. Null for other roles. */
  get data(): Readable | null {
    const { data } = this.#exchange
    if (!data) return null
    this.#data ??= readableOf(data)
    return this.#data
  }

  /** The CGI meta-variables of the request, as a plain object. */
  get env(): Readonly<Record<string, string>> {
    return this.#exchange.env.toObject()
  }

  get encrypted(): true | undefined {
    return this.request.scheme === 'https' || undefined
  }

  /** The web server has verified the client's certificate (SSL_CLIENT_VERIFY). */
  get authorized(): boolean {
    return this.#exchange.env.get('SSL_CLIENT_VERIFY') === 'SUCCESS'
  }

  /** The client's certificate, as far as the web server provides it (SSL_CLIENT_*); `{}` without one. */
  getPeerCertificate(): DetailedPeerCertificate | Record<string, never> {
    return peerCertificate(this.#exchange.env)
  }

  get remoteAddress(): string | undefined {
    return this.request.remoteAddress
  }

  get remotePort(): number | undefined {
    return this.request.remotePort
  }

  get remoteFamily(): string | undefined {
    return family(this.remoteAddress)
  }

  get localAddress(): string | undefined {
    return this.request.serverAddress
  }

  get localPort(): number | undefined {
    return this.request.serverPort
  }

  get localFamily(): string | undefined {
    return family(this.localAddress)
  }

  address(): { address: string; family: string; port: number } | Record<string, never> {
    const address = this.localAddress
    if (address === undefined) return {}
    return { address, family: family(address) as string, port: this.localPort ?? 0 }
  }

  get readyState(): string {
    return this.destroyed ? 'closed' : 'open'
  }

  get bytesRead(): number {
    return this.#incoming?.bytes ?? 0
  }

  get bytesWritten(): number {
    return this.#outgoing.written
  }

  /**
   * Emits 'timeout' on the socket, `req` and `res` after `msecs` milliseconds without data in either
   * direction; destroys the response if none of them has a listener. 0 removes the limit.
   */
  setTimeout(msecs: number, callback?: () => void): this {
    if (this.#idle !== null) clearTimeout(this.#idle)
    this.#idle = null
    this.timeout = msecs || undefined
    if (callback) {
      if (msecs === 0) this.removeListener('timeout', callback)
      else this.once('timeout', callback)
    }
    if (msecs > 0 && !this.destroyed) this.#idle = setTimeout(() => this.#onIdle(), msecs).unref()
    return this
  }

  #onIdle(): void {
    const heard = [this.#incoming?.req, this.#res, this as EventEmitter].filter((one) => one?.emit('timeout'))
    if (heard.length === 0) this.destroy()
  }

  /** Data was transferred: restarts the idle timer. */
  touch(): void {
    this.#idle?.refresh()
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }
}

/** One shared getter: a separate one would give each response its own hidden class. */
const needDrain: PropertyDescriptor = {
  configurable: true,
  get(this: ServerResponse) {
    const { socket } = this
    return socket !== null && (socket as unknown as NodeConnection).outgoing.needDrain
  },
}

/** `this` is the response, completely written. */
function onPrefinish(this: ServerResponse): void {
  ;(this.socket as unknown as NodeConnection).outgoing.end()
}

function family(address: string | undefined): string | undefined {
  if (address === undefined) return undefined
  return address.includes(':') ? 'IPv6' : 'IPv4'
}

const readableOf = (body: Body): Readable =>
  new Readable({
    read() {
      body.read().then(
        (piece) => this.push(piece),
        (error: Error) => this.destroy(error),
      )
    },
    destroy(error, done) {
      body.cancel()
      done(error)
    },
  })
