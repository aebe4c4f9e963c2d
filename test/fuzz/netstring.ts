/** Properties of the SCGI codec that must hold for any input. Run by the tests and by `npm run fuzz`. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { RequestError } from '../../src/core/errors.js'
import { NetstringReader } from '../../src/scgi/codec/netstring.js'
import type { Property } from './codec.js'
import { mutant } from './mutants.js'
import { cutPlaces, cuts } from './records.js'

const limits = { maxParamsBytes: 3000, maxParams: 60, maxDiscardBytes: 5000 }

type Result =
  | { readonly list: readonly string[]; readonly length: number; readonly bodyAt: number }
  | string
  | null

/** The head, its error, or null if it is incomplete. */
const read = (bytes: Uint8Array, places: readonly number[]): Result => {
  const reader = new NetstringReader(limits)
  const ends = [...new Set(places.filter((at) => at > 0 && at < bytes.length))].sort((a, b) => a - b)
  let at = 0
  try {
    for (const end of [...ends, bytes.length]) {
      // A copy that is overwritten afterwards: the reader must not keep a reference to it.
      const chunk = Uint8Array.prototype.slice.call(bytes, at, end)
      const head = reader.push(chunk)
      chunk.fill(0xff)
      assert.ok(reader.retained <= Math.max(512, 2 * end, 0), `${reader.retained} bytes kept of ${end}`)
      assert.ok(reader.retained <= Math.max(512, limits.maxParamsBytes + 1))
      if (head?.refused) return `${head.refused.message}, body at ${at + head.bodyAt}`
      if (head !== null) return { list: head.params, length: head.contentLength, bodyAt: at + head.bodyAt }
      at = end
    }
  } catch (error) {
    if (!(error instanceof RequestError)) throw error
    return error.message
  }
  return null
}

/** The SCGI specification in the simplest form; null if the head is invalid or incomplete. */
const model = (bytes: Uint8Array): Result => {
  const text = Buffer.from(bytes).toString('latin1')
  const start = /^([1-9]\d*):/.exec(text)
  if (start === null || Number(start[1]) > limits.maxParamsBytes) return null
  const from = start[0].length
  const to = from + Number(start[1])
  if (text[to] !== ',' || text[to - 1] !== '\0') return null
  const list = text.slice(from, to - 1).split('\0')
  const names = list.filter((_, i) => i % 2 === 0)
  const repeats = names.filter((name, i) => names.indexOf(name) !== i)
  const valid =
    list.length % 2 === 0 &&
    names.length <= limits.maxParams &&
    names.every((name) => name !== '') &&
    repeats.every((name) => name.startsWith('HTTP_')) &&
    list[0] === 'CONTENT_LENGTH' &&
    /^\d{1,15}$/.test(list[1] as string) &&
    list[2 * names.indexOf('SCGI') + 1] === '1' &&
    names.includes('SCGI')
  return valid ? { list, length: Number(list[1]), bodyAt: to + 1 } : null
}

const holds = (bytes: Uint8Array, places: readonly number[]): void => {
  const once = read(bytes, [])
  assert.deepEqual(read(bytes, cutPlaces(places, bytes.length)), once)
  assert.deepEqual(typeof once === 'string' ? null : once, model(bytes))
  if (typeof once === 'string') assert.match(once, /byte \d+|maxParamsBytes/)
}

const item = fc.oneof(
  fc.constantFrom('CONTENT_LENGTH', 'SCGI', '1', '0', '12', 'HTTP_A', 'B', ''),
  fc.string({ maxLength: 8 }),
)

/** Valid and nearly valid heads. */
const nearly: fc.Arbitrary<Buffer> = fc
  .record({
    items: fc.array(item, { maxLength: 8 }),
    isRight: fc.boolean(),
    off: fc.constantFrom(0, 0, 0, 0, 1, -1),
    comma: fc.constantFrom(',', ',', ',', ';'),
    rest: fc.string({ maxLength: 5 }),
  })
  .map(({ items, isRight, off, comma, rest }) => {
    const all = isRight ? ['CONTENT_LENGTH', '5', 'SCGI', '1', ...items] : items
    const text = Buffer.from(all.map((one) => `${one}\0`).join(''))
    return Buffer.concat([Buffer.from(`${text.length + off}:`), text, Buffer.from(comma + rest)])
  })

export const scgiProperties: readonly Property[] = [
  {
    name: 'valid and nearly valid SCGI heads are read as in the specification, however they are split',
    runs: 1000,
    check: (options) => fc.assert(fc.property(nearly, cuts, holds), options),
  },
  {
    name: 'mutated SCGI recordings of real servers (bytes changed, removed, doubled or mixed) too',
    runs: 500,
    check: (options) => fc.assert(fc.property(mutant('scgi'), cuts, holds), options),
  },
  {
    name: 'SCGI: random bytes give only named errors',
    runs: 500,
    check: (options) => fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), cuts, holds), options),
  },
]
