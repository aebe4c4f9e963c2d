/** Writes on a descriptor that somebody else writes on in the background, and that does not block. */
import { writeSync } from 'node:fs'

/** How long one reader may take altogether, in milliseconds. */
const mostMs = 200

const pauseMs = 2

/** What waits to be written: in its order, as it was given. */
export type Pending = readonly (string | readonly Uint8Array[])[]

/**
 * Writes what is left of `pending`, and `text` behind it. False when the reader did not take it in time.
 *
 * @param left bytes at the end of `pending` that are not written yet
 * @param text Latin-1
 * @param most `Date.now()` at which the reader is not waited for any longer, in any case
 */
export function writeNow(fd: number, pending: Pending, left: number, text: string, most: number): boolean {
  const deadline = Math.min(most, Date.now() + mostMs)
  return [...tail(pending, left), Buffer.from(text, 'latin1')].every((bytes) => write(fd, bytes, deadline))
}

function tail(pending: Pending, left: number): Uint8Array[] {
  const found: Uint8Array[] = []
  let wanted = left
  for (const piece of pending
    .flatMap((one) => (typeof one === 'string' ? Buffer.from(one, 'latin1') : one))
    .reverse()) {
    if (wanted === 0) break
    const part = piece.subarray(Math.max(0, piece.length - wanted))
    found.unshift(part)
    wanted -= part.length
  }
  return found
}

function write(fd: number, bytes: Uint8Array, deadline: number): boolean {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || Date.now() >= deadline) return false
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs)
    }
  }
  return true
}
