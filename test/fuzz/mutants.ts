/** Mutated recordings of real servers. */
import fc from 'fast-check'
import { recordings, sentBytes } from '../env/captures.js'

/** Longer ones are truncated: the interesting part is the head. */
const MOST = 6000

const seedsOf = (kind: 'fastcgi' | 'scgi'): readonly Buffer[] =>
  recordings
    .flatMap(({ requests }) => requests)
    .filter((request) => request.kind === kind)
    .map((request) => sentBytes(request).bytes.subarray(0, MOST))

const seeds = { fastcgi: undefined, scgi: undefined } as Record<
  'fastcgi' | 'scgi',
  readonly Buffer[] | undefined
>

type Change = (bytes: Buffer, at: number, length: number, other: Buffer) => Buffer

const interesting = [0, 1, 2, 4, 5, 0x2c, 0x30, 0x3a, 0x7f, 0x80, 0xff]

const changes: readonly Change[] = [
  // Flip a bit.
  (bytes, at, length) => {
    const copy = Buffer.from(bytes)
    if (copy.length > 0) copy[at] = (copy[at] as number) ^ (1 << (length & 7))
    return copy
  },
  // Overwrite a byte with one that has a special meaning.
  (bytes, at, length) => {
    const copy = Buffer.from(bytes)
    if (copy.length > 0) copy[at] = interesting[length % interesting.length] as number
    return copy
  },
  // Four bytes: a large length.
  (bytes, at, length) => {
    const copy = Buffer.from(bytes)
    if (copy.length - at >= 4) copy.writeUInt32BE((0x80000000 + length * 0x10101) >>> 0, at)
    return copy
  },
  (bytes, at, length) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]),
  (bytes, at, length) =>
    Buffer.concat([
      bytes.subarray(0, at + length),
      bytes.subarray(at, at + length),
      bytes.subarray(at + length),
    ]),
  (bytes, at) => bytes.subarray(0, at),
  (bytes, at, length) => Buffer.concat([bytes.subarray(0, at), Buffer.alloc(length), bytes.subarray(at)]),
  (bytes, at, length, other) =>
    Buffer.concat([bytes.subarray(0, at), other.subarray(0, length * 4), bytes.subarray(at)]),
  (bytes, _at, _length, other) => Buffer.concat([bytes, other]),
]

const change = fc.tuple(
  fc.nat(changes.length - 1),
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.oneof(fc.nat(8), fc.nat(300)),
  fc.nat(10_000),
)

/** A recording of a FastCGI or SCGI request with up to four changes. */
export const mutant = (kind: 'fastcgi' | 'scgi'): fc.Arbitrary<Buffer> => {
  seeds[kind] ??= seedsOf(kind)
  const all = seeds[kind]
  return fc
    .tuple(fc.nat(all.length - 1), fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([seed, steps]) => {
      let bytes = all[seed] as Buffer
      for (const [which, part, length, other] of steps) {
        const at = Math.min(bytes.length - 1, Math.floor(part * bytes.length))
        bytes = (changes[which] as Change)(bytes, Math.max(0, at), length, all[other % all.length] as Buffer)
      }
      return bytes
    })
}
