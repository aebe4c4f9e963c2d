/**
 * Memory for copies of large bodies, used again once they are sent: fresh memory takes four times as long
 * to fill as the copy itself.
 */

/** Smaller copies take memory of their own. */
const smallest = 64 * 1024
/** Bytes that are kept at most for the next copies. */
const most = 16 << 20

/** Copies that nobody but the reply has. */
const lent = new WeakSet<Uint8Array>()
/** Full collections take what is not needed again. */
let free: WeakRef<Uint8Array>[] = []
let freeBytes = 0

/** A copy, in memory of its own that need not be cleared first: that takes as long as the copy. */
export function copyOf(buffer: ArrayBufferLike, offset: number, length: number): Uint8Array {
  const memory = length < smallest ? Buffer.allocUnsafeSlow(length) : memoryFor(length)
  const copy = new Uint8Array(memory.buffer, 0, length)
  copy.set(new Uint8Array(buffer, offset, length))
  if (length >= smallest) lent.add(copy)
  return copy
}

/** Of this many bytes or more, not cleared, and nobody else's. */
export function memoryFor(length: number): Buffer {
  const found = free.length === 0 ? undefined : taken(length)
  return found === undefined ? Buffer.allocUnsafeSlow(length) : Buffer.from(found.buffer)
}

/** Memory that is not more than twice as large. */
function taken(length: number): Uint8Array | undefined {
  const kept: WeakRef<Uint8Array>[] = []
  let found: Uint8Array | undefined
  freeBytes = 0
  for (const reference of free) {
    const memory = reference.deref()
    if (memory === undefined) continue
    if (found === undefined && memory.length >= length && memory.length <= 2 * length) found = memory
    else {
      kept.push(reference)
      freeBytes += memory.length
    }
  }
  free = kept
  return found
}

/** The bytes have another reader now: they are never given back. */
export function keepBytes(bytes: unknown): void {
  if (bytes instanceof Uint8Array) lent.delete(bytes)
}

export const isLent = (bytes: Uint8Array): boolean => lent.has(bytes)

/** The bytes were sent, or never will be: nobody looks at them any more. */
export function giveBack(bytes: Uint8Array): void {
  if (lent.delete(bytes)) reuse(bytes)
}

/** Nobody else has anything in the memory of these bytes. */
export function reuse(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (freeBytes + buffer.byteLength > most) return
  freeBytes += buffer.byteLength
  // The caches still know what was used last: it is taken first.
  free.unshift(new WeakRef(new Uint8Array(buffer)))
}
