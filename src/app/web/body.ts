/**
 * Bodies (https://fetch.spec.whatwg.org/#bodies). A body made from one chunk stays one chunk; a
 * ReadableStream is created only when the app asks for one.
 */

import { copyOf, keepBytes } from '../../core/buffers.js'
import type { Body } from '../../core/exchange.js'
import { wholeBodyTooLarge } from '../whole-body.js'
import { toDOMString } from './convert.js'
import { platform } from './platform.js'
import { isDisturbed, streamOfBody, streamOfBytes, streamOfIterable } from './streams.js'

type Source = string | Uint8Array | Blob

const alreadyRead = 'Body is unusable: Body has already been read'

/** The sources of streams created here, so that `new Response(other.body)` stays one chunk. */
const sources = new WeakMap<ReadableStream, Source>()

/** The maximum number of bytes read into memory, and the announced length. */
interface Limit {
  readonly max: number
  readonly length: number | null
}

const noLimit: Limit = { max: Number.POSITIVE_INFINITY, length: null }

/** The body of a light Request or Response. */
export class BodyState {
  /** The body as one chunk; null when it is a stream or still has to be received. */
  #source: Source | null
  /** A body that arrives in chunks. */
  #incoming: Body | null
  #stream: ReadableStream | null
  /** Read without creating a stream. */
  #read = false
  /** For received bodies and their copies; null for bodies that an app created. */
  readonly #limit: Limit | null

  constructor(
    source: Source | null,
    stream: ReadableStream | null,
    incoming: Body | null,
    limit: Limit | null = null,
  ) {
    this.#source = source
    this.#stream = stream
    this.#incoming = incoming
    this.#limit = limit
  }

  /** @param max bytes that text(), json() and the like accept; a stream has no limit */
  static incoming(body: Body, max: number): BodyState {
    return new BodyState(null, null, body, { max, length: body.length })
  }

  /** https://fetch.spec.whatwg.org/#dom-body-bodyused */
  get used(): boolean {
    return this.#stream ? isDisturbed(this.#stream) : this.#read
  }

  /** https://fetch.spec.whatwg.org/#body-unusable */
  get unusable(): boolean {
    return this.#stream ? this.#stream.locked || isDisturbed(this.#stream) : this.#read
  }

