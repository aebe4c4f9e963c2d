/** One connection of the HTTP server: its requests one at a time, and a client that leaves or takes nothing. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type GivesWay, idleSince, silentSince, stays, unfinishedSince } from '../../serve/pressure.js'
import { descriptorOf, Progress, takenBytes } from '../../socket/progress.js'
import { headTimeout, refuseRequest } from './client-error.js'
import type { HttpExchange } from './exchange.js'

/** Requests that wait behind the current one before no more of the connection is read. */
const mostWaiting = 32

/**
 * A client with so many of them waits for no answer: more than Node parses in one go (64 KiB, 18 bytes the
 * shortest request), so that whoever is only fast is slowed down instead.
 */
const mostAhead = 4000

/** A request that Node has parsed. */
export interface Turn {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** The client waits for `100 Continue`. */
  readonly expectsContinue: boolean
}

/** What a connection needs of its server. */
export interface ConnectionOwner {
  /** Milliseconds in which a client has to take something of a reply; Infinity for no limit. */
  readonly sendTimeoutMs: number
  /** Milliseconds in which the head of a request has to arrive; Infinity for no limit. */
  readonly headersTimeoutMs: number
  /**
   * Answers a request, to the end.
   * @returns whether the connection is there for another one
   */
  serve(turn: Turn, connection: HttpConnection): Promise<boolean>
  /** A line about a client that is at fault. */
  complaint(text: string): void
}

export class HttpConnection implements GivesWay {
  readonly socket: Socket
  /** It came when there were maxConnections others. */
  surplus: boolean
  /** The request that is being answered. */
  exchange: HttpExchange | null = null
  readonly #owner: ConnectionOwner
  readonly #waiting: Turn[] = []
  readonly #progress = new Progress()
  #busy = false
  /** A request has come. */
  #asked = false
  /** The reply at work. */
  #res: ServerResponse | null = null
  /** Node has given up a head behind the reply at work, and will not report it again. */
  #headLate = false
  /** Clock of its beginning, later of the end of its last request. */
  #since = performance.now()
  /** No further request of it is answered. */
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
   * A request was read. Node gives all that a client sends in one go at once; its replies come one after the
   * other, so the requests are begun that way, too: who leaves has one at work, and not a thousand.
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

  /** The parser or the socket failed, or a head is late. */
  fail(error: NodeJS.ErrnoException): void {
    // A head behind a reply at work may be late because we do not read. Its time begins after the reply.
    if (this.#busy && error.code === headTimeout) {
      this.#headLate = true
      return
    }
    const begun = this.#res?.headersSent === true || this.exchange?.verbatimBegun === true
    refuseRequest(this.socket, error.code, begun, error)
  }

  /** Node gives the connection to the next reply when the last one is out. False when it is gone before. */
  #turnOf(res: ServerResponse): Promise<boolean> {
    if (this.socket.destroyed) return Promise.resolve(false)
    return new Promise((resolve) => {
      res.once('socket', () => resolve(true))
      this.#closed = () => resolve(false)
    })
  }

  /** Requests behind this one are not answered (RFC 9112 section 9.6). */
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

  /** Time limits; called now and then. @param now a clock in milliseconds */
  sweep(now: number): void {
    const { socket, exchange } = this
    exchange?.stdin.sweep(now)
    if (this.#headLate && !this.#busy && now - this.#since > this.#owner.headersTimeoutMs) {
      refuseRequest(socket, headTimeout, false)
      return
    }
    // A connection that is not read does not show that its client has left: one look.
    if (this.#waiting.length >= mostWaiting) socket.resume()
    const { sendTimeoutMs } = this.#owner
    const handle = (socket as unknown as { readonly _handle?: unknown })._handle
    const taken = takenBytes(handle, -socket.writableLength)
    // Many clients read nothing of a reply before they have sent all of the body.
    const mark = exchange?.stdin.coming ? taken + socket.bytesRead : taken
    if (!this.#progress.overdue(socket.writableLength > 0, mark, now, sendTimeoutMs, descriptorOf(handle)))
      return
    this.#owner.complaint(
      `the client ${this.#name} read nothing of its reply for ${sendTimeoutMs / 1000} s (sendTimeoutMs)`,
    )
    socket.destroy()
  }

  get #name(): string {
    return this.socket.remoteAddress ?? 'of a Unix socket'
  }
}
