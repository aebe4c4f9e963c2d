/** What goes out on one connection: what is ready in one turn of the event loop leaves in one write. */
import type { Socket } from 'node:net'
import { giveBack, isLent } from '../memory.js'
import { writeRecords } from './stdout.js'

/** Those that have something to write; one tick serves all, as where one event goes to many clients. */
let waiting: Output[] = []

const flushAll = (): void => {
  const all = waiting
  waiting = []
  for (const output of all) output.release()
}

const NOTHING = new Uint8Array(0)

export class Output {
  readonly #socket: Socket
  #text = ''
  #scheduled = false
  #ending: 'no' | 'half' | 'whole' = 'no'

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** What is sent from now on waits for {@link release}: more of it is about to be ready. */
  hold(): void {
    this.#scheduled = true
  }

  release(): void {
    this.#scheduled = false
    this.#write()
    const socket = this.#socket
    if (this.#ending === 'no' || socket.destroyed) return
    if (this.#ending === 'half') {
      socket.end()
      return
    }
    // The kernel has all of it: a shutdown before the close would only cost a turn of the event loop.
    if (socket.writableLength === 0) socket.destroy()
    else socket.destroySoon()
  }

  /** Records as Latin-1 text, written at the end of this turn. */
  send(text: string): void {
    this.#text += text
    if (this.#scheduled) return
    this.#scheduled = true
    if (waiting.push(this) === 1) process.nextTick(flushAll)
  }

  /** Large content as STDOUT records, at once and not copied, behind what waits. False when enough waits. */
  bytes(id: number, bytes: Uint8Array): boolean {
    const socket = this.#socket
    let more = true
    socket.cork()
    this.#write()
    writeRecords(id, bytes, (piece) => {
      more = socket.write(piece)
    })
    // Behind the last piece: when this was written, or has failed, all were.
    if (isLent(bytes)) socket.write(NOTHING, () => giveBack(bytes))
    socket.uncork()
    return more
  }

  /** More waits to be written than the socket likes. */
  get full(): boolean {
    return this.#socket.writableLength + this.#text.length >= this.#socket.writableHighWaterMark
  }

  /** Resolves true when more can be written, false when the connection is gone. */
  drained(): Promise<boolean> {
    const socket = this.#socket
    this.#write()
    if (socket.destroyed) return Promise.resolve(false)
    if (!socket.writableNeedDrain) return Promise.resolve(true)
    return new Promise((resolve) => {
      const settle = () => {
        socket.off('drain', settle)
        socket.off('close', settle)
        resolve(!socket.destroyed)
      }
      socket.on('drain', settle)
      socket.on('close', settle)
    })
  }

  /** Closes the connection once all is written. */
  end(): void {
    this.#ending = 'whole'
    this.send('')
  }

  /** Calls back once the kernel has all that was sent; not when the connection is gone before. */
  written(then: () => void): void {
    process.nextTick(() => {
      this.#write()
      if (this.#socket.writableLength === 0) then()
      else this.#socket.once('drain', then)
    })
  }

  /** Tells the peer that nothing more comes, once all is written; what it still sends is read. */
  endWriting(): void {
    if (this.#ending === 'no') this.#ending = 'half'
    this.send('')
  }

  #write(): void {
    const text = this.#text
    if (text === '') return
    this.#text = ''
    if (this.#socket.writable) this.#socket.write(text, 'latin1')
  }
}
