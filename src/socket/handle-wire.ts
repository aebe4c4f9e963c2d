/**
 * A connection on Node's own handle, without net.Socket: the two streams of a socket cost more than the
 * system calls of a small request.
 */
import { type AddressInfo, Socket } from 'node:net'
import { memoryFor } from '../core/buffers.js'
import type { Handle, Native, WriteRequest } from './native.js'
import { takenBytes } from './progress.js'
import type { HandOver, Wire, WireOwner } from './wire.js'
import { type Pending, writeNow } from './write-now.js'

/** One buffer shared by all connections: a buffer for every read costs a fifth of a small request. */
const bufferBytes = 65536
let shared: Buffer | null = null

/**
 * For tests: data that is only valid during a call is overwritten after it, so that a test fails if a view
 * was kept.
 */
const poisonsReads = process.env.CGIUP_TEST_POISON_READS === '1'

/** The value that overwrites it: neither ASCII, nor valid UTF-8, nor a FastCGI version. */
export const poison = 0xdb

/** Smaller chunks are copied out of the shared buffer: a separate buffer costs more. */
const own = 16384

const wireOf = Symbol('cgiup.wire')

interface WiredHandle extends Handle {
  [wireOf]: HandleWire
}

interface Request extends WriteRequest {
  wire?: HandleWire
  bytes?: number
  done?: (() => void) | undefined
}

function onRead(this: Handle, buffer?: ArrayBuffer): Uint8Array | undefined {
  return (this as WiredHandle)[wireOf].read(buffer)
}

function onWritten(this: Request, status: number): void {
  this.wire?.wrote(this, status)
}

/** An unused write request: most writes complete immediately. */
let spare: Request | null = null

const tellClosed = (wire: HandleWire): void => wire.tellClosed()

const openState = 0
/** Close once everything is written. */
const closing = 1
/** The peer was notified that nothing more follows. */
const ended = 2
const closed = 3

export class HandleWire implements Wire {
  queued = 0
  paused = false
  readonly #native: Native
  readonly #handle: Handle
  #owner: WireOwner | null = null
  #state: number = openState
  /** The connection was closed because of an error. */
  #broken = false
  #waiting: (() => void)[] | null = null
  /** The data that {@link queued} counts, in order. */
  readonly #pending: Pending[number][] = []
  /** Null: the handle still allocates a buffer for every read. */
  #current: Buffer | null = null
  /** `#current` belongs to this connection, and no code outside keeps a view of it yet. */
  #ownsCurrent = false
  #peer: Partial<AddressInfo> | undefined

  constructor(handle: Handle, native: Native) {
    this.#handle = handle
    this.#native = native
    ;(handle as WiredHandle)[wireOf] = this
    handle.onread = onRead
    handle.setNoDelay?.(true)
  }

  get destroyed(): boolean {
    return this.#state === closed
  }

  get writable(): boolean {
    return this.#state === openState
  }

