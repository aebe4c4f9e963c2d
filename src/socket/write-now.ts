/** Writes synchronously to a non-blocking descriptor that is also written in the background. */
import { writeSync } from 'node:fs'

/** How long to wait for one reader in total, in milliseconds. */
const mostMs = 200

const pauseMs = 2

/** Data waiting to be written, in order. */
export type Pending = readonly (string | readonly Uint8Array[])[]

/**
 * Writes the rest of `pending`, and `text` after it. False if the reader did not accept it in time.
 *
 * @param left bytes at the end of `pending` that are not written yet
 * @param text Latin-1
 * @param most `Date.now()` until which the reader is waited for at most
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
