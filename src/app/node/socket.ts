/**
 * A Duplex without the state of two streams: nothing is read from a request's socket, and writes go to the
 * response. A real Duplex is too slow for small responses.
 */
import { EventEmitter } from 'node:events'
import { Duplex } from 'node:stream'

/** Fields of a socket's `_writableState` that Node's responses and libraries read. */
class WritableSide {
  corked = 0
  readonly #socket: LightSocket

  constructor(socket: LightSocket) {
    this.#socket = socket
  }

  get length(): number {
    return this.#socket.writableLength
  }

  get needDrain(): boolean {
    return this.#socket.writableNeedDrain
  }

  get destroyed(): boolean {
    return this.#socket.destroyed
  }

  get ended(): boolean {
    return this.#socket.destroyed
  }

  get finished(): boolean {
    return this.#socket.destroyed
  }

  get highWaterMark(): number {
    return this.#socket.writableHighWaterMark
  }
}

export abstract class LightSocket extends EventEmitter {
  destroyed = false
  closed = false
  readonly errored = null
  readonly allowHalfOpen = true
  readonly _writableState = new WritableSide(this)
  #state: Duplex | undefined

  abstract get readable(): boolean
  abstract get writableLength(): number
  abstract get writableNeedDrain(): boolean

  /** For code that treats the socket as readable: a stream without data. */
  get _readableState(): unknown {
    this.#state ??= new Duplex()
    return (this.#state as unknown as { _readableState: unknown })._readableState
  }

  get writable(): boolean {
    return !this.destroyed
  }

  get writableCorked(): number {
    return this._writableState.corked
  }

  get writableEnded(): boolean {
    return this.destroyed
  }

  get writableFinished(): boolean {
    return this.destroyed
  }

  get writableHighWaterMark(): number {
    return highWaterMark
  }

  get readableHighWaterMark(): number {
    return highWaterMark
  }

  get readableEnded(): boolean {
    return false
  }

  cork(): void {
    this._writableState.corked++
  }

  uncork(): void {
    if (this._writableState.corked > 0) this._writableState.corked--
  }

  setDefaultEncoding(): this {
    return this
  }

  /** The socket is closed; 'close' follows. */
  protected shut(): void {
    this.destroyed = true
    process.nextTick(close, this)
  }
}

const { readableHighWaterMark: highWaterMark } = new Duplex()

function close(socket: LightSocket): void {
  socket.closed = true
  socket.emit('close')
}

// `instanceof Duplex` holds, and it has a Duplex's methods, except those for listeners, which need its state.
const { prototype } = LightSocket
Object.setPrototypeOf(prototype, Duplex.prototype)
for (const name of ['on', 'addListener', 'off', 'removeListener', 'removeAllListeners'] as const)
  Object.defineProperty(prototype, name, {
    value: EventEmitter.prototype[name],
    writable: true,
    configurable: true,
  })
