/** The output of one connection: everything ready in one turn of the event loop goes out in one write. */
import { giveBack, isLent } from '../../core/buffers.js'
import { highWater, type Wire } from '../../socket/wire.js'
import { writeRecords } from '../codec/stdout.js'
import type { ConnectionState } from './states.js'

/** Outputs with pending data; one tick serves all, for example when one event goes to many clients. */
let waiting: Output[] = []

function flushAll(): void {
  const all = waiting
  waiting = []
  for (const output of all) output.release()
}

/** The connection, which may end after its output. */
interface Ending {
  readonly state: ConnectionState
  step(event: 'close' | 'halfClose'): void
}

export class Output {
  readonly #wire: Wire
  #text = ''
  #scheduled = false
  readonly #connection: Ending

  constructor(wire: Wire, connection: Ending) {
    this.#wire = wire
    this.#connection = connection
  }

  /** Holds back further output until {@link release}: more of it will be ready soon. */
  hold(): void {
    this.#scheduled = true
  }

  release(): void {
    this.#scheduled = false
    this.#write()
    const { state } = this.#connection
    if (state === 'half-closed') this.#wire.end()
    else if (state === 'closing') this.#wire.destroySoon()
  }

  /** Records as Latin-1 text, written at the end of this turn. */
  send(text: string): void {
    this.#text += text
    if (this.#scheduled) return
    this.#scheduled = true
    if (waiting.push(this) === 1) process.nextTick(flushAll)
  }

  /**
   * Large content as STDOUT records, sent immediately after pending output, without copying. False if much is
   * pending.
   */
  bytes(id: number, bytes: Uint8Array): boolean {
    const pieces: Uint8Array[] = []
    if (this.#text !== '') pieces.push(Buffer.from(this.#text, 'latin1'))
    this.#text = ''
    writeRecords(id, bytes, (piece) => pieces.push(piece))
    this.#wire.bytes(pieces, isLent(bytes) ? () => giveBack(bytes) : undefined)
    return this.#wire.queued < highWater
  }

  /** Whether more is pending than the socket should buffer. */
  get full(): boolean {
    return this.#wire.queued + this.#text.length >= highWater
  }

  /** Resolves true when more can be written, false when the connection is closed. */
  drained(): Promise<boolean> {
    const wire = this.#wire
    this.#write()
    return new Promise((resolve) => wire.whenWritten(() => resolve(!wire.destroyed)))
  }

  /** Writes all output synchronously, for a process that ends. False if the peer does not read it in time. */
  last(deadline: number): boolean {
    const text = this.#text
    this.#text = ''
    return this.#wire.lastText(text, deadline)
  }

  /** Closes the connection once everything is written. */
  end(): void {
    this.#connection.step('close')
    this.send('')
  }

  /** Calls back once the kernel has all output; not if the connection is closed before. */
  written(then: () => void): void {
    process.nextTick(() => {
      this.#write()
      this.#wire.whenWritten(() => {
        if (!this.#wire.destroyed) then()
      })
    })
  }

  /** Half-closes the connection once everything is written; further input is still read. */
  endWriting(): void {
    this.#connection.step('halfClose')
    this.send('')
  }

  #write(): void {
    const text = this.#text
    if (text === '') return
    this.#text = ''
    this.#wire.text(text)
  }
}
