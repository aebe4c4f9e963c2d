/** File descriptors: reading in a thread, finding out their type, giving them up. */
import { closeSync, fstatSync, openSync, read } from 'node:fs'
import type { ByteSource } from './stdin.js'

const maxRetryMs = 16

/**
 * Reads without a stream: a stream would make the descriptor non-blocking, also for the reply if both are one
 * socket (mod_cgid), and `process.stdin` costs an eighth of the start time of an empty Node process.
 */
export class DescriptorSource implements ByteSource {
  readonly #fd: number
  /** A thread is busy reading; the process cannot end before it is done. */
  pending = false

  constructor(fd: number) {
    this.#fd = fd
  }

  /** False for a file or /dev/null: nobody waits for those to be read. */
  get drainable(): boolean {
    return isFlow(this.#fd)
  }

  async read(size: number): Promise<Uint8Array | null> {
    const buffer = Buffer.allocUnsafeSlow(size)
    for (let retryMs = 1; ; retryMs = Math.min(maxRetryMs, retryMs * 2)) {
      const count = await this.#readInto(buffer)
      if (count === 0) return null
      // Copied, so that a small chunk does not keep a large buffer in memory.
      if (count > 0)
        return count * 4 < size ? Buffer.from(buffer.subarray(0, count)) : buffer.subarray(0, count)
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
  }

  /** Bytes read; 0 at the end, -1 if the descriptor is non-blocking and there are none yet. */
  #readInto(buffer: Buffer): Promise<number> {
    this.pending = true
    return new Promise((resolve, reject) => {
      read(this.#fd, buffer, 0, buffer.length, null, (error, count) => {
        this.pending = false
        if (!error) resolve(count)
        else if (error.code === 'EAGAIN') resolve(-1)
        else reject(error)
      })
    })
  }
}

/** Whether it is a pipe or a socket, so that there is a peer. */
export function isFlow(fd: number): boolean {
  try {
    const stat = fstatSync(fd)
    return stat.isFIFO() || stat.isSocket()
  } catch {
    return false
  }
}

/**
 * Closes our side of a descriptor but keeps its number occupied, so that no file opened later is mistaken for
 * it.
 */
export function detach(fd: 0 | 1 | 2): void {
  try {
    closeSync(fd)
  } catch {
    // The descriptor was not open.
  }
  openSync('/dev/null', fd === 0 ? 'r' : 'w')
}
