/** FastCGI records as data, in any valid encoding, written without code of the product. */
import fc from 'fast-check'

export const Type = {
  BEGIN: 1,
  ABORT: 2,
  END: 3,
  PARAMS: 4,
  STDIN: 5,
  STDOUT: 6,
  DATA: 8,
  GET_VALUES: 9,
} as const

/** One record before it is encoded. */
export interface Rec {
  readonly type: number
  readonly id: number
  readonly content: Uint8Array
  readonly padding: number
  /** The value of the reserved byte and of the padding: any value is allowed. */
  readonly fill: number
}

export const encodeRecords = (records: readonly Rec[]): Buffer =>
  Buffer.concat(
    records.map(({ type, id, content, padding, fill }) => {
      const bytes = Buffer.alloc(8 + content.length + padding, fill)
      bytes.set([1, type, id >> 8, id & 255, content.length >> 8, content.length & 255, padding, fill])
      bytes.set(content, 8)
      return bytes
    }),
  )

const EMPTY = new Uint8Array(0)

/** Padding of 0 to 255 bytes, mostly short. */
const padding = fc.oneof({ weight: 5, arbitrary: fc.nat(8) }, { weight: 1, arbitrary: fc.nat(255) })

const spelled = (type: number, id: number, content: Uint8Array): fc.Arbitrary<Rec> =>
  fc.record({ padding, fill: fc.nat(255) }).map((spelling) => ({ type, id, content, ...spelling }))

/** A stream (3.3): its bytes in records of any size, then the empty record. */
const stream = (type: number, id: number, bytes: Uint8Array): fc.Arbitrary<Rec[]> =>
  fc
    .array(fc.oneof(fc.nat(20), fc.nat(2000), fc.constantFrom(1, 8, 65_528, 65_535)), { maxLength: 6 })
    .chain((sizes) => {
      const contents: Uint8Array[] = []
      let at = 0
      for (const size of [...sizes.filter((size) => size > 0), ...ends(bytes.length)]) {
        if (at >= bytes.length) break
        contents.push(bytes.subarray(at, at + size))
        at += size
      }
      return fc.tuple(...[...contents, EMPTY].map((content) => spelled(type, id, content)))
    })

/** Enough full records for the remaining bytes. */
const ends = (length: number): number[] => Array.from({ length: Math.ceil(length / 65_535) }, () => 65_535)

/** Content of a possibly large length, cheap to create and to compare. */
const bulk = (length: number, seed: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (seed + i * 31 + (i >> 8)) & 255
  return bytes
}

export const bodyBytes: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    fc.oneof(
      { weight: 8, arbitrary: fc.nat(60) },
      { weight: 2, arbitrary: fc.nat(5000) },
      { weight: 1, arbitrary: fc.constantFrom(65_535, 65_536, 70_000, 150_000) },
    ),
    fc.nat(255),
  )
  .map(([length, seed]) => bulk(length, seed))

const latin1 = (maxLength: number) =>
  fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength })

const name = fc.oneof(
  fc.constantFrom('REQUEST_METHOD', 'HTTP_COOKIE', 'QUERY_STRING', 'HTTP_X', '__proto__', 'constructor', ''),
  fc.string({ unit: fc.constantFrom('A', 'B', '_'), minLength: 1, maxLength: 5 }),
  latin1(200),
)
const value = fc.oneof(
  latin1(20),
  latin1(200),
  fc.nat(70_000).map((length) => 'v'.repeat(length)),
)

/** Name-value pairs, repeats allowed. */
export const pairs: fc.Arbitrary<[string, string][]> = fc.array(fc.tuple(name, value), { maxLength: 6 })

const lengthBytes = (length: number, long: boolean): number[] =>
  length < 128 && !long
    ? [length]
    : [(length >>> 24) | 128, (length >> 16) & 255, (length >> 8) & 255, length & 255]

/** 3.4; a short length may be encoded in four bytes too. */
export const encodePairs = (list: readonly (readonly [string, string])[], long = false): Buffer =>
  Buffer.concat(
    list.flatMap(([n, v]) => [
      Buffer.from([...lengthBytes(n.length, long), ...lengthBytes(v.length, long)]),
      Buffer.from(n + v, 'latin1'),
    ]),
  )

export interface RequestShape {
  readonly id: number
  readonly role: number
  readonly keep: boolean
  readonly pairs: readonly (readonly [string, string])[]
  readonly stdin: Uint8Array
  readonly data: Uint8Array
  /** Number of records sent before ABORT_REQUEST, counted after BEGIN_REQUEST; null: no abort. */
  readonly abortAfter: number | null
}

const begin = ({ id, role, keep }: RequestShape, flags: number): fc.Arbitrary<Rec> =>
  spelled(
    Type.BEGIN,
    id,
    Uint8Array.of(role >> 8, role & 255, (flags & 254) | (keep ? 1 : 0), flags, 0, 0, 0, flags),
  )

/** The records of one request, in order. */
const requestRecords = (shape: RequestShape): fc.Arbitrary<Rec[]> =>
  fc
    .tuple(
      fc.nat(255).chain((flags) => begin(shape, flags)),
      fc.boolean().chain((long) => stream(Type.PARAMS, shape.id, encodePairs(shape.pairs, long))),
      shape.role === 2 ? fc.constant([]) : stream(Type.STDIN, shape.id, shape.stdin),
      shape.role === 3 ? stream(Type.DATA, shape.id, shape.data) : fc.constant([]),
      spelled(Type.ABORT, shape.id, EMPTY),
    )
    .map(([first, params, stdin, data, abort]) => {
      const rest = [...params, ...stdin, ...data]
      if (shape.abortAfter === null) return [first, ...rest]
      return [first, ...rest.slice(0, shape.abortAfter), abort]
    })

