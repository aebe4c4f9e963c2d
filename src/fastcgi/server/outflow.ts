/** A streamed reply on its way to STDOUT, pushed by its source or pulled from an iterator. */
import { type Flowing, type FlowSink, type FlowSource, flow, isFlowing } from '../../core/push-body.js'
import { latin1, smallBodyBytes, wrongLength } from '../../serve/answer.js'
import type { Service } from '../../serve/service.js'
import { RecordType } from '../codec/record.js'
import { streamText } from '../codec/stdout.js'
import { endReply } from './end-reply.js'
import type { FastcgiExchange } from './exchange.js'
import type { Output } from './output.js'

/** Chunks up to this many bytes are appended to the pending text; larger ones are sent without copying. */
const smallPiece = 4096

/** What a streamed reply needs from its connection. */
interface Line {
  readonly service: Service
  readonly output: Output
  /** END_REQUEST. */
  finish(exchange: FastcgiExchange, appStatus: number): void
}

export class Outflow implements FlowSink {
  readonly #line: Line
  readonly #exchange: FastcgiExchange
  /** Bytes announced in the head; null if it has no length. */
  readonly #length: number | null
  readonly #broke: (error: unknown, sent: number) => void
  #sent = 0
  /** The body is complete, or has failed. */
  #over = false
  #source: FlowSource | null = null

  /** @param broke called when the body fails, with the bytes sent so far */
  constructor(
    line: Line,
    exchange: FastcgiExchange,
    length: number | null,
    broke: (error: unknown, sent: number) => void,
  ) {
    this.#line = line
    this.#exchange = exchange
    this.#length = length
    this.#broke = broke
  }

  start(body: AsyncIterable<Uint8Array> | Flowing): void {
    if (!isFlowing(body)) {
      void this.#pull(body)
      return
    }
    try {
      this.#source = body[flow](this)
      if (this.#over) this.#source.cancel()
    } catch (error) {
      this.fail(error)
    }
  }

  async #pull(body: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const piece of body) {
        if (!this.#put(piece) && !(await this.#line.output.drained())) return
        if (this.#exchange.replyEnded) return
      }
      this.end()
    } catch (error) {
      this.fail(error)
    }
  }

  write(piece: Uint8Array | string): boolean {
    let more: boolean
    try {
      more = this.#put(piece)
    } catch (error) {
      this.fail(error)
      this.#source?.cancel()
      return true
    }
    if (!more) void this.#line.output.drained().then(this.#drained)
    return more
  }

  readonly #drained = (alive: boolean): void => {
    if (alive && !this.#over && !this.#exchange.replyEnded) this.#source?.ready()
    else this.#source?.cancel()
  }

  end(): void {
    if (this.#over || this.#exchange.replyEnded) return
    if (this.#length !== null && this.#sent < this.#length)
      this.fail(wrongLength(this.#length, `only ${this.#sent} bytes`))
    else {
      this.#over = true
      endReply(this.#line, this.#exchange)
    }
  }

  fail(error: unknown): void {
    if (this.#over || this.#exchange.replyEnded) return
    this.#over = true
    this.#broke(error, this.#sent)
  }

  #put(piece: Uint8Array | string): boolean {
    if (this.#over || this.#exchange.replyEnded || piece.length === 0) return true
    const { output } = this.#line
    const { id } = this.#exchange.request
    const text = smallText(piece)
    if (text !== null) {
      this.#count(text.length)
      output.send(streamText(RecordType.STDOUT, id, text))
      return !output.full
    }
    const bytes = typeof piece === 'string' ? Buffer.from(piece, 'utf8') : piece
    this.#count(bytes.length)
    return output.bytes(id, bytes)
  }

  #count(bytes: number): void {
    this.#sent += bytes
    if (this.#length !== null && this.#sent > this.#length) throw wrongLength(this.#length, 'more')
  }
}

/** A small chunk as Latin-1 text of its bytes, which fits one record; null for a large one. */
function smallText(piece: Uint8Array | string): string | null {
  if (typeof piece !== 'string') return piece.length <= smallPiece ? latin1(piece) : null
  if (piece.length > smallBodyBytes) return null
  return Buffer.byteLength(piece) === piece.length ? piece : Buffer.from(piece, 'utf8').toString('latin1')
}
