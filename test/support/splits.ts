/**
 * The same bytes in every split that a codec may meet: complete, byte by byte, followed by other bytes, in
 * two chunks at each offset. Every codec test uses these for its input.
 */
export interface Split {
  readonly name: string
  readonly pieces: readonly Uint8Array[]
  /** Bytes that follow the input and do not belong to it. */
  readonly tail: Uint8Array
}

const empty = new Uint8Array(0)

export function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? new Uint8Array(Buffer.from(text, 'latin1')) : text
}

export function splits(input: string | Uint8Array, tailText = 'tail\n\nof\r\n\r\nbytes'): Split[] {
  const bytes = bytesOf(input)
  const tail = bytesOf(tailText)
  const all: Split[] = [
    { name: 'whole', pieces: [bytes], tail: empty },
    { name: 'byte by byte', pieces: Array.from(bytes, (byte) => new Uint8Array([byte])), tail: empty },
    { name: 'with a tail', pieces: [concat([bytes, tail])], tail },
    {
      name: 'byte by byte, with a tail',
      pieces: Array.from(concat([bytes, tail]), (b) => new Uint8Array([b])),
      tail,
    },
    {
      name: 'with empty pieces',
      pieces: [empty, bytes.subarray(0, 3), empty, bytes.subarray(3), tail],
      tail,
    },
  ]
  const step = Math.max(1, Math.floor(bytes.length / 64))
  for (let at = 1; at < bytes.length; at += step) {
    all.push({ name: `cut at ${at}`, pieces: [bytes.subarray(0, at), bytes.subarray(at)], tail: empty })
  }
  return all
}

export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces))
}
