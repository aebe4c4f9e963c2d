/** A request that came over a socket, as an {@link Exchange}. Expensive parts are created on demand. */

import { RequestError } from '../core/errors.js'
import {
  afterwards,
  type Env,
  type Exchange,
  type Gateway,
  type PendingReply,
  pendingReply,
} from '../core/exchange.js'
import { next } from '../core/states.js'
import { Environment } from '../env/environment.js'
import type { PushedBody } from './body.js'
import { Lifetime } from './lifetime.js'
import { type ReplyEvent, type ReplyState, replyStates } from './reply-states.js'

/** What a request needs from the service that counts it. */
export interface RequestOwner {
  readonly maxBodyBytes: number | undefined
  now(): number
  waitUntil(work: Promise<unknown>, exchange: SocketExchange): void
  outlast(work: Promise<unknown>): void
  log(text: string): void
}

export abstract class SocketExchange implements Exchange {
  readonly service: RequestOwner
  readonly gateway: Gateway
  abstract readonly stdin: PushedBody
  /** A limit on parameters was exceeded, so they are incomplete: the reply is 431. */
  refused: RequestError | null = null
  /** Counted among the requests of the service. */
  admitted = false;
  /** Set for Node apps. */
  [pendingReply]: PendingReply | null = null
  /** The handler's result, if it is a promise. */
  handling: Promise<unknown> | undefined = undefined
  /** The reply has waited for the whole body. */
  bodyAwaited = false
  reply: ReplyState = 'unserved'
  /** Clock time at which it was finished; 0 before. */
  finishedAt = 0
  /** Clock time at which the request began. */
  readonly began: number
  readonly #params: readonly string[]
  readonly #isAscii: boolean
  #env: Env | undefined
  #abort: AbortController | undefined
  #gone: Error | undefined
  /** Created on demand. */
  #lifetime: Lifetime | null = null
  #over = false

  /** @param now the service's clock */
  constructor(
    service: RequestOwner,
    gateway: Gateway,
    params: readonly string[],
    isAscii = false,
    now = service.now(),
  ) {
    this.service = service
    this.gateway = gateway
    this.#params = params
    this.#isAscii = isAscii
    this.began = now
  }

  get env(): Env {
    this.#env ??= withoutProxy(new Environment(this.#params, this.#isAscii), this.#isAscii)
    return this.#env
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.#gone !== undefined) this.#abort.abort(this.#gone)
    }
    return this.#abort.signal
  }

  /** Updates the state of the reply. */
  step(event: ReplyEvent): void {
    this.reply = next(replyStates, this.reply, event)
  }

  /** The head of the reply was sent, but not its end. */
  get headSent(): boolean {
    return this.reply === 'replying' || this.reply === 'cut'
  }

  /** The reply was sent, or the connection is closed. */
  get finished(): boolean {
    return this.reply === 'finished'
  }

  /** Nothing more of a reply can be sent. */
  get replyEnded(): boolean {
    return this.reply === 'finished' || this.reply === 'cut'
  }

  get maxBodyBytes(): number | undefined {
    return this.service.maxBodyBytes
  }

  get aborted(): boolean {
    return this.#gone !== undefined
  }

  /** The client has disconnected: a broken reply no longer matters. */
  get clientLeft(): boolean {
    return this.#gone instanceof RequestError && this.#gone.code === 'REQUEST_ABORTED'
  }

  abstract stderr(text: string): void

  waitUntil(work: Promise<unknown>): void {
    this.service.waitUntil(work, this)
    this.#life().hold(Promise.resolve(work))
  }

  [afterwards](task: () => void): void {
    this.#life().afterwards(task)
  }

  #life(): Lifetime {
    if (this.#lifetime === null) {
      this.#lifetime = new Lifetime()
      if (this.#over) this.#lifetime.end()
    }
    return this.#lifetime
  }

  /** The reply was sent, or never will be. May be called twice. */
  over(): void {
    if (this.#over) return
    this.#over = true
    this.#lifetime?.end()
  }

  /** Asks the handler to stop. @param reason why; a client disconnect if absent. */
  abort(reason?: Error): void {
    if (this.#gone !== undefined) return
    this.#gone = reason ?? new RequestError('REQUEST_ABORTED')
    if (this.handling !== undefined) {
      this.service.outlast(this.handling)
      // The handler may still be using resources of the request.
      if (!this.#over) this.#life().hold(this.handling)
    }
    this.stdin.fail(this.#gone)
    this.#abort?.abort(this.#gone)
  }
}

/**
 * httpoxy, CVE-2016-5385: HTTP_PROXY is the request header Proxy, and HTTP libraries that get the variables
 * trust it. repair: httpoxy
 */
function withoutProxy(env: Environment, isAscii: boolean): Environment {
  // The lookup builds the index of all names, which is needed anyway.
  if (env.get('HTTP_PROXY') === undefined) return env
  return new Environment(
    env.list.filter((_, i, list) => list[i - (i % 2)] !== 'HTTP_PROXY'),
    isAscii,
  )
}
