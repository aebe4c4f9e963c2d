/** The adapter without sockets: requests and replies as values. */
import { prepareReply } from '../cgi/head.js'
import { HeadParser } from '../cgi/head-parser.js'
import type { Exchange, Reply } from '../exchange.js'
import { environmentOf, MemoryBody, MemoryExchange, type ServerFacts } from './exchange.js'
import { readRequest, type TestInit } from './request.js'

/** A server for tests. */
export interface TestServer {
  /**
   * One request. Redirects are not followed. A reply that breaks in its middle makes reading the
   * response's body fail; so does `init.signal`.
   * @param path a request target, sent as it is (`//a/%2F?b`), or an absolute URL
   */
  fetch(path: string | URL, init?: TestInit): Promise<Response>
  /** Everything that was written to stderr so far, oldest first. */
  stderr(): string
  /** Waits for work that was handed to `waitUntil()`; stops what still runs. */
  close(): Promise<void>
}

export interface AdapterOptions extends ServerFacts {
  onError?: (error: unknown, exchange: Exchange) => Reply | Promise<Reply>
}

export class MemoryServer implements TestServer {
  #handler: (exchange: MemoryExchange) => Reply | Promise<Reply>
  #options: AdapterOptions
  #stderr = ''
  #work = new Set<Promise<unknown>>()
  #running = new Set<MemoryExchange>()

  constructor(handler: (exchange: MemoryExchange) => Reply | Promise<Reply>, options: AdapterOptions = {}) {
    this.#handler = handler
    this.#options = options
  }

  async fetch(path: string | URL, init: TestInit = {}): Promise<Response> {
    const request = await readRequest(path, init)
    const env = { ...this.#options.env, ...init.env }
    const given = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined)
    const owner = {
      stderr: (text: string) => {
        this.#stderr += text
      },
      waitUntil: (work: Promise<unknown>) => this.#keep(work),
    }
    const exchange = new MemoryExchange(
      environmentOf(request, { ...this.#options, env }),
      new MemoryBody(request.body),
      owner,
      Object.fromEntries(given),
    )
    this.#running.add(exchange)
    const leave = () => exchange.abort()
    init.signal?.addEventListener('abort', leave)
    if (init.signal?.aborted) leave()
    const done = () => {
      exchange.stdin.cancel()
      this.#running.delete(exchange)
      init.signal?.removeEventListener('abort', leave)
    }
    try {
      const reply = await Promise.race([this.#answer(exchange, request.method), left(exchange.signal)])
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
      exchange.stderr(`${stackOf(error)}\n`)
      return this.#options.onError(error, exchange)
    }
  }

  #keep(work: Promise<unknown>): void {
    const settled = Promise.resolve(work).then(
      () => {},
      (error) => {
        this.#stderr += `${stackOf(error)}\n`
      },
    )
    this.#work.add(settled)
    void settled.then(() => this.#work.delete(settled))
  }
}

const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)

function left(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason))
  })
}

/** The reply as the platform's Response, checked and completed as every gateway does it. */
async function toResponse(
  reply: Reply,
  method: string,
  exchange: MemoryExchange,
  done: () => void,
): Promise<Response> {
  const prepared = reply.verbatim ? await parseVerbatim(reply) : prepareReply(reply, method)
  if (prepared.dropped) void prepared.dropped[Symbol.asyncIterator]().return?.()
  const headers = new Headers()
  for (let i = 0; i < prepared.headers.length; i += 2) {
    headers.append(prepared.headers[i] as string, prepared.headers[i + 1] as string)
  }
  const { status, reason: statusText, body } = prepared
  const inPieces = body !== null && typeof body !== 'string' && !(body instanceof Uint8Array)
  if (!inPieces) done()
  const shown = inPieces ? stream(body, prepared.length, exchange, done) : body
  return new Response(shown as ConstructorParameters<typeof Response>[0], { status, statusText, headers })
}

type Prepared = Pick<
  ReturnType<typeof prepareReply>,
  'status' | 'reason' | 'headers' | 'body' | 'length' | 'dropped'
>

/** RFC 3875 section 5: the body is the whole HTTP response. */
async function parseVerbatim(reply: Reply): Promise<Prepared> {
  const pieces: Uint8Array[] = []
  if (typeof reply.body === 'string') pieces.push(Buffer.from(reply.body))
  else if (reply.body instanceof Uint8Array) pieces.push(reply.body)
  else for await (const piece of reply.body ?? []) pieces.push(piece)
  const parser = new HeadParser({ nph: true })
  const found = parser.push(Buffer.concat(pieces))
  if (!found) return parser.end()
  const { status, reason = '', headers } = found.head
  return { status, reason, headers: [...headers], body: found.rest, length: null, dropped: null }
}

/** Pulled as the test reads; a cut-off is an error, as it is on a connection. */
function stream(
  body: AsyncIterable<Uint8Array>,
  length: number | null,
  exchange: MemoryExchange,
  done: () => void,
): ReadableStream<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]()
  let sent = 0
  const gone = left(exchange.signal)
  gone.catch(() => {})
  const stop = () => {
    done()
    void pieces.return?.()
  }
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done: ended, value } = await Promise.race([pieces.next(), gone])
          if (!ended) sent += value.length
          if (length !== null && (sent > length || (ended && sent < length)))
            throw new Error(`The body has ${sent} bytes; its Content-Length is ${length}.`)
          if (!ended) return controller.enqueue(value)
          done()
          controller.close()
        } catch (error) {
          exchange.stderr(`The reply was cut off after ${sent} bytes: ${stackOf(error)}\n`)
          stop()
          controller.error(error)
        }
      },
      cancel() {
        exchange.abort()
        stop()
      },
    },
    { highWaterMark: 0 },
  )
}
