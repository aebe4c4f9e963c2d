/** Node's internals behind a net.Socket, if they look as expected. */
import type { AddressInfo } from 'node:net'

/** `TCP` and `Pipe` of libuv. */
export interface Handle {
  reading: boolean
  onread: ((this: Handle, buffer?: ArrayBuffer) => Uint8Array | undefined) | undefined
  readStart(): number
  readStop(): number
  useUserBuffer(buffer: Uint8Array): void
  writeLatin1String(request: WriteRequest, text: string): number
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number
  writev(request: WriteRequest, pieces: readonly Uint8Array[], allBuffers: true): number
  shutdown(request: object): number
  close(): void
  /** Bytes waiting to be written. */
  readonly writeQueueSize?: number
  readonly fd?: number
  /** TCP only. */
  setNoDelay?(on: boolean): number
  reset?(): number
  getpeername?(address: Partial<AddressInfo>): number
}

/** `WriteWrap`: receives the completion of a pending write. */
export interface WriteRequest {
  oncomplete?: (this: this, status: number) => void
  /** Keeps bytes alive until they are written. */
  buffer?: unknown
}

export interface Native {
  readonly WriteWrap: new () => WriteRequest
  readonly ShutdownWrap: new () => { oncomplete?: () => void }
  /** Results of the last call of a handle, at the indexes below. */
  readonly state: Int32Array
  readonly readBytesOrError: number
  readonly arrayBufferOffset: number
  readonly bytesWritten: number
  readonly lastWriteWasAsync: number
}

const methods = [
  'readStart',
  'readStop',
  'useUserBuffer',
  'writeLatin1String',
  'writeBuffer',
  'writev',
  'shutdown',
  'close',
] as const

let known: Native | null | undefined

/**
 * The newest major version of Node whose handles the tests have run on (.ci/run; a test compares the two). A
 * newer Node may look the same but behave differently: there, connections are net.Sockets.
 */
export const newestTestedMajor = 26

/** Null if connections must be net.Sockets. */
export function native(): Native | null {
  if (known === undefined) known = find()
  return known
}

/** For tests: `null` makes all connections net.Sockets, `undefined` checks again. */
export function setNative(value: null | undefined): void {
  known = value === null ? null : find()
}

/** Classes of handles that have all required members: there are two. */
const checked = new Set<unknown>()

export function isHandle(handle: unknown): handle is Handle {
  if (typeof handle !== 'object' || handle === null) return false
  if (checked.has(handle.constructor)) return true
  const fits = methods.every((name) => typeof (handle as Record<string, unknown>)[name] === 'function')
  if (fits) checked.add(handle.constructor)
  return fits
}

function find(): Native | null {
  // On Windows a pending read already owns its buffer: it cannot be shared.
  if (process.platform === 'win32' || !allowed() || warnsOfBinding()) return null
  try {
    const { binding } = process as unknown as { binding(name: string): Record<string, unknown> }
    const found = binding.call(process, 'stream_wrap')
    const { WriteWrap, ShutdownWrap, streamBaseState: state } = found
    const places = {
      readBytesOrError: found.kReadBytesOrError,
      arrayBufferOffset: found.kArrayBufferOffset,
      bytesWritten: found.kBytesWritten,
      lastWriteWasAsync: found.kLastWriteWasAsync,
    }
    if (typeof WriteWrap !== 'function' || typeof ShutdownWrap !== 'function') return null
    if (!(state instanceof Int32Array)) return null
    for (const place of Object.values(places))
      if (typeof place !== 'number' || !(place < state.length)) return null
    return { WriteWrap, ShutdownWrap, state, ...places } as unknown as Native
  } catch {
    // Not Node, or a Node that denies access (--permission).
    return null
  }
}

/** `CGIUP_NET_SOCKET`: `0` allows handles on any Node, any other value forbids them. */
function allowed(): boolean {
  const wish = process.env.CGIUP_NET_SOCKET
  if (wish) return wish === '0'
  return Number.parseInt(process.versions.node, 10) <= newestTestedMajor
}

/** DEP0111: with --pending-deprecation, accessing it prints a warning. */
const warnsOfBinding = (): boolean =>
  process.execArgv.includes('--pending-deprecation') ||
  process.env.NODE_PENDING_DEPRECATION === '1' ||
  /--pending-deprecation\b/.test(process.env.NODE_OPTIONS ?? '')
