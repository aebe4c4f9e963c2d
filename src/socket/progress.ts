/** Whether the peer of a connection accepts what is written to it. */

import { sendQueue } from './send-queue.js'

/** Node's own object behind a socket, as far as it is accessible. */
interface Counts {
  /** Bytes of all writes so far. */
  readonly bytesWritten?: unknown
  /** The part that the kernel has not accepted yet. */
  readonly writeQueueSize?: unknown
  readonly fd?: unknown
}

/**
 * Bytes that the kernel has accepted: only this shows the progress of a single large write.
 *
 * @param handle of a socket
 * @param otherwise the result if the handle has no counts; it must change with progress, too
 */
export function takenBytes(handle: unknown, otherwise: number): number {
  const { bytesWritten, writeQueueSize } = (handle ?? {}) as Counts
  if (typeof bytesWritten !== 'number' || typeof writeQueueSize !== 'number') return otherwise
  return bytesWritten - writeQueueSize
}

/** The descriptor of a socket, if Node exposes it. */
export function descriptorOf(handle: unknown): number | undefined {
  const { fd } = (handle ?? {}) as Counts
  return typeof fd === 'number' ? fd : undefined
}

/** Tracks how long there has been no progress; polled regularly. */
export class Progress {
  #mark = -1
  #since = 0
  /** What the peer had not acknowledged at half of the limit. */
  #unsent: number | null = null

  /**
   * Whether the peer has accepted nothing for longer than a limit.
   *
   * The kernel accepts more only after the peer has acknowledged a third of the kernel's buffer, which may be
   * a megabyte: a slow peer looks stalled until the kernel is queried.
   *
   * @param pending something is waiting to be sent
   * @param mark a number that changes with any progress
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
