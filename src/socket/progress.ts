/** Whether the peer of a connection takes what is written to it. */

import { sendQueue } from './send-queue.js'

/** Node's own object behind a socket, as far as it tells. */
interface Counts {
  /** Bytes of all writes so far. */
  readonly bytesWritten?: unknown
  /** Those of them that the kernel has not taken yet. */
  readonly writeQueueSize?: unknown
  readonly fd?: unknown
}

/**
 * Bytes that the kernel has taken: a single large write shows its progress only there.
 *
 * @param handle of a socket; another number that changes with progress where it does not tell
 * @param otherwise what to give then
 */
export function takenBytes(handle: unknown, otherwise: number): number {
  const { bytesWritten, writeQueueSize } = (handle ?? {}) as Counts
  if (typeof bytesWritten !== 'number' || typeof writeQueueSize !== 'number') return otherwise
  return bytesWritten - writeQueueSize
}

/** The descriptor of a socket, where Node tells it. */
export function descriptorOf(handle: unknown): number | undefined {
  const { fd } = (handle ?? {}) as Counts
  return typeof fd === 'number' ? fd : undefined
}

/** Since when nothing moves; asked now and then. */
export class Progress {
  #mark = -1
  #since = 0
  /** What the peer had not taken when half of the time was over. */
  #unsent: number | null = null

  /**
   * Whether the peer has taken nothing for longer than a limit.
   *
   * The kernel takes more only when a third of what it holds, which may be a megabyte, is with the peer: one
   * that is slow looks like one that takes nothing, until the kernel is asked.
   *
   * @param pending something waits to be taken
   * @param mark a number that changes with everything that moves
   * @param limitMs in milliseconds
   * @param fd of the socket
   */
  overdue(pending: boolean, mark: number, now: number, limitMs: number, fd: number | undefined): boolean {
    if (!pending || mark !== this.#mark) {
      this.#mark = pending ? mark : -1
      this.#since = now
      this.#unsent = null
      return false
    }
    const stalled = now - this.#since
    const before = this.#unsent
    if (stalled <= (before === null ? limitMs / 2 : limitMs)) return false
    this.#unsent = sendQueue(fd) ?? 0
    if (before !== null && this.#unsent >= before) return true
    if (before !== null) this.#since = now
    return false
  }
}
