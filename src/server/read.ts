/** Reading a socket without a buffer for every read. */
import type { Socket } from 'node:net'

const SIZE = 65536
let buffer: Buffer | null = null

/** What net.Socket keeps for its documented option `onread`, which a server's sockets cannot be given. */
interface Insides {
  readonly [name: symbol]: unknown
  readonly _handle?: { useUserBuffer?(buffer: Uint8Array): void }
}

/**
 * Hands over what comes in one buffer that all sockets share: a chunk is good only until `take` returns.
 * A buffer for every read costs a fifth of a small request.
 *
 * @returns false where this Node cannot do it; nothing has happened then.
 */
export const readShared = (socket: Socket, take: (chunk: Buffer) => void): boolean => {
  // On Windows a read is under way in its buffer before the bytes are there.
  if (process.platform === 'win32') return false
  const insides = socket as unknown as Insides
  const handle = insides._handle
  const symbols = symbolsOf(socket)
  if (symbols === null || typeof handle?.useUserBuffer !== 'function') return false
  buffer ??= Buffer.allocUnsafeSlow(SIZE)
  const whole = buffer
  const onRead = (length: number): boolean => {
    take(length === SIZE ? whole : whole.subarray(0, length))
    return true
  }
  Object.assign(socket, { [symbols.buffer]: whole, [symbols.callback]: onRead })
  handle.useUserBuffer(whole)
  return true
}

interface Symbols {
  readonly buffer: symbol
  readonly callback: symbol
}

let known: Symbols | null | undefined

const symbolsOf = (socket: Socket): Symbols | null => {
  if (known !== undefined) return known
  const find = (name: string) =>
    Object.getOwnPropertySymbols(socket).find(({ description }) => description === name)
  const buffer = find('kBuffer')
  const callback = find('kBufferCb')
  known = buffer && callback && find('kBufferGen') ? { buffer, callback } : null
  return known
}
