/**
 * A connection whose kernel is simulated by a test: it determines what arrives, and when output is accepted.
 */
import type { Socket } from 'node:net'
import type { HandOver, Wire, WireOwner } from '../../src/socket/wire.js'

export class FakeWire implements Wire {
  /** Output that the peer accepted immediately, or later. */
  sent = ''
  taken = 0
  paused = true
  /** The peer accepts output. */
  takes = true
  readonly fd = undefined
  readonly remoteAddress = '127.0.0.1'
  readonly remoteFamily = 'IPv4'
  #state: 'open' | 'closing' | 'ended' | 'closed' = 'open'
  #queue = ''
  #waiting: (() => void)[] = []
  owner: WireOwner | null = null
  /** Completes what {@link handOver} has begun. */
  given: (() => void) | null = null

  get destroyed(): boolean {
    return this.#state === 'closed'
  }

  get writable(): boolean {
    return this.#state === 'open'
  }

  get queued(): number {
    return this.#queue.length
  }

  /** Bytes from the peer arrive only when they are read. */
  get reads(): boolean {
    return !this.paused && !this.destroyed && this.given === null
  }

  probe(owner: WireOwner): void {
    this.open(owner)
  }

  open(owner: WireOwner): void {
    this.owner = owner
    this.paused = false
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
    if (this.given !== null && !this.destroyed) throw new Error('a connection is read that was given away')
  }

  text(text: string): void {
    if (this.#state !== 'open') return
    this.#queue += text
    if (this.takes) this.#take()
  }

  bytes(pieces: readonly Uint8Array[], done?: () => void): void {
    this.text(pieces.map((piece) => Buffer.from(piece).toString('latin1')).join(''))
    done?.()
  }

  #take(): void {
    this.sent += this.#queue
    this.taken += this.#queue.length
    this.#queue = ''
  }

  /** The peer accepts all pending output. */
  drain(): void {
    this.takes = true
    this.#take()
    if (this.#state === 'closing') this.destroy()
    else if (this.#state !== 'closed') this.#tell()
  }

  #tell(): void {
    for (const then of this.#waiting.splice(0)) then()
  }

  whenWritten(then: () => void): void {
    if (this.queued === 0 || this.destroyed) then()
    else this.#waiting.push(then)
  }

  end(): void {
    if (this.#state === 'open') this.#state = 'ended'
  }

  destroySoon(): void {
    if (this.destroyed) return
    if (this.queued === 0) this.destroy()
    else this.#state = 'closing'
  }

  destroy(): void {
    if (this.destroyed) return
    this.#state = 'closed'
    process.nextTick(() => {
      this.#tell()
      this.owner?.closed()
      this.owner = null
    })
  }

  reset(): void {
    this.destroy()
  }

  lastText(text: string): boolean {
    if (this.destroyed) return false
    this.text(text)
    return this.takes
  }

  handOver(to: HandOver): boolean {
    if (this.#state !== 'open') return false
    this.pause()
    this.given = () => this.destroy()
    to({ readStop: () => 0, close() {} }, this.given)
    return true
  }

  toSocket(): Socket {
    throw new Error('not for this test')
  }
}