  get taken(): number {
    return takenBytes(this.#handle, -this.queued)
  }

  get fd(): number | undefined {
    return this.#handle.fd
  }

  get remoteAddress(): string | undefined {
    return this.#peername().address
  }

  get remoteFamily(): string | undefined {
    return this.#peername().family
  }

  #peername(): Partial<AddressInfo> {
    if (this.#peer === undefined) {
      this.#peer = {}
      if (this.#state !== closed) this.#handle.getpeername?.(this.#peer)
    }
    return this.#peer
  }

  // --- input ---

  probe(owner: WireOwner): void {
    this.#owner = owner
    this.#readStart()
  }

  open(owner: WireOwner): void {
    this.#owner = owner
    if (this.#current === null && this.#state !== closed) {
      shared ??= Buffer.allocUnsafeSlow(bufferBytes)
      this.#current = shared
      this.#handle.useUserBuffer(shared)
    }
    this.resume()
  }

  pause(): void {
    this.paused = true
    if (this.#state === closed || !this.#handle.reading) return
    this.#handle.reading = false
    this.#handle.readStop()
  }

  resume(): void {
    this.paused = false
    this.#readStart()
  }

  #readStart(): void {
    const handle = this.#handle
    if (this.#state === closed || handle.reading) return
    handle.reading = true
    if (handle.readStart() !== 0) this.#break()
  }

  /** Handles received bytes, or the error; returns the buffer for the next read. */
  read(buffer: ArrayBuffer | undefined): Uint8Array | undefined {
    const { state, readBytesOrError, arrayBufferOffset } = this.#native
    const length = state[readBytesOrError] as number
    if (length === 0 || this.#state === closed) return undefined
    if (length < 0) {
      this.#handle.reading = false
      this.#owner?.gone()
      return undefined
    }
    const current = this.#current
    if (current === null) {
      this.#owner?.data(Buffer.from(buffer as ArrayBuffer, state[arrayBufferOffset], length), false)
      return undefined
    }
    // If a buffer is less than half full, the data is copied and the buffer reused.
    const give = this.#ownsCurrent && length > current.length >> 1
    if (give) this.#ownsCurrent = false
    const chunk = length === current.length ? current : current.subarray(0, length)
    this.#owner?.data(chunk, give)
    if (poisonsReads && !give) chunk.fill(poison)
    return this.#nextBuffer(current)
  }

  #nextBuffer(current: Buffer): Buffer | undefined {
    const whole = shared as Buffer
    const bytes = this.#owner?.ahead ?? 0
    let next: Buffer
    if (bytes === 0) next = whole
    else if (bytes < own) next = whole.subarray(0, bytes)
    else if (this.#ownsCurrent && current.length >= bytes) {
      this.#current = current.subarray(0, bytes)
      return this.#current
    } else {
      const memory = memoryFor(bytes)
      this.#current = memory.length === bytes ? memory : memory.subarray(0, bytes)
      this.#ownsCurrent = true
      return this.#current
    }
    this.#ownsCurrent = false
    if (next === current) return undefined
    this.#current = next
    return next
  }

  // --- output ---

  text(text: string): void {
    if (this.#state !== openState) return
    const request = this.#request()
    this.#sent(request, this.#handle.writeLatin1String(request, text), text, undefined)
  }

  bytes(pieces: readonly Uint8Array[], done?: () => void): void {
    if (this.#state !== openState) {
      done?.()
      return
    }
    const request = this.#request()
    const [only] = pieces
    const status =
      pieces.length === 1
        ? this.#handle.writeBuffer(request, only as Uint8Array)
        : this.#handle.writev(request, pieces, true)
    this.#sent(request, status, pieces, done)
  }

  #request(): Request {
    spare ??= new this.#native.WriteWrap() as Request
    return spare
  }

  #sent(request: Request, status: number, data: Pending[number], done: (() => void) | undefined): void {
    const { state, lastWriteWasAsync, bytesWritten } = this.#native
    if (status !== 0) {
      done?.()
      this.#break()
      return
    }
    if (state[lastWriteWasAsync] === 0) {
      done?.()
      return
    }
    spare = null
    request.wire = this
    request.bytes = state[bytesWritten] as number
    // Text has already been copied.
    request.buffer = typeof data === 'string' ? null : data
    request.done = done
    this.#pending.push(data)
    request.oncomplete = onWritten
    this.queued += request.bytes
  }

  /** A pending write has completed, or failed. */
  wrote(request: Request, status: number): void {
    this.queued -= request.bytes as number
    this.#pending.shift()
    const { done } = request
    // The request may stay in old space for a while: the bytes should not.
    request.buffer = null
    request.done = undefined
    done?.()
    if (this.#state === closed) return
    if (status < 0) {
      this.#break()
      return
    }
    if (this.queued > 0) return
    if (this.#state === closing) this.destroy()
    else this.#tellWaiting()
  }

  whenWritten(then: () => void): void {
    if (this.queued === 0 || this.#state === closed) then()
    else {
      this.#waiting ??= []
      this.#waiting.push(then)
    }
  }

  #tellWaiting(): void {
    const waiting = this.#waiting
    if (waiting === null) return
    this.#waiting = null
    for (const then of waiting) then()
  }

  // --- closing ---

  end(): void {
    if (this.#state !== openState) return
    this.#state = ended
    const request = new this.#native.ShutdownWrap()
    request.oncomplete = () => {}
    // libuv finishes pending writes first. A read detects a peer that has closed.
    this.#handle.shutdown(request)
  }

  destroySoon(): void {
    if (this.#state === closed) return
    if (this.queued === 0) this.destroy()
    else this.#state = closing
  }

  destroy(): void {
    if (this.#state === closed) return
    this.#close()
    this.#handle.close()
  }

  reset(): void {
    if (this.#state === closed) return
    this.#close()
    if (this.#handle.reset?.() !== 0) this.#handle.close()
  }

  #break(): void {
    if (this.#state === closed) return
    this.#broken = true
    this.destroy()
  }

  #close(): void {
    this.#state = closed
    this.#handle.reading = false
    process.nextTick(tellClosed, this)
  }

  tellClosed(): void {
    const owner = this.#owner
    if (this.#broken) owner?.gone()
    this.#owner = null
    this.#tellWaiting()
    owner?.closed()
  }

  lastText(text: string, deadline: number): boolean {
    if (this.#state === closed) return false
    if (this.queued === 0) {
      this.text(text)
      if (this.queued === 0) return true
      // The pending data cannot be withdrawn: the rest must follow.
      return this.#writeNow('', deadline)
    }
    return this.#writeNow(text, deadline)
  }

  #writeNow(text: string, deadline: number): boolean {
    const { fd, writeQueueSize } = this.#handle
    if (fd === undefined || fd < 0 || writeQueueSize === undefined) return false
    return writeNow(fd, this.#pending, writeQueueSize, text, deadline)
  }

  // --- handing over ---

  handOver(to: HandOver): boolean {
    if (this.#state !== openState) return false
    this.pause()
    // The other process then has its own descriptor: closing this one does not end the connection.
    to(this.#handle, () => this.destroy())
    return true
  }

  toSocket(first: Buffer | null): Socket {
    this.pause()
    this.#state = closed
    this.#owner = null
    const socket = socketOn(this.#handle)
    if (first !== null) socket.unshift(first)
    return socket
  }
}

/** A net.Socket on a handle that nothing else uses. */
export const socketOn = (handle: object): Socket =>
  new Socket({ handle, readable: true, writable: true } as object)
