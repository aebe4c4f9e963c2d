/** Reading a socket without a buffer for every read. */
import type { Socket } from 'node:net'
import { memoryFor } from '../memory.js'

const SIZE = 65536
let shared: Buffer | null = null

/** What net.Socket keeps for its documented option `onread`, which a server's sockets cannot be given. */
interface Insides {
  readonly [name: symbol]: unknown
  readonly _handle?: { useUserBuffer?(buffer: Uint8Array): void }
}

/** Smaller pieces are copied: memory of their own costs more. */
const OWN = 16384

export interface Taker {
  /** @param own the chunk may be kept; else it is good only until this returns */
  data(chunk: Buffer, own: boolean): void
  /**
   * How many bytes of one piece come next, with what follows it and is not kept: they are read into memory
   * that can be given away. 0 when it is not known, or not wanted.
   */
  readonly ahead: number
}

/**
 * Hands over what comes in one buffer that all sockets share. A buffer for every read costs a fifth of a
 * small request; a copy of every piece costs a fifth of a large body, which is therefore read into memory
 * of its own.
 *
 * @returns false where this Node cannot do it; nothing has happened then.
 */
export const readShared = (socket: Socket, taker: Taker): boolean => {
  // On Windows a read is under way in its buffer before the bytes are there.
  if (process.platform === 'win32') return false
  const insides = socket as unknown as Insides
  const handle = insides._handle
  const symbols = symbolsOf(socket)
  if (symbols === null || typeof handle?.useUserBuffer !== 'function') return false
  shared ??= Buffer.allocUnsafeSlow(SIZE)
  const whole = shared
  let current = whole
  /** `current` is this socket's, and nobody keeps it yet. */
  let own = false
  const onRead = (length: number): boolean => {
    // What is less than half full is copied, and the memory used again.
    const give = own && length > current.length >> 1
    if (give) own = false
    taker.data(length === current.length ? current : current.subarray(0, length), give)
    return true
  }
  const nextBuffer = (): Buffer | undefined => {
    const bytes = taker.ahead
    if (bytes === 0) {
      if (current === whole) return undefined
      own = false
      current = whole
    } else if (bytes < OWN) {
      own = false
      current = whole.subarray(0, bytes)
    } else if (own && current.length >= bytes) current = current.subarray(0, bytes)
    else {
      own = true
      const memory = memoryFor(bytes)
      current = memory.length === bytes ? memory : memory.subarray(0, bytes)
    }
    return current
  }
  Object.assign(socket, {
    [symbols.buffer]: whole,
    [symbols.callback]: onRead,
    [symbols.generator]: nextBuffer,
  })
  handle.useUserBuffer(whole)
  return true
}

interface Symbols {
  readonly buffer: symbol
  readonly callback: symbol
  readonly generator: symbol
}

let known: Symbols | null | undefined

const symbolsOf = (socket: Socket): Symbols | null => {
  if (known !== undefined) return known
  const find = (name: string) =>
    Object.getOwnPropertySymbols(socket).find(({ description }) => description === name)
  const buffer = find('kBuffer')
  const callback = find('kBufferCb')
  const generator = find('kBufferGen')
  known = buffer && callback && generator ? { buffer, callback, generator } : null
  return known
}
