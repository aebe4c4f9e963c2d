/**
 * Reuses the memory for copies of large bodies once they are sent: filling newly allocated memory takes four
 * times as long as the copy itself.
 */

/** Smaller copies are allocated normally. */
const smallest = 64 * 1024
/** Maximum number of bytes kept for later copies. */
const most = 16 << 20

/** Copies that only the reply uses. */
const lent = new WeakSet<Uint8Array>()
/** Weak references: full garbage collections free the buffers. */
let free: WeakRef<Uint8Array>[] = []
let freeBytes = 0

/** A copy in separate memory, which is not zeroed first: that would take as long as the copy. */
export function copyOf(buffer: ArrayBufferLike, offset: number, length: number): Uint8Array {
  const memory = length < smallest ? Buffer.allocUnsafeSlow(length) : memoryFor(length)
  const copy = new Uint8Array(memory.buffer, 0, length)
  copy.set(new Uint8Array(buffer, offset, length))
  if (length >= smallest) lent.add(copy)
  return copy
}

/** A buffer of at least this many bytes, not zeroed, used by nobody else. */
export function memoryFor(length: number): Buffer {
  const found = free.length === 0 ? undefined : taken(length)
  return found === undefined ? Buffer.allocUnsafeSlow(length) : Buffer.from(found.buffer)
}

/** A free buffer that is large enough, and at most twice as large as needed. */
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

/** The bytes were sent or never will be: nothing uses them any more. */
export function giveBack(bytes: Uint8Array): void {
  if (lent.delete(bytes)) reuse(bytes)
}

/** Nothing else uses the memory of these bytes. */
export function reuse(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (freeBytes + buffer.byteLength > most) return
  freeBytes += buffer.byteLength
  // What was used last is still in the CPU caches, so it is reused first.
  free.unshift(new WeakRef(new Uint8Array(buffer)))
}
