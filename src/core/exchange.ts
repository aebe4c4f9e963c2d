/**
 * The types that all parts share: CGI itself is the neutral form.
 *
 * A server adapter turns a gateway's request into an {@link Exchange} and writes the {@link Reply} back; a
 * {@link Handler} turns an Exchange into a Reply. No module knows both sides.
 */

/**
 * Header fields as `name, value, name, value, …`: in order, repeats kept, as Node's `rawHeaders`. Values are
 * Latin-1 strings, one character per byte, as in HTTP.
 */
export type HeaderList = readonly string[]

/** Read-only view of the meta-variables of one request (RFC 3875 section 4.1). */
export interface Env {
  /**
   * `name, value, name, value, …` as received: order and repeats kept, values as Latin-1 strings, one
   * character per byte.
   */
  readonly list: readonly string[]
  /** The value of a variable; the translator's rule joins repeats. Undefined if it is absent. */
  get(name: string): string | undefined
  /**
   * The plain object for apps, built once, on demand. `HTTP_*` values are Latin-1 (as header values are); all
   * others are decoded as UTF-8 if their bytes are valid UTF-8, as `process.env` does.
   */
  toObject(): Readonly<Record<string, string>>
}

/**
 * The request body, read in chunks on demand: back-pressure means not calling `read()`. One `read()` at a
 * time.
 */
export interface Body {
  /** Announced length in bytes; 0 when there is no body; null when a body of unknown length follows. */
  readonly length: number | null
  /** The memory of a chunk of 4096 bytes or more belongs to the reader alone: it may be transferred. */
  readonly owned?: boolean
  /**
   * The next chunk (never empty), or null at the end.
   * @throws RequestError if the body ended early, is too large, or the client disconnected.
   */
  read(): Promise<Uint8Array | null>
  /** The rest is not needed; the adapter discards it (up to its limit). May be called twice. */
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

/** Over HTTP: who is at the other end of the connection. Determined on first access. */
export interface Peer {
  /** Whether the connection comes from this machine, through 127.0.0.0/8 or ::1. */
  readonly isLoopback: boolean
  /**
   * Whether the client is a program of this user on this machine: loopback and, where the system can tell
   * (Linux), a peer that belongs to this user or to root. It may still be a proxy: see `proxyMark`. Takes
   * milliseconds.
   */
  readonly isLocal: boolean
  /** The first sign that a proxy sent the request, for log messages: `X-Forwarded-For`, `HTTP/1.0`. */
  readonly proxyMark: string | undefined
}

/** Member of an {@link Exchange}, and of requests made from it; one symbol for all copies of this module. */
export const afterwards: unique symbol = Symbol.for('cgiup.afterwards') as never

/** An object that has an end: an exchange, or a request made from one. */
export interface RequestEnd {
  /**
   * Calls back once, when the reply has ended (or never will be sent), the handler has settled, and all
   * `waitUntil` work has settled. Immediately if that has already happened. Absent if the process ends then.
   *
   * @param task must not throw
   */
  [afterwards]?(task: () => void): void
}

/** Member of an {@link Exchange}; one symbol for all copies of this module. */
export const pendingReply: unique symbol = Symbol.for('cgiup.pendingReply') as never

/**
 * A reply that an app has given and the adapter may not have received yet: while a process ends, promises
 * settle too late.
 */
export interface PendingReply {
  /**
   * Call this only at the end of the process. Chunks of a flowing stream go to its sink.
   *
   * @returns the reply, if the app has given all of it in one chunk; else null
   */
  last(): Reply | null
}

const inFlightKey = Symbol.for('cgiup.inFlight')

/**
 * Ends of requests that may be copied without a link to their exchange, as the platform's Request may be. One
 * set for all copies of this module.
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
   * FastCGI role Filter: the file to filter (FCGI_DATA, FastCGI 1.0 section 6.4), of FCGI_DATA_LENGTH bytes.
   * Read it after `stdin`. Null or absent otherwise.
   */
  readonly data?: Body | null
  /** Aborts when the client disconnects, the gateway gives up, or the process is asked to stop. */
  readonly signal: AbortSignal
  readonly gateway: Gateway
  /**
   * Largest body that `text()`, `json()` and the like accept, in bytes; a body that is read in chunks has no
   * such limit. Default 64 MiB.
   */
  readonly maxBodyBytes?: number | undefined
  /** Present where this process is the HTTP server itself; absent behind every gateway. */
  readonly peer?: Peer | undefined
  /** Set by handlers whose apps answer through calls (Node apps). */
  [pendingReply]?: PendingReply | null
  /** Writes diagnostics of this request to the gateway's log, never to the client. */
  stderr(text: string): void
  /** Keeps the process alive until the work has settled; the reply does not wait for it. */
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
   * The whole body at once (the fast path), or its chunks. A string is sent as UTF-8. If the body throws, the
   * reply is cut off so that the server can notice, never ended as if it were complete. If the body is no
   * longer needed, its `return()` is called.
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
