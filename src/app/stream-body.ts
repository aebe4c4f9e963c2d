/** The ReadableStream of a Response as the body of a reply. */
import { AppError, RequestError } from '../core/errors.js'
import type { Exchange } from '../core/exchange.js'
import { type Flowing, type FlowSink, type FlowSource, flow } from '../core/push-body.js'

type Reader = ReadableStreamDefaultReader<unknown>
type Step = Awaited<ReturnType<Reader['read']>>

export class StreamBody implements AsyncIterable<Uint8Array>, Flowing {
  readonly #stream: ReadableStream
  readonly #exchange: Exchange

  constructor(stream: ReadableStream, exchange: Exchange) {
    this.#stream = stream
    this.#exchange = exchange
  }

  /**
   * Not a generator: its `return()` would wait for the next chunk, which an idle event stream never sends.
   */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const reading = new Reading(this.#stream.getReader(), this.#exchange)
    return {
      async next() {
        const step = await reading.reader.read()
        if (reading.over) throw reading.reason
        if (!step.done) return { done: false, value: toBytes(step.value) }
        reading.finish()
        return { done: true, value: undefined }
      },
      async return() {
        await reading.cancel()
        return { done: true, value: undefined }
      },
    }
  }

  [flow](sink: FlowSink): FlowSource {
    return new Pump(new Reading(this.#stream.getReader(), this.#exchange), sink)
  }
}

/** A reader that is cancelled when the client disconnects. */
class Reading {
  readonly reader: Reader
  /** Cancelled: the stream then ends as if complete, but the reply is not complete. */
  over = false
  readonly #signal: AbortSignal
  readonly #onAbort = (): void => void this.cancel(this.#signal.reason)

  constructor(reader: Reader, exchange: Exchange) {
    this.reader = reader
    this.#signal = exchange.signal
    if (this.#signal.aborted) this.#onAbort()
    else this.#signal.addEventListener('abort', this.#onAbort)
  }

  get reason(): unknown {
    return this.#signal.reason ?? new RequestError('REQUEST_ABORTED')
  }

  finish(): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
  }

  cancel(reason?: unknown): Promise<void> {
    this.finish()
    this.over = true
    return this.reader.cancel(reason).catch(() => {})
  }
}

/** Reads as long as the sink takes data: one promise per chunk, the minimum for a stream. */
class Pump implements FlowSource {
  readonly #reading: Reading
  readonly #sink: FlowSink

  constructor(reading: Reading, sink: FlowSink) {
    this.#reading = reading
    this.#sink = sink
    this.ready()
  }

  ready(): void {
    this.#reading.reader.read().then(this.#taken, this.#failed)
  }

  cancel(): void {
    if (!this.#reading.over) void this.#reading.cancel()
  }

  readonly #taken = (step: Step): void => {
    if (this.#reading.over) {
      this.#sink.fail(this.#reading.reason)
    } else if (step.done) {
      this.#reading.finish()
      this.#sink.end()
    } else {
      let more: boolean
      try {
        more = this.#sink.write(toBytes(step.value))
      } catch (error) {
        this.cancel()
        this.#sink.fail(error)
        return
      }
      if (more) this.ready()
    }
  }

  readonly #failed = (error: unknown): void => {
    this.#reading.finish()
    this.#sink.fail(error)
  }
}

/** The standard allows only Uint8Array; Node servers accept these types too, and apps depend on it. */
function toBytes(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece
  if (typeof piece === 'string') return Buffer.from(piece)
  if (ArrayBuffer.isView(piece)) return new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength)
  if (piece instanceof ArrayBuffer) return new Uint8Array(piece)
  const detail = `A stream of the app's Response produced ${describe(piece)} where bytes were expected.`
  throw new AppError('RESPONSE_INVALID', detail)
}

export function describe(value: unknown): string {
  if (typeof value !== 'object') return `a ${typeof value}`
  const name = (value as object).constructor?.name
  return name && name !== 'Object' ? `an object of class ${name}` : 'a plain object'
}
