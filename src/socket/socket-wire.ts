/** A connection on a net.Socket, for systems on which Node's handles cannot be used directly. */
import type { Socket } from 'node:net'
import { descriptorOf, takenBytes } from './progress.js'
import type { HandOver, SocketHandle, Wire, WireOwner } from './wire.js'

const nothing = new Uint8Array(0)

export class SocketWire implements Wire {
  readonly #socket: Socket
  #owner: WireOwner | null = null
  #begun = false

  constructor(socket: Socket) {
    this.#socket = socket
  }

  get destroyed(): boolean {
    return this.#socket.destroyed
  }

  get writable(): boolean {
    return this.#socket.writable
  }

  get queued(): number {
    return this.#socket.writableLength
  }

  get taken(): number {
    return takenBytes(this.#handle, -this.#socket.writableLength)
  }

  get fd(): number | undefined {
    return descriptorOf(this.#handle)
  }

  get #handle(): unknown {
    return (this.#socket as unknown as { readonly _handle?: unknown })._handle
  }

  get paused(): boolean {
    return this.#socket.isPaused()
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress
  }

  get remoteFamily(): string | undefined {
    return this.#socket.remoteFamily
  }

  probe(owner: WireOwner): void {
    this.open(owner)
  }

  open(owner: WireOwner): void {
    this.#owner = owner
    if (!this.#begun) {
      this.#begun = true
      this.#socket
        .on('data', this.#onData)
        .on('end', this.#onGone)
        .on('error', this.#onGone)
        .on('close', this.#onClose)
    }
    this.#socket.resume()
  }

  readonly #onData = (chunk: Buffer): void => this.#owner?.data(chunk, false)
  readonly #onGone = (): void => this.#owner?.gone()
  readonly #onClose = (): void => this.#owner?.closed()

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  text(text: string): void {
    if (this.#socket.writable) this.#socket.write(text, 'latin1')
  }

  bytes(pieces: readonly Uint8Array[], done?: () => void): void {
    const socket = this.#socket
    if (!socket.writable) {
      done?.()
      return
    }
    socket.cork()
    for (const piece of pieces) socket.write(piece)
    // An empty write after the last chunk: once it has completed or failed, so have all chunks.
    if (done !== undefined) socket.write(nothing, done)
    socket.uncork()
  }

  whenWritten(then: () => void): void {
    const socket = this.#socket
    if (socket.destroyed || socket.writableLength === 0) then()
    else if (socket.writable) socket.write(nothing, () => then())
    else socket.once('close', then)
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  destroySoon(): void {
    // The kernel has all data: a shutdown before the close would only cost a turn of the event loop.
    if (this.#socket.writableLength === 0) this.#socket.destroy()
    else this.#socket.destroySoon()
  }

  reset(): void {
    this.#socket.resetAndDestroy()
  }

  lastText(text: string): boolean {
    const waited = this.#socket.writableLength > 0
    this.text(text)
    return !waited
  }

  handOver(to: HandOver): boolean {
    const handle = (this.#socket as unknown as { readonly _handle?: Partial<SocketHandle> | null })._handle
    if (this.#socket.destroyed || typeof handle?.readStop !== 'function') return false
    handle.readStop()
    // The other process then has its own descriptor: closing this one does not end the connection.
    to(handle as SocketHandle, () => this.#socket.destroy())
    return true
  }

  toSocket(first: Buffer | null): Socket {
    const socket = this.#socket
    socket
      .off('data', this.#onData)
      .off('end', this.#onGone)
      .off('error', this.#onGone)
      .off('close', this.#onClose)
    socket.pause()
    if (first !== null) socket.unshift(first)
    return socket
  }
}
