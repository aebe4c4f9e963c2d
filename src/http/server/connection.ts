/**
 * One connection of the HTTP server: serves its requests one at a time, and detects clients that disconnect
 * or stop reading.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type GivesWay, idleSince, silentSince, stays, unfinishedSince } from '../../serve/pressure.js'
import { descriptorOf, Progress, takenBytes } from '../../socket/progress.js'

import type { HttpExchange } from './exchange.js'

/** Maximum number of requests queued behind the current one; with more, the connection is paused. */
const mostWaiting = 32

/**
 * A client with this many queued requests is not waiting for answers. More than Node parses in one read (64
 * KiB, and the shortest request has 18 bytes), so a fast client is only slowed down.
 */
const mostAhead = 4000

/** A request that Node has parsed. */
export interface Turn {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** The client waits for `100 Continue`. */
  readonly expectsContinue: boolean
}

/** The parts of the server that a connection uses. */
export interface ConnectionOwner {
  /** Time in which a client has to accept more of a reply, in milliseconds; Infinity for no limit. */
  readonly sendTimeoutMs: number
  /** Time in which a request head has to arrive, in milliseconds; Infinity for no limit. */
  readonly headersTimeoutMs: number
  /**
   * Answers a request to the end.
   * @returns whether the connection can take another request
   */
  serve(turn: Turn, connection: HttpConnection): Promise<boolean>
  /** Logs a line about a faulty client. */
  complaint(text: string): void
}

export class HttpConnection implements GivesWay {
  readonly socket: Socket
  /** The connection exceeded maxConnections. */
  surplus: boolean
  /** The request in progress. */
  exchange: HttpExchange | null = null
  readonly #owner: ConnectionOwner
  readonly #waiting: Turn[] = []
  readonly #progress = new Progress()
  #busy = false
  /** A request has arrived. */
  #asked = false
  /** The reply in progress. */
  #res: ServerResponse | null = null
  /** Node has given up on a head behind the current reply, and will not report it again. */
  #headLate = false
  /** When the connection began, or when its last request ended. */
  #since = performance.now()
  /** No further request is answered. */
  #over = false
  #closed: () => void = () => {}

  constructor(socket: Socket, owner: ConnectionOwner, surplus: boolean) {
    this.socket = socket
    this.#owner = owner
    this.surplus = surplus
    socket.once('close', () => {
      this.#end()
      this.#closed()
    })
  }

  /**
   * Queues a parsed request. Node delivers pipelined requests all at once, but they are started one by one,
   * in the order of their replies: a client that disconnects has one in progress, not a thousand.
   */
  take(turn: Turn): void {
    this.#headLate = false
    if (this.#over) turn.req.resume()
    else if (!this.#busy) void this.#work(turn)
    else if (this.#waiting.push(turn) > mostAhead) this.#flooded()
    else if (this.#waiting.length >= mostWaiting) this.socket.pause()
  }

  async #work(first: Turn): Promise<void> {
    this.#busy = true
    this.#asked = true
    for (let turn: Turn | undefined = first; turn !== undefined; turn = this.#waiting.shift()) {
      if (!turn.res.socket && !(await this.#turnOf(turn.res))) break
      this.#res = turn.res
      const goesOn = await this.#owner.serve(turn, this)
      this.#res = null
      this.exchange = null
      if (!goesOn) this.#end()
      if (this.#waiting.length < mostWaiting && this.socket.isPaused()) this.socket.resume()
    }
    this.#busy = false
    this.#since = performance.now()
  }

  /** The parser or socket failed, or a head is late. */
  fail(error: NodeJS.ErrnoException): void {
    // A head behind the current reply may be late because we have paused reading. Its time starts after the
    // reply.
    if (this.#busy && error.code === headTimeout) {
      this.#headLate = true
      return
    }
    const begun = this.#res?.headersSent === true || this.exchange?.verbatimBegun === true
    refuseRequest(this.socket, error.code, begun, error)
  }

  /**
   * Resolves true when Node gives the connection to this reply, after the previous one has been sent. False
   * when the connection closed first.
   */
  #turnOf(res: ServerResponse): Promise<boolean> {
    if (this.socket.destroyed) return Promise.resolve(false)
    return new Promise((resolve) => {
      res.once('socket', () => resolve(true))
      this.#closed = () => resolve(false)
    })
  }

  /** Drops the queued requests (RFC 9112 section 9.6). */
  #end(): void {
    this.#over = true
    this.#waiting.length = 0
  }

  #flooded(): void {
    this.#owner.complaint(`the client ${this.#name} sent more than ${mostAhead} pipelined requests`)
    this.socket.destroy()
  }

  orderOfLeaving(now: number): number {
    const { destroyed, bytesRead } = this.socket
    if (this.#busy || destroyed) return stays
    if (this.#asked) return idleSince(this.#since, now)
    return bytesRead === 0 ? silentSince(this.#since, now) : unfinishedSince(this.#since, now)
  }

  giveWay(): void {
    this.socket.destroy()
  }

  /** Checks the time limits; called periodically. @param now a clock in milliseconds */
  sweep(now: number): void {
    const { socket, exchange } = this
    exchange?.stdin.sweep(now)
    if (this.#headLate && !this.#busy && now - this.#since > this.#owner.headersTimeoutMs) {
      refuseRequest(socket, headTimeout, false)
      return
    }
    // A paused connection does not reveal that its client has disconnected, so let it read once more.
    if (this.#waiting.length >= mostWaiting) socket.resume()
    const { sendTimeoutMs } = this.#owner
    const handle = (socket as unknown as { readonly _handle?: unknown })._handle
    const taken = takenBytes(handle, -socket.writableLength)
    // Many clients read none of the reply until they have sent the whole body.
    const mark = exchange?.stdin.coming ? taken + socket.bytesRead : taken
    if (!this.#progress.overdue(socket.writableLength > 0, mark, now, sendTimeoutMs, descriptorOf(handle)))
      return
    this.#owner.complaint(
      `the client ${this.#name} read none of its reply for ${sendTimeoutMs / 1000} s (sendTimeoutMs)`,
    )
    socket.destroy()
  }

  get #name(): string {
    return this.socket.remoteAddress ?? 'of a Unix socket'
  }
}

/** Node's error code for a request head that did not arrive within headersTimeoutMs. */
const headTimeout = 'ERR_HTTP_REQUEST_TIMEOUT'

const statusLines: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  [headTimeout]: '408 Request Timeout',
}

/**
 * Sends an error and closes, as Node does without a listener for `clientError`.
 *
 * @param code of the error
 * @param begun part of a reply was sent: more text would become part of that reply
 */
function refuseRequest(socket: Socket, code: string | undefined, begun: boolean, error?: Error): void {
  if (socket.writable && !begun)
    socket.write(`HTTP/1.1 ${statusLines[code ?? ''] ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`)
  socket.destroy(error)
}
