/** The Request and context of a fetch app, created on demand from an exchange. */

import type { Exchange, Gateway } from '../core/exchange.js'
import { resolvedPath } from '../env/reading.js'
import type { CgiRequest } from '../env/request.js'
import type { FetchContext } from './types.js'
import { checkUrl, requestUrl } from './url.js'
import { BodyState } from './web/body.js'
import { createHeaders, type Headers } from './web/headers.js'
import { Request, type RequestState, receive } from './web/request.js'
import { defaultSendOptions, type RequestSettings } from './web/request-init.js'
import { streamOfBody } from './web/streams.js'
import { wholeBodyLimit } from './whole-body.js'

/** The state of a received light Request. */
class ReceivedState implements RequestState {
  readonly exchange: Exchange
  readonly #cgi: CgiRequest
  readonly #full: boolean
  #url: string | undefined
  #headers: Headers | undefined
  #body: BodyState | null | undefined

  constructor(exchange: Exchange, cgi: CgiRequest, full: boolean) {
    this.exchange = exchange
    this.#cgi = cgi
    this.#full = full
  }

  get method(): string {
    return this.#cgi.method
  }

  get url(): string {
    this.#url ??= requestUrl(this.#cgi, this.#full)
    return this.#url
  }

  get headers(): Headers {
    this.#headers ??= createHeaders(this.#cgi.headers, 'request')
    return this.#headers
  }

  get body(): BodyState | null {
    if (this.#body === undefined) {
      const { stdin } = this.exchange
      this.#body = stdin.length === 0 ? null : BodyState.incoming(stdin, wholeBodyLimit(this.exchange))
    }
    return this.#body
  }

  get follows(): { readonly signal: AbortSignal } {
    return this.exchange
  }

  get same(): boolean {
    return true
  }

  get came(): Exchange {
    return this.exchange
  }

  get send(): RequestSettings {
    return defaultSendOptions
  }
}

/** A light Request with the properties that h3 and other libraries based on srvx expect on it. */
class ReceivedRequest extends Request {
  readonly #exchange: Exchange

  constructor(state: ReceivedState) {
    super(receive, state)
    this.#exchange = state.exchange
  }

  get ip(): string | undefined {
    return this.#exchange.env.get('REMOTE_ADDR') || undefined
  }

  set ip(value: unknown) {
    setOwn(this, 'ip', value)
  }

  get waitUntil(): FetchContext['waitUntil'] {
    return keeper(this.#exchange)
  }

  set waitUntil(value: unknown) {
    setOwn(this, 'waitUntil', value)
  }
}

Object.defineProperty(ReceivedRequest.prototype, 'constructor', { value: Request })

export function setOwn(target: object, name: string | symbol, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, configurable: true })
}

/** Also works when detached from its object: `const { waitUntil } = context`. */
export const keeper =
  (exchange: Exchange): FetchContext['waitUntil'] =>
  (work) =>
    exchange.waitUntil(work)

/**
 * A light Request: accepts any method, with or without a body.
 *
 * @throws RequestError REQUEST_URL_INVALID
 */
export function receiveRequest(exchange: Exchange, cgi: CgiRequest, full: boolean): globalThis.Request {
  checkUrl(cgi, full)
  return new ReceivedRequest(new ReceivedState(exchange, cgi, full)) as unknown as globalThis.Request
}

/**
 * A class and not a literal: an object literal with getters has its own hidden class per request, which is
 * slow and stays in memory long after.
 */
export class Context implements FetchContext {
  readonly exchange: Exchange
  readonly props: Record<string, unknown> = {}
  readonly #cgi: CgiRequest
  readonly #full: boolean
  #data: ReadableStream<Uint8Array> | undefined

  constructor(exchange: Exchange, cgi: CgiRequest, full: boolean) {
    this.exchange = exchange
    this.#cgi = cgi
    this.#full = full
  }

  get gateway(): Gateway {
    return this.exchange.gateway
  }

  get data(): ReadableStream<Uint8Array> | null {
    const { data } = this.exchange
    if (!data) return null
    this.#data ??= streamOfBody(data)
    return this.#data
  }

  get waitUntil(): FetchContext['waitUntil'] {
    return keeper(this.exchange)
  }

  passThroughOnException(): void {}

  get mount(): string {
    return this.#full ? '' : resolvedPath(this.#cgi.mount)
  }

  get url(): string {
    return requestUrl(this.#cgi, true)
  }
}
