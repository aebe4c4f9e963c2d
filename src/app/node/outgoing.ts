/**
 * Turns what a ServerResponse writes to its socket into a {@link Reply}: one chunk when the app finished
 * within one turn of the event loop, else a stream.
 */
import type { PendingReply, Reply } from '../../core/exchange.js'
import { type Flowing, type FlowSink, type FlowSource, flow } from '../../core/push-body.js'
import { isInterim, parseHead, type ResponseHead } from './head-text.js'

type Callback = ((error?: Error | null) => void) | undefined | null
type Result = IteratorResult<Uint8Array, undefined>

/** Bytes passed to the reader, with their write callbacks. */
interface Sent {
  readonly bytes: number
  readonly callbacks: Callback[]
  readonly marks: Callback[]
}

/** Notified when a reply is finished, abandoned or drained. */
export interface OutgoingOwner {
  close(): void
  destroy(error?: Error): unknown
  drained(): void
}

interface Waiting<T> {
  resolve(value: T): void
  reject(error: unknown): void
}

const done: Result = { done: true, value: undefined }

export class Outgoing
  implements AsyncIterableIterator<Uint8Array, undefined>, Flowing, FlowSource, PendingReply
{
  /** The reply, once available. */
  reply: Reply | null = null
  /** Why there is no reply, or why its body is cut off. */
  failure: { error: unknown } | null = null
  /** The original Content-Disposition, when Node has changed the one in the head. */
  disposition: string | null = null
  /** Body bytes (characters, for text) that the app has written. */
  written = 0
  readonly #connection: OutgoingOwner
  #head: ResponseHead | null = null
  #pieces: (string | Uint8Array)[] = []
  #callbacks: Callback[] = []
  /** Callbacks of empty writes: called only on success ('finish' must not follow a failure). */
  #marks: Callback[] = []
  #queued = 0
  #ended = false
  #over = false
  #scheduled = false
  #needDrain = false
  #inFlight: Sent | null = null
  #replyWaiting: Waiting<Reply> | null = null
  #readWaiting: Waiting<Result> | null = null
  #sink: FlowSink | null = null

  constructor(connection: OutgoingOwner) {
    this.#connection = connection
  }

  /** Bytes (characters, for text) written and not yet read. */
  get length(): number {
    return this.#queued + (this.#inFlight?.bytes ?? 0)
  }

  get needDrain(): boolean {
    return this.#needDrain && !this.#ended
  }

  /** The app has ended its reply, and all of it was written. */
  get ended(): boolean {
    return this.#ended
  }

  /** `socket.write` of the ServerResponse. False when it should wait for 'drain'. */
  write(
    chunk: string | Uint8Array,
    encoding: string | undefined,
    callback: Callback,
    limit: number,
  ): boolean {
    let data: string | Uint8Array = chunk
    if (this.#head === null) data = this.#takeHead(typeof chunk === 'string' ? chunk : latin1(chunk))
    if (data.length === 0) this.#keepMark(callback)
    else {
      this.#pieces.push(typeof data === 'string' ? decode(data, encoding) : data)
      this.#queued += data.length
      this.written += data.length
      if (callback) this.#callbacks.push(callback)
      if (this.length >= limit) this.#needDrain = true
    }
    return !this.#needDrain
  }

  /** An empty write asks when everything before it was sent; the last one emits 'finish'. */
  #keepMark(callback: Callback): void {
    if (!callback) return
    if (this.#head === null || (this.reply !== null && this.length === 0)) process.nextTick(callback)
    else this.#marks.push(callback)
  }

  /** Skips interim heads (100 Continue, 103 Early Hints): no gateway except lighttpd passes them on. */
  #takeHead(text: string): string {
    let start = 0
    while (start < text.length && isInterim(text, start)) start = text.indexOf('\r\n\r\n', start) + 4
    if (start >= text.length) return ''
    this.#head = parseHead(text, start)
    if (this.disposition !== null) replaceDisposition(this.#head.headers, this.disposition)
    return text.slice(this.#head.end)
  }

  /** Sends what was written after this turn, even if the app is not done. */
  schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    process.nextTick(turn, this)
  }

  /** The turn has ended: the reply is complete, starts to stream, or feeds its reader. */
  turn(): void {
    this.#scheduled = false
    if (this.failure !== null || this.#head === null) return
    if (this.reply === null) this.#settle(this.#head, this)
    else if (this.reply.body === this) this.#feed()
    else this.#finish()
  }

  /** The app called `res.end()` ('prefinish'). */
  end(): void {
    if (this.#ended || this.failure !== null) return
    this.#ended = true
    this.schedule()
    if (this.reply !== null || this.#head === null) return
    const body = this.#pieces.length === 0 ? null : join(this.#pieces)
    this.#pieces = []
    this.#queued = 0
    this.#settle(this.#head, body)
  }

  #settle(head: ResponseHead, body: Reply['body']): void {
    this.reply = { status: head.status, reason: head.reason, headers: head.headers, body }
    this.#replyWaiting?.resolve(this.reply)
    this.#replyWaiting = null
  }

  /** Waits for the reply. */
  wait(): Promise<Reply> {
    if (this.failure !== null) return Promise.reject(this.failure.error)
    return new Promise((resolve, reject) => {
      this.#replyWaiting = { resolve, reject }
    })
  }

  /** Cancels the reply or the rest of it. Does nothing when all of it was handed over. */
  fail(error: unknown): void {
    if (this.#over) return
    this.#over = true
    this.failure = { error }
    const callbacks = [...(this.#inFlight?.callbacks ?? []), ...this.#callbacks]
    this.#pieces = []
    this.#queued = 0
    this.#inFlight = null
    for (const callback of callbacks) if (callback) process.nextTick(callback, error)
    this.#replyWaiting?.reject(error)
    this.#readWaiting?.reject(error)
    this.#sink?.fail(error)
  }

  last(): Reply | null {
    if (!this.#ended || this.failure !== null) return null
    if (this.reply !== null && this.reply.body !== this) return this.reply
    if (this.#sink === null || this.#over) return null
    // No callbacks: one that calls process.exit() would end the process here.
    this.#over = true
    if (this.#pieces.length > 0) this.#sink.write(join(this.#pieces))
    this.#sink.end()
    return null
  }

  /** Everything was handed over: emits 'finish', then closes the connection. */
  #finish(): void {
    this.#confirm()
    for (const callback of this.#callbacks) callback?.()
    for (const callback of this.#marks) callback?.()
    this.#over = true
    this.#connection.close()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** All bytes written so far, as one chunk. The call means that the previous chunk was sent. */
  next(): Promise<Result> {
    this.#confirm()
    if (this.failure !== null) return Promise.reject(this.failure.error)
    if (this.#pieces.length > 0) return Promise.resolve(this.#takeBytes())
    if (this.#ended) {
      this.#finish()
      return Promise.resolve(done)
    }
    return new Promise((resolve, reject) => {
      this.#readWaiting = { resolve, reject }
    })
  }

  [flow](sink: FlowSink): FlowSource {
    this.#sink = sink
    // The app may have destroyed its response meanwhile.
    if (this.failure === null) this.#pour(sink)
    else sink.fail(this.failure.error)
    return this
  }

  /** The sink can take more: its previous data was sent. */
  ready(): void {
    this.#confirm()
    if (this.#sink !== null && this.failure === null) this.#pour(this.#sink)
  }

  cancel(): void {
    this.#connection.destroy()
  }

  /** Passes on all bytes written so far. */
  #pour(sink: FlowSink): void {
    if (this.#inFlight !== null) return
    if (this.#pieces.length > 0) {
      const piece = join(this.#pieces)
      this.#take()
      if (!sink.write(piece)) return
      this.#confirm()
    }
    if (!this.#ended || this.failure !== null || this.#over) return
    this.#finish()
    sink.end()
  }

  /** The reader stops: the client disconnected. */
  return(): Promise<Result> {
    this.#connection.destroy()
    return Promise.resolve(done)
  }

  #confirm(): void {
    const sent = this.#inFlight
    if (sent === null) return
    this.#inFlight = null
    for (const callback of sent.callbacks) callback?.()
    for (const callback of sent.marks) callback?.()
  }

  #take(): void {
    this.#inFlight = { bytes: this.#queued, callbacks: this.#callbacks, marks: this.#marks }
    this.#pieces = []
    this.#callbacks = []
    this.#marks = []
    this.#queued = 0
    if (this.#needDrain && !this.#ended) process.nextTick(drain, this)
  }

  #takeBytes(): Result {
    const value = bytes(join(this.#pieces))
    this.#take()
    return { done: false, value }
  }

  #feed(): void {
    if (this.#sink !== null) {
      this.#pour(this.#sink)
      return
    }
    const waiting = this.#readWaiting
    if (waiting === null || (this.#pieces.length === 0 && !this.#ended)) return
    this.#readWaiting = null
    if (this.#pieces.length === 0) this.#finish()
    waiting.resolve(this.#pieces.length > 0 ? this.#takeBytes() : done)
  }

  /** The queue is empty: the app may continue to write. */
  drain(): void {
    if (!this.#needDrain || this.#queued > 0 || this.#ended || this.failure !== null) return
    this.#needDrain = false
    this.#connection.drained()
  }
}

const turn = (outgoing: Outgoing): void => outgoing.turn()
const drain = (outgoing: Outgoing): void => outgoing.drain()

/** Text in UTF-8 stays text; anything else becomes bytes. */
function decode(text: string, encoding: string | undefined): string | Uint8Array {
  if (encoding === undefined || encoding === null || encoding === 'utf8' || encoding === 'utf-8') return text
  return Buffer.from(text, encoding as BufferEncoding)
}

function replaceDisposition(headers: string[], value: string): void {
  const at = headers.findIndex((item, i) => i % 2 === 0 && item.toLowerCase() === 'content-disposition')
  headers[at + 1] = value
}

function join(pieces: (string | Uint8Array)[]): string | Uint8Array {
  if (pieces.length === 1) return pieces[0] as string | Uint8Array
  if (pieces.every((piece) => typeof piece === 'string')) return pieces.join('')
  return Buffer.concat(pieces.map(bytes))
}

const bytes = (piece: string | Uint8Array): Uint8Array =>
  typeof piece === 'string' ? Buffer.from(piece, 'utf8') : piece

const latin1 = (chunk: Uint8Array): string => Buffer.from(chunk).toString('latin1')
