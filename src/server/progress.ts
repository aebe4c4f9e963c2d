/** Whether the peer of a connection takes what is written to it. */

/** Node's own object behind a socket, as far as it tells. */
interface Counts {
  /** Bytes of all writes so far. */
  readonly bytesWritten?: unknown
  /** Those of them that the kernel has not taken yet. */
  readonly writeQueueSize?: unknown
}

/**
 * Bytes that the kernel has taken: a single large write shows its progress only there.
 *
 * @param handle of a socket; another number that changes with progress where it does not tell
 * @param otherwise what to give then
 */
export const takenBytes = (handle: unknown, otherwise: number): number => {
  const { bytesWritten, writeQueueSize } = (handle ?? {}) as Counts
  if (typeof bytesWritten !== 'number' || typeof writeQueueSize !== 'number') return otherwise
  return bytesWritten - writeQueueSize
}

/** Since when nothing moves; asked now and then. */
export class Progress {
  #mark = -1
  #since = 0

  /**
   * For how long nothing has moved, in milliseconds.
   *
   * @param pending something waits to be taken
   * @param mark a number that changes with everything that moves
   */
  stalledFor(pending: boolean, mark: number, now: number): number {
    if (!pending || mark !== this.#mark) {
      this.#mark = pending ? mark : -1
      this.#since = now
      return 0
    }
    return now - this.#since
  }
}
