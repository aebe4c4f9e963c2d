/** The adapter without sockets: requests and replies as values. */
import { prepareReply } from '../cgi/codec/head.js'
import { UsageError } from '../core/errors.js'
import type { Exchange, Reply } from '../core/exchange.js'
import { loadAhead } from '../core/load-ahead.js'
import { environmentOf, MemoryExchange, type ServerFacts } from './exchange.js'
import { readRequest, type TestInit } from './request.js'
import { stackText, type TestResponse, toResponse, whenAborted } from './response.js'
import type { RoleName } from './role.js'

/** A server for tests. */
export interface TestServer {
  /**
   * Sends one request. Redirects are not followed. If the reply breaks partway, reading the response's body
   * fails; the same happens when `init.signal` aborts.
   * @param path a request target, sent as it is (`//a/%2F?b`), or an absolute URL
   */
  fetch(path: string | URL, init?: TestInit): Promise<TestResponse>
  /** Everything written to stderr so far, oldest first. */
  stderr(): string
  /** Waits for `waitUntil()` work; stops what still runs. */
  close(): Promise<void>
}

export interface AdapterOptions extends ServerFacts {
  /** FastCGI role in which the app is called (FastCGI 1.0 section 6). Default `responder`. */
  role?: RoleName
  onError?: (error: unknown, exchange: Exchange) => Reply | Promise<Reply>
}

export class MemoryServer implements TestServer {
  #handler: (exchange: MemoryExchange) => Reply | Promise<Reply>
  #options: AdapterOptions
  #stderr = ''
  #work = new Set<Promise<unknown>>()
  #running = new Set<MemoryExchange>()
  readonly #hasRoles: boolean

  /** @param hasRoles the app can be called in FastCGI roles */
  constructor(
    handler: (exchange: MemoryExchange) => Reply | Promise<Reply>,
    options: AdapterOptions,
    hasRoles = true,
  ) {
    this.#handler = handler
    this.#options = options
    this.#hasRoles = hasRoles
  }

  async fetch(path: string | URL, init: TestInit = {}): Promise<TestResponse> {
    const request = await readRequest(path, init, this.#options.role)
    if (request.role !== 'responder' && !this.#hasRoles)
      throw new UsageError('USAGE', 'A CGI script has no role; use memory(app) for its app.')
    const env = { ...this.#options.env, ...init.env }
    const given = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined)
    const owner = {
      stderr: (text: string) => {
        this.#stderr += text
      },
      waitUntil: (work: Promise<unknown>) => this.#keep(work),
    }
    await loadAhead()
    const exchange = new MemoryExchange(
      environmentOf(request, { ...this.#options, env }),
      request,
      owner,
      Object.fromEntries(given),
    )
    this.#running.add(exchange)
    const leave = () => exchange.abort()
    init.signal?.addEventListener('abort', leave)
    if (init.signal?.aborted) leave()
    const done = () => {
      if (!this.#running.has(exchange)) return
      exchange.cancel()
      exchange.lifetime.end()
      this.#running.delete(exchange)
      init.signal?.removeEventListener('abort', leave)
    }
    try {
      const answer = this.#answer(exchange, request.method)
      // A client that disconnects does not end the handler.
      exchange.lifetime.hold(answer)
      const reply = await Promise.race([answer, whenAborted(exchange.signal)])
      return await toResponse(reply, request.method, exchange, done)
    } catch (error) {
      done()
      throw error
    }
  }

  stderr(): string {
    return this.#stderr
  }

  async close(): Promise<void> {
    for (const exchange of this.#running) exchange.abort()
    while (this.#work.size > 0) await Promise.all(this.#work)
  }

  async #answer(exchange: MemoryExchange, method: string): Promise<Reply> {
    try {
      const reply = await this.#handler(exchange)
      prepareReply(reply, method)
      return reply
    } catch (error) {
      if (!this.#options.onError || exchange.signal.aborted) throw error
      exchange.stderr(`${stackText(error)}\n`)
      return this.#options.onError(error, exchange)
    }
  }

  #keep(work: Promise<unknown>): void {
    const settled = Promise.resolve(work).then(
      () => {},
      (error) => {
        this.#stderr += `${stackText(error)}\n`
      },
    )
    this.#work.add(settled)
    void settled.then(() => this.#work.delete(settled))
  }
}
