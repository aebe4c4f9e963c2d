/**
 * What every part agrees on: CGI itself is the neutral type.
 *
 * A server adapter turns what a gateway hands over into an {@link Exchange} and writes the
 * {@link Reply} back; a {@link Handler} turns an Exchange into a Reply. No module knows both halves.
 */

/**
 * Header fields as `name, value, name, value, …`: ordered, repeats kept, as Node's `rawHeaders`.
 * Values are Latin-1 strings, one character per byte, as HTTP has them.
 */
export type HeaderList = readonly string[]

/** Read-only view of the meta-variables of one request (RFC 3875 section 4.1). */
export interface Env {
  /**
   * `name, value, name, value, …` as they were received: order and repeats kept, values as Latin-1
   * strings, one character per byte.
   */
  readonly list: readonly string[]
  /** The value of a variable, repeats joined by the translator's rule; undefined when it is absent. */
  get(name: string): string | undefined
  /**
   * The plain object for apps, built once, on demand. `HTTP_*` values are Latin-1 (as header values
   * are); all others are decoded as UTF-8 where their bytes are valid UTF-8, as `process.env` would.
   */
  toObject(): Readonly<Record<string, string>>
}

/**
 * The request body, pulled piece by piece: back-pressure is simply not asking for more.
 * One `read()` at a time.
 */
export interface Body {
  /** Announced length in bytes; 0 when there is no body; null when a body of unknown length follows. */
  readonly length: number | null
  /** The memory of a piece of 4096 bytes or more is the reader's alone: it may be transferred. */
  readonly owned?: boolean
  /**
   * The next piece (never empty), or null at the end.
   * @throws RequestError when the body ended early, is too large, or the client left.
   */
  read(): Promise<Uint8Array | null>
  /** No more of it is wanted; the adapter discards the rest (within its bound). May be called twice. */
  cancel(): void
}

/** What an app may assume of the gateway that carries it. */
export interface Gateway {
  readonly protocol: 'cgi' | 'fastcgi' | 'scgi' | 'http' | 'memory'
  /** FastCGI role; `responder` everywhere else. */
  readonly role: 'responder' | 'authorizer' | 'filter'
  /** The process ends after this one request. */
  readonly runOnce: boolean
  /** Other processes may serve the same app at the same time. */
  readonly multiprocess: boolean
}

/** Over HTTP: who is at the other end of the connection. Found out when it is asked. */
export interface Peer {
  /** The connection comes from this machine, through 127.0.0.0/8 or ::1. */
  readonly isLoopback: boolean
  /**
   * A program of this user on this machine: loopback and, where the system tells (Linux), the other end
   * belongs to this user or to root. It may be a proxy all the same: see `proxyMark`. Costs milliseconds.
   */
  readonly isLocal: boolean
  /** The first sign that a proxy sent the request, for people: `X-Forwarded-For`, `HTTP/1.0`. */
  readonly proxyMark: string | undefined
}

/** Member of an {@link Exchange}, and of the requests made of it; one for all copies of this module. */
export const afterwards: unique symbol = Symbol.for('cgiup.afterwards') as never

/** What ends: an exchange, or a request that came with one. */
export interface RequestEnd {
  /**
   * Calls back, once, when the reply has ended, or will never come, the handler has settled, and so has all
   * `waitUntil` work. At once when that is the case already. Absent where it is the end of the process.
   *
   * @param task must not throw
   */
  [afterwards]?(task: () => void): void
}

/** Member of an {@link Exchange}; one for all copies of this module. */
export const pendingReply: unique symbol = Symbol.for('cgiup.pendingReply') as never

/** What an app has answered and the adapter may not have yet: promises come too late in a process that ends. */
export interface PendingReply {
  /**
   * To be asked at the end of the process only. Pieces of a stream that flows go to its sink.
   *
   * @returns the reply, where the app has given all of it in one piece; else null
   */
  last(): Reply | null
}

const inFlightKey = Symbol.for('cgiup.inFlight')

/**
 * Those whose requests may be copied without a trace of what they came with: the platform's Request is. One set
 * for all copies of this module.
 */
export function inFlight(): Set<RequestEnd> {
  const place = globalThis as { [inFlightKey]?: Set<RequestEnd> }
  place[inFlightKey] ??= new Set()
  return place[inFlightKey]
}

/** One request on its way through a gateway. */
export interface Exchange extends RequestEnd {
  readonly env: Env
  readonly stdin: Body
  /**
   * FastCGI role Filter: the file to be filtered (FCGI_DATA, FastCGI 1.0 section 6.4), of
   * FCGI_DATA_LENGTH bytes. To be read after `stdin`. Null or absent everywhere else.
   */
  readonly data?: Body | null
  /** Aborts when the client left, the gateway gave up, or the process is to stop. */
  readonly signal: AbortSignal
  readonly gateway: Gateway
  /**
   * Most bytes of the body that `text()`, `json()` and the like take; a body that is read in pieces has no such
   * limit. Default 64 MiB.
   */
  readonly maxBodyBytes?: number | undefined
  /** Present where this process is the HTTP server itself; absent behind every gateway. */
  readonly peer?: Peer | undefined
  /** Set by handlers whose apps answer by calls. */
  [pendingReply]?: PendingReply | null
  /** Diagnostics of this request: to the gateway's log, never to the client. */
  stderr(text: string): void
  /** Keeps the process until the work is settled; the reply does not wait for it. */
  waitUntil(work: Promise<unknown>): void
}

/** The answer to one request. */
export interface Reply {
  /** 200 to 599. */
  readonly status: number
  /** Reason phrase; the standard one of the status when absent. */
  readonly reason?: string
  readonly headers: HeaderList
  /**
   * The whole body in one piece (the fast path), or its pieces. A string is sent as UTF-8. A body
   * that throws is cut off so that the server can notice, never finished as if it were whole; one
   * that is no longer wanted gets `return()`.
   */
  readonly body: Uint8Array | string | AsyncIterable<Uint8Array> | null
  /**
   * The body holds the whole HTTP response, head included, and is passed on unmodified
   * (non-parsed header output, RFC 3875 section 5). `status` and `headers` are then for the log only.
   */
  readonly verbatim?: boolean
}

/** Turns an Exchange into a Reply. To hand one to `run()`, mark it with `handler()`. */
export type Handler = (exchange: Exchange) => Reply | Promise<Reply>
