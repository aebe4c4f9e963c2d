/** One HTTP request as an {@link Exchange}. Expensive parts (environment, signal) are made on demand. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { RequestError } from '../../core/errors.js'
import {
  afterwards,
  type Env,
  type Exchange,
  type Gateway,
  type Peer,
  type PendingReply,
  pendingReply,
} from '../../core/exchange.js'
import { buildEnv } from '../../env/build.js'
import { Environment } from '../../env/environment.js'
import { Lifetime } from '../../serve/lifetime.js'
import type { RequestBody } from './body.js'
import { HttpPeer } from './peer.js'

const alone: Gateway = { protocol: 'http', role: 'responder', runOnce: false, multiprocess: false }
const oneOfMany: Gateway = { ...alone, multiprocess: true }

/** The parts of the server that an exchange uses. */
export interface HttpExchangeOwner {
  /** Other processes may serve the same app. */
  readonly multiprocess: boolean
  /** The option; undefined when it is not set. */
  readonly maxBodyBytes: number | undefined
  /** A launcher handed the socket over, so a gateway is in front. */
  readonly handedOver: boolean
  stderr(text: string): void
  waitUntil(work: Promise<unknown>, exchange: HttpExchange): void
}

export class HttpExchange implements Exchange {
  readonly lifetime = new Lifetime();
  /** The pending reply of a Node app. */
  [pendingReply]: PendingReply | null = null
  readonly stdin: RequestBody
  readonly gateway: Gateway
  /** A verbatim reply has begun: Node does not know about its head. */
  verbatimBegun = false
  /** The connection closes after this reply; later requests on it are not served. */
  last = false
  #req: IncomingMessage
  #owner: HttpExchangeOwner
  #env: Env | undefined
  #peer: Peer | undefined
  #abort: AbortController | undefined
  #gone: Error | undefined

  constructor(req: IncomingMessage, stdin: RequestBody, owner: HttpExchangeOwner) {
    this.#req = req
    this.stdin = stdin
    this.#owner = owner
    this.gateway = owner.multiprocess ? oneOfMany : alone
  }

  get env(): Env {
    this.#env ??= requestEnv(this.#req)
    return this.#env
  }

  get peer(): Peer | undefined {
    if (this.#owner.handedOver) return undefined
    this.#peer ??= new HttpPeer(this.#req)
    return this.#peer
  }

  get signal(): AbortSignal {
    if (!this.#abort) {
      this.#abort = new AbortController()
      if (this.#gone) this.#abort.abort(this.#gone)
    }
    return this.#abort.signal
  }

  get maxBodyBytes(): number | undefined {
    return this.#owner.maxBodyBytes
  }

  stderr(text: string): void {
    this.#owner.stderr(text)
  }

  waitUntil(work: Promise<unknown>): void {
    this.#owner.waitUntil(work, this)
    this.lifetime.hold(Promise.resolve(work))
  }

  [afterwards](task: () => void): void {
    this.lifetime.afterwards(task)
  }

  /** Aborts the handler. @param reason why; default: the client disconnected */
  abort(reason?: Error): void {
    this.#gone ??= reason ?? new RequestError('REQUEST_ABORTED')
    this.#abort?.abort(this.#gone)
  }

  get aborted(): boolean {
    return this.#gone !== undefined
  }
}

function requestEnv(req: IncomingMessage): Env {
  const socket = req.socket as Socket & Partial<TLSSocket>
  return new Environment(
    buildEnv({
      method: req.method ?? 'GET',
      target: req.url ?? '/',
      httpVersion: req.httpVersion,
      headers: req.rawHeaders,
      scheme: socket.encrypted ? 'https' : 'http',
      remoteAddress: socket.remoteAddress,
      remotePort: socket.remotePort,
      serverAddress: socket.localAddress,
      serverPort: socket.localPort,
    }),
  )
}
