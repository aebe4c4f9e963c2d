/** One SCGI connection: one request, its body bounded by CONTENT_LENGTH, one reply, the end. */
import type { Socket } from 'node:net'
import { encodeHead, type PreparedReply, prepareReply } from '../cgi/head.js'
import { AppError, RequestError } from '../errors.js'
import type { Gateway, Reply } from '../exchange.js'
import { PushedBody } from '../server/body.js'
import { SocketExchange } from '../server/exchange.js'
import type { Served, Service } from '../server/service.js'
import { NetstringReader, type ScgiHead } from './netstring.js'

const gateway: Gateway = { protocol: 'scgi', role: 'responder', runOnce: false, multiprocess: false }

class ScgiExchange extends SocketExchange {
  readonly stdin: PushedBody
  /** Bytes of the body that are still to come. */
  left: number

  constructor(connection: ScgiConnection, head: ScgiHead) {
    super(connection.service, gateway, head.params)
    this.left = head.contentLength
    this.stdin = new PushedBody(head.contentLength, connection)
    if (head.contentLength === 0) this.stdin.end()
  }

  /** SCGI has no way for it but the log. */
  stderr(text: string): void {
    if (text !== '') this.service.log(text)
  }
}

export class ScgiConnection implements Served {
  readonly service: Service
  readonly #socket: Socket
  readonly #reader: NetstringReader
  readonly #openedAt: number
  #exchange: ScgiExchange | null = null
  #discarded = 0