const otherTypes = fc.constantFrom(2, 3, 5, 6, 7, 10, 11, 12, 99, 255)

/** Records between those of requests: GET_VALUES, unknown types, records with ids that are not open. */
const betweens = (idle: number): fc.Arbitrary<Rec> =>
  fc.oneof(
    fc
      .subarray(['FCGI_MAX_CONNS', 'FCGI_MAX_REQS', 'FCGI_MPXS_CONNS', 'OTHER', '__proto__'])
      .chain((names) =>
        spelled(Type.GET_VALUES, 0, encodePairs([...names, ...names.slice(0, 1)].map((n) => [n, '']))),
      ),
    otherTypes.chain((type) => bodyBytes.chain((content) => spelled(type, 0, content.subarray(0, 65_535)))),
    fc
      .constantFrom(Type.STDIN, Type.PARAMS, Type.ABORT, Type.DATA, 77)
      .chain((type) => bodyBytes.chain((content) => spelled(type, idle, content.subarray(0, 500)))),
  )

/** Merges several queues of records into one, each queue in its own order. */
const interleave = (queues: readonly (readonly Rec[])[], picks: readonly number[]): Rec[] => {
  const left = queues.map((queue) => [...queue]).filter((queue) => queue.length > 0)
  const all: Rec[] = []
  for (let i = 0; left.length > 0; i++) {
    const at = (picks[i % Math.max(1, picks.length)] ?? 0) % left.length
    const queue = left[at] as Rec[]
    all.push(queue.shift() as Rec)
    if (queue.length === 0) left.splice(at, 1)
  }
  return all
}

/** Ids that a server may use; a few are reused often. */
const ids = [1, 2, 3, 255, 256, 4660, 65_535]
/** An id that no request has. */
const IDLE_ID = 999

export interface RoundOptions {
  readonly roles: readonly number[]
  /** The requests of a round are open at the same time. */
  readonly most: number
  readonly aborts: boolean
  /** Values of the parameter X_MODE; each request has one. */
  readonly modes?: readonly string[]
}

/** Simultaneous requests, their records mixed with each other and with other records. */
export interface Round {
  readonly requests: readonly RequestShape[]
  readonly records: readonly Rec[]
}

/** The difference between CONTENT_LENGTH and the length of STDIN; null: no CONTENT_LENGTH. */
const offs = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(null, 0) },
  { weight: 1, arbitrary: fc.constantFrom(1, -1) },
)
const softwares = fc.constantFrom('nginx/1.22.1', 'Apache/2.4', '')

/** Adds parameters that change how a request is served. */
const withMode = (modes: readonly string[]) => (shape: RequestShape) =>
  fc.tuple(fc.constantFrom(...modes), offs, softwares).map(([mode, off, software]): RequestShape => {
    const length = off === null ? 0 : shape.stdin.length + off
    const more: [string, string][] = [
      ['X_MODE', mode],
      ['SERVER_SOFTWARE', software],
    ]
    // An Authorizer has no body; -1 is not a length.
    if (off !== null && length > 0 && shape.role === 1) more.push(['CONTENT_LENGTH', `${length}`])
    return { ...shape, pairs: [...shape.pairs, ...more] }
  })

const shapes = ({ roles, most, aborts, modes }: RoundOptions): fc.Arbitrary<RequestShape[]> =>
  fc.uniqueArray(
    fc
      .record({
        id: fc.constantFrom(...ids),
        role: fc.constantFrom(...roles),
        keep: fc.boolean(),
        pairs,
        stdin: bodyBytes,
        data: bodyBytes,
        abortAfter: aborts ? fc.option(fc.nat(8), { freq: 3 }) : fc.constant(null),
      })
      .chain((shape) => (modes === undefined ? fc.constant(shape) : withMode(modes)(shape))),
    { selector: ({ id }) => id, minLength: 1, maxLength: most },
  )

const round = (options: RoundOptions): fc.Arbitrary<Round> =>
  shapes(options).chain((requests) =>
    fc
      .tuple(
        fc.tuple(...requests.map(requestRecords)),
        fc.array(betweens(IDLE_ID), { maxLength: 3 }),
        fc.array(fc.nat(20), { maxLength: 12 }),
      )
      .map(([queues, more, picks]) => ({ requests, records: interleave([...queues, more], picks) })),
  )

/** A valid conversation: rounds in which ids are reused. */
export const conversation = (options: RoundOptions): fc.Arbitrary<Round[]> =>
  fc.array(round(options), { minLength: 1, maxLength: 3 })

/** Any records, most of them with one of a few ids. */
export const anyRecords: fc.Arbitrary<Rec[]> = fc.array(
  fc
    .tuple(
      fc.oneof(fc.constantFrom(1, 2, 4, 5, 8, 9), fc.nat(12)),
      fc.constantFrom(0, 1, 1, 1, 2, 300),
      fc.oneof(
        fc.constant(EMPTY),
        fc.nat(4).map((role) => Uint8Array.of(0, role, role & 1, 0, 0, 0, 0, 0)),
        pairs.map((list) => encodePairs(list).subarray(0, 65_535)),
        fc.uint8Array({ maxLength: 40 }),
      ),
    )
    .chain(([type, id, content]) => spelled(type, id, content)),
  { maxLength: 25 },
)

/** Offsets at which bytes are split, as fractions of their length. */
export const cuts: fc.Arbitrary<number[]> = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
  maxLength: 12,
})

export const cutPlaces = (parts: readonly number[], length: number): number[] =>
  parts.map((part) => Math.floor(part * length))
