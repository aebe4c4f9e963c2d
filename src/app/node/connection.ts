/** The socket of `req` and `res`: a stand-in for net.Socket and tls.TLSSocket over an exchange. */
import type { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { DetailedPeerCertificate } from 'node:tls'
import { AppError } from '../../core/errors.js'
import { afterwards, type Exchange, type Gateway } from '../../core/exchange.js'
import type { CgiRequest } from '../../env/request.js'
import { peerCertificate } from './certificate.js'
import { readableOf } from './data.js'
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
  /** Milliseconds of silence until 'timeout'; undefined when there is no limit. */
  timeout: number | undefined = undefined
  /** Called once, when the response is over in one way or the other. */
  onOver: (() => void) | null = null
  readonly connecting = false
  readonly pending = false

  constructor(exchange: Exchange, request: CgiRequest) {
    super()
    this.#exchange = exchange
    this.request = request
  }

  /** The request and the response that this connection carries. */
  carry(incoming: Incoming, res: ServerResponse): void {
    this.#incoming = incoming
    this.#res = res
    res.assignSocket(this as unknown as Socket)
    res.on('prefinish', onPrefinish)
  }

  /** More of the body may come. */
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

  // What http.IncomingMessage asks of its socket: `resume()` when it wants more of the body.

  resume(): this {
    this.#incoming?.pull()
    return this
  }

  pause(): this {
    return this
  }

  // What http.ServerResponse asks of its socket: `write`, `cork`, `uncork`, `destroy`.

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

  /** Node's own flag on `res` is taken back only by its own sockets; pipeline() goes by it. */
  #showNeedDrain(): void {
    this.#needsDrain = true
    if (this.#res) Object.defineProperty(this.#res, 'writableNeedDrain', needDrain)
  }

  override uncork(): void {
    super.uncork()
    if (this.writableCorked === 0) this.#outgoing.schedule()
  }

  /** The queue is empty; called when `write` had said to wait. */
  drained(): void {
    this.emit('drain')
    this.#res?.emit('drain')
  }

  /** A response that has ended goes out first; one that has not is broken off. */
  end(): this {
    return this.#outgoing.ended ? this : this.destroy()
  }

  destroySoon(): void {
    this.end()
  }

  resetAndDestroy(): this {
    return this.destroy()
  }

  /** Breaks request and response off. They learn it as they would from a lost client. */
  destroy(error?: Error | null): this {
    if (this.destroyed) return this
    this.#outgoing.fail(error ?? new AppError('RESPONSE_DESTROYED'))
    this.#over()
    this.#incoming?.abort()
    return this
  }

  /** The response was handed over whole. */
  close(): void {
    this.#over()
    this.#incoming?.leave()
  }

  #over(): void {
    if (this.#idle !== null) clearTimeout(this.#idle)
    this.shut()
    this.onOver?.()
  }

  // What apps ask.

  /** Bytes of the request body; null when it comes without a length. */
  get bodyLength(): number | null {
    return this.#exchange.stdin.length
  }

  /** Aborts when the client leaves. */
  get signal(): AbortSignal {
    return this.#exchange.signal
  }

  /** When the exchange has ended, and `res` has said 'close'. */
  [afterwards](task: () => void): void {
    let left = this.closed ? 1 : 2
    const done = () => {
      if (--left === 0) task()
    }
    if (!this.closed) this.once('close', done)
    this.#exchange[afterwards]?.(done)
  }

  /** What carries the request: protocol, FastCGI role, whether there are other processes. */
  get gateway(): Gateway {
    return this.#exchange.gateway
  }

  /** FastCGI role Filter: the file to be filtered; to be read after the body of `req`. Null elsewhere. */
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

  /** The client's certificate, as far as the web server tells it (SSL_CLIENT_*); `{}` when there is none. */
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
   * 'timeout' on the socket after `msecs` milliseconds without a byte in either direction, and on `req`
   * and `res`; the response is destroyed when none of them listens. 0 takes the limit away.
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

  /** A byte went by. */
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

/** One getter for all: each of its own would give each response a hidden class of its own. */
const needDrain: PropertyDescriptor = {
  configurable: true,
  get(this: ServerResponse) {
    const { socket } = this
    return socket !== null && (socket as unknown as NodeConnection).outgoing.needDrain
  },
}

/** `this` is the response; all that it had to say was written. */
function onPrefinish(this: ServerResponse): void {
  ;(this.socket as unknown as NodeConnection).outgoing.end()
}

function family(address: string | undefined): string | undefined {
  if (address === undefined) return undefined
  return address.includes(':') ? 'IPv6' : 'IPv4'
}