  constructor(socket: Socket, service: Service) {
    this.#socket = socket
    this.service = service
    this.#reader = new NetstringReader(service.limits)
    this.#openedAt = service.now()
    service.opened(this)
    socket.on('data', (chunk: Buffer) => this.data(chunk))
    socket.on('end', () => this.#gone())
    socket.on('error', () => this.#gone())
    socket.on('close', () => this.#closed())
  }

  /** The app asks for more of the body. */
  wants(): void {
    if (this.#socket.isPaused() && !this.#full()) this.#socket.resume()
  }

  stop(): void {
    if (this.#exchange === null && this.#reader.idle) this.#socket.destroySoon()
  }

  sweep(now: number): void {
    const { idleTimeoutMs, paramsTimeoutMs, requestTimeoutMs, discardTimeoutMs } = this.service.limits
    const exchange = this.#exchange
    if (exchange === null) {
      const age = now - this.#openedAt
      if (this.#reader.idle ? age > idleTimeoutMs : age > paramsTimeoutMs)
        this.#refuse(`the headers of a request took longer than ${paramsTimeoutMs} ms (paramsTimeoutMs)`)
    } else if (exchange.finished) {
      if (now - exchange.finishedAt > discardTimeoutMs) this.#socket.destroy()
    } else if (now - exchange.began > requestTimeoutMs) {
      const error = new RequestError(
        'REQUEST_TIMEOUT',
        `The request took longer than ${requestTimeoutMs} ms (requestTimeoutMs).`,
      )
      exchange.abort(error)
      this.#fail(exchange, error)
    }
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Bytes of the peer; the first ones may have been read before the protocol was known. */
  data(chunk: Buffer): void {
    if (this.#exchange !== null) {
      this.#body(this.#exchange, chunk)
      return
    }
    let head: ScgiHead | null
    try {
      head = this.#reader.push(chunk)
    } catch (error) {
      this.#refuse((error as Error).message)
      return
    }
    if (head === null) return
    const exchange = new ScgiExchange(this, head)
    this.#exchange = exchange
    if (head.bodyAt < chunk.length) this.#body(exchange, chunk.subarray(head.bodyAt))
    this.service.serve(
      exchange,
      (reply) => this.#reply(exchange, reply),
      (error) => this.#fail(exchange, error),
    )
  }

  #refuse(why: string): void {
    this.service.log(`scgi: ${why}; the connection is closed`)
    this.#socket.destroy()
  }

  /** What follows CONTENT_LENGTH bytes is no part of the request. */
  #body(exchange: ScgiExchange, chunk: Uint8Array): void {
    if (exchange.left === 0) return
    const piece = chunk.length > exchange.left ? chunk.subarray(0, exchange.left) : chunk
    exchange.left -= piece.length
    if (exchange.finished) this.#discarded += piece.length
    else exchange.stdin.push(piece)
    if (exchange.left === 0) {
      exchange.stdin.end()
      if (exchange.finished) this.#socket.destroySoon()
    } else if (this.#discarded > this.service.limits.maxDiscardBytes) {
      this.#refuse(
        `more than ${this.service.limits.maxDiscardBytes} bytes of an unwanted body (maxDiscardBytes)`,
      )
    } else if (this.#full()) this.#socket.pause()
  }

  #full(): boolean {
    return (this.#exchange?.stdin.queued ?? 0) > this.service.limits.maxUnreadBytes
  }

  #reply(exchange: ScgiExchange, reply: Reply): void {
    if (exchange.finished) {
      dropBody(reply.body)
      return
    }
    let prepared: PreparedReply
    try {
      prepared = prepareReply(reply, exchange.env.get('REQUEST_METHOD') ?? 'GET')
    } catch (error) {
      dropBody(reply?.body)
      this.#fail(exchange, error)
      return
    }
    if (prepared.notes !== null) for (const note of prepared.notes) this.service.lines.once(`cgiup: ${note}`)
    if (prepared.dropped !== null) dropBody(prepared.dropped)
    exchange.headSent = true
    const head = encodeHead(prepared)
    const { body } = prepared
    if (body === null || typeof body === 'string' || body instanceof Uint8Array) {
      this.#socket.cork()
      this.#socket.write(head, 'latin1')
      if (body !== null && body.length > 0) this.#socket.write(body)
      this.#socket.uncork()
      this.#finish(exchange)
    } else {
      this.#socket.write(head, 'latin1')
      void this.#stream(exchange, body, prepared.length)
    }
  }

  async #stream(
    exchange: ScgiExchange,
    body: AsyncIterable<Uint8Array>,
    length: number | null,
  ): Promise<void> {
    const socket = this.#socket
    let sent = 0
    try {
      for await (const piece of body) {
        if (exchange.finished) return
        if (piece.length === 0) continue
        sent += piece.length
        if (length !== null && sent > length) throw wrongLength(length, 'more than that')
        if (!socket.write(piece)) await drained(socket)
        if (exchange.finished) return
      }
      if (length !== null && sent < length) throw wrongLength(length, String(sent))
      this.#finish(exchange)
    } catch (error) {
      if (!exchange.finished) this.#cut(error)
    }
  }

  #fail(exchange: ScgiExchange, error: unknown): void {
    if (exchange.finished) return
    if (exchange.headSent) this.#cut(error)
    else void this.service.errorReply(error, exchange).then((reply) => this.#reply(exchange, reply))
  }

  /** A close looks like the end of the reply in SCGI; a reset does not. */
  #cut(error: unknown): void {
    this.service.log(`scgi: the reply was cut off: ${error instanceof Error ? error.stack : String(error)}`)
    if (this.#socket.remoteAddress === undefined) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }

  #finish(exchange: ScgiExchange): void {
    exchange.finished = true
    exchange.finishedAt = this.service.now()
    exchange.stdin.cancel()
    // A connection closed with unread bytes in it is reset, and the reply is lost with it.
    if (exchange.left === 0) this.#socket.destroySoon()
    else this.#socket.resume()
    this.service.done(exchange)
  }

  #gone(): void {
    this.#exchange?.abort()
    if (!this.#socket.destroyed) this.#socket.destroySoon()
  }

  #closed(): void {
    const exchange = this.#exchange
    if (exchange !== null) {
      if (!exchange.finished) exchange.abort()
      exchange.stdin.cancel()
      exchange.finished = true
      this.service.done(exchange)
    }
    this.service.closed(this)
  }
}

const wrongLength = (length: number, got: string): AppError =>
  new AppError('REPLY_BODY_LENGTH', `Content-Length is ${length}, but the body has ${got} bytes.`)

const drained = (socket: Socket): Promise<void> => {
  if (socket.destroyed || !socket.writableNeedDrain) return Promise.resolve()
  return new Promise((resolve) => {
    const settle = () => {
      socket.off('drain', settle)
      socket.off('close', settle)
      resolve()
    }
    socket.on('drain', settle)
    socket.on('close', settle)
  })
}

const dropBody = (body: Reply['body'] | undefined): void => {
  if (body === null || typeof body !== 'object' || !(Symbol.asyncIterator in body)) return
  body[Symbol.asyncIterator]()
    .return?.()
    ?.catch?.(() => {})
}