  get stream(): ReadableStream {
    if (this.#stream) return this.#stream
    keepBytes(this.#source)
    this.#stream = this.#makeStream()
    if (this.#read) {
      // The body has already been read, so its stream must look read: disturbed, and locked for good.
      const reader = this.#stream.getReader()
      reader.read().catch(() => {})
    } else if (this.#source !== null) sources.set(this.#stream, this.#source)
    return this.#stream
  }

  #makeStream(): ReadableStream {
    if (this.#read) return streamOfBytes(new Uint8Array(0))
    if (this.#incoming) return streamOfBody(this.#incoming)
    const source = this.#source as Source
    if (typeof source === 'string') return streamOfBytes(encode(source))
    return source instanceof Uint8Array ? streamOfBytes(source.slice()) : source.stream()
  }

  /** https://fetch.spec.whatwg.org/#concept-body-clone */
  clone(): BodyState {
    keepBytes(this.#source)
    if (this.#stream === null && this.#source !== null) return new BodyState(this.#source, null, null)
    const whole = this.stream
    const source = sources.get(whole)
    const [kept, given] = whole.tee()
    if (source !== undefined) {
      sources.set(kept, source)
      sources.set(given, source)
    }
    this.#stream = kept
    return new BodyState(null, given, null, this.#limit)
  }

  /** Moves the rest of this body to a new owner; this one counts as read. */
  handOver(): BodyState {
    keepBytes(this.#source)
    if (this.#stream) {
      const source = sources.get(this.#stream)
      const readable = this.#stream.pipeThrough(new TransformStream())
      if (source !== undefined) sources.set(readable, source)
      return new BodyState(null, readable, null, this.#limit)
    }
    this.#read = true
    return new BodyState(this.#source, null, this.#incoming, this.#limit)
  }

  /** Takes the body for a reply, as one chunk if possible. The body then counts as read. */
  take(): string | Uint8Array | ReadableStream {
    if (this.unusable) throw new TypeError(alreadyRead)
    const source = this.#stream ? sources.get(this.#stream) : this.#source
    if (source === undefined || source === null || isBlob(source)) return this.stream
    if (!this.#stream) this.#read = true
    return source
  }

  async text(): Promise<string> {
    if (this.#stream === null && typeof this.#source === 'string') {
      this.#claim()
      return withoutMark((this.#source as string & { toWellFormed(): string }).toWellFormed())
    }
    return decode(await this.bytes())
  }

  /** All bytes, as a Uint8Array that is not shared. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    this.#claim()
    if (this.#stream) return readAll(this.#stream.getReader(), this.#limit)
    if (this.#incoming) return readAll(readerOf(this.#incoming), this.#limit)
    const source = this.#source as Source
    if (typeof source === 'string') return encode(source)
    return source instanceof Uint8Array ? new Uint8Array(source) : new Uint8Array(await source.arrayBuffer())
  }

  #claim(): void {
    if (this.unusable) throw new TypeError(alreadyRead)
    if (!this.#stream) this.#read = true
  }
}

async function next(body: Body): Promise<{ done: boolean; value?: unknown }> {
  const value = await body.read()
  return value === null ? { done: true } : { done: false, value }
}

const readerOf = (body: Body) => ({ read: () => next(body), cancel: async () => body.cancel() })

async function readAll(
  reader: {
    read(): Promise<{ done: boolean; value?: unknown }>
    cancel(): Promise<void>
  },
  limit: Limit | null,
): Promise<Uint8Array<ArrayBuffer>> {
  const { max, length } = limit ?? noLimit
  const refuse = (): never => {
    void reader.cancel().catch(() => {})
    throw wholeBodyTooLarge(length, max)
  }
  if (length !== null && length > max) refuse()
  const pieces: Uint8Array[] = []
  let size = 0
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    if (!(step.value instanceof Uint8Array)) throw new TypeError('Received non-Uint8Array chunk')
    pieces.push(step.value)
    size += step.value.byteLength
    if (size > max) refuse()
  }
  const whole = new Uint8Array(size)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.byteLength
  }
  return whole
}

/** Never a view of Buffer's pool, because apps may transfer it. */
function encode(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Buffer.byteLength(text))
  Buffer.from(bytes.buffer).write(text)
  return bytes
}

/** https://encoding.spec.whatwg.org/#utf-8-decode */
function decode(bytes: Uint8Array): string {
  return withoutMark(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
}

const withoutMark = (text: string): string => (text.charCodeAt(0) === 0xfeff ? text.slice(1) : text)

const tagOf = (value: object): unknown => (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag]

function isBlob(value: unknown): value is Blob {
  if (typeof value !== 'object' || value === null) return false
  const tag = tagOf(value)
  return (tag === 'Blob' || tag === 'File') && typeof (value as Blob).stream === 'function'
}

/** A body and the Content-Type that goes with it. */
export interface Extracted {
  readonly body: BodyState
  readonly type: string | null
  /** The body was a stream, which cannot be sent twice. */
  readonly streaming: boolean
}

const inOnePiece = (source: Source, type: string | null): Extracted => ({
  body: new BodyState(source, null, null),
  type,
  streaming: false,
})

const asStream = (stream: ReadableStream, type: string | null, streaming = true): Extracted => ({
  body: new BodyState(null, stream, null),
  type,
  streaming,
})

const plainText = 'text/plain;charset=UTF-8'

/** https://fetch.spec.whatwg.org/#concept-bodyinit-extract; `input` is neither undefined nor null. */
export function extractBody(input: unknown, keepalive = false): Extracted {
  if (typeof input === 'string') return inOnePiece(input, plainText)
  if (typeof input !== 'object' || input === null)
    return inOnePiece(toDOMString(input, 'The body'), plainText)
  if (ArrayBuffer.isView(input))
    return inOnePiece(copyOf(input.buffer, input.byteOffset, input.byteLength), null)
  const tag = tagOf(input)
  if (input instanceof ArrayBuffer || tag === 'ArrayBuffer') {
    const buffer = input as ArrayBuffer
    return inOnePiece(copyOf(buffer, 0, buffer.byteLength), null)
  }
  if (tag === 'ReadableStream' && input instanceof ReadableStream) return asStream(usable(input), null)
  if (isBlob(input)) return inOnePiece(input, input.type || null)
  if (tag === 'URLSearchParams' && input instanceof URLSearchParams) {
    return inOnePiece(input.toString(), 'application/x-www-form-urlencoded;charset=UTF-8')
  }
  if (tag === 'FormData') return extractForm(input)
  if (typeof (input as AsyncIterable<unknown>)[Symbol.asyncIterator] === 'function') {
    if (keepalive) throw new TypeError('keepalive')
    return asStream(streamOfIterable(usable(input as AsyncIterable<unknown>)), null)
  }
  return inOnePiece(toDOMString(input, 'The body'), plainText)
}

function usable<T extends object>(input: T): T {
  if ((input as { locked?: unknown }).locked || isDisturbed(input)) {
    throw new TypeError('Response body object should not be disturbed or locked')
  }
  return input
}

/** An app with a FormData has already loaded the platform's classes. */
function extractForm(form: object): Extracted {
  const made = new (platform().Response)(form as FormData)
  return asStream(made.body as unknown as ReadableStream, made.headers.get('content-type'), false)
}
