/** Properties of the FastCGI codec that must hold for any input. Run by the tests and by `npm run fuzz`. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { converse, options as defaults } from '../fastcgi/converse.js'
import { wireRecords } from '../fastcgi/wire.js'
import { model } from './model.js'
import { mutant } from './mutants.js'
import { anyRecords, conversation, cutPlaces, cuts, encodeRecords, type Rec } from './records.js'

interface CheckOptions {
  readonly numRuns: number
  readonly seed?: number
  readonly path?: string
  /** Milliseconds. */
  readonly interruptAfterTimeLimit?: number
}

export interface Property {
  readonly name: string
  /** Number of runs in a test. */
  readonly runs: number
  /** @throws Error with a minimal counterexample, the seed and the path to it */
  check(options: CheckOptions): void | Promise<void>
}

/** Limits that some of the inputs exceed. */
const given = {
  ...defaults,
  maxRequestsPerConnection: 1,
  maxParams: 5,
  maxParamsBytes: 200_000,
  maxDiscardBytes: 300_000,
}

/** The codec and the model agree about records, however their bytes are split. */
const agree = (records: readonly Rec[], places: readonly number[], multiplex: boolean): void => {
  const bytes = encodeRecords(records)
  const wanted = model(records, { ...given, multiplex })
  const got = converse(bytes, cutPlaces(places, bytes.length), { ...given, multiplex })
  assert.deepEqual(got.events, wanted.events)
  assert.equal(got.sent, wanted.sent)
  assert.equal(got.error !== undefined, wanted.broken !== null, got.error)
  assertWire(got.sent)
}

/** The replies consist of complete records. */
const assertWire = (sent: string): void => {
  assert.equal(wireRecords(Buffer.from(sent, 'latin1')).rest, 0)
}

/** Any bytes: no error other than a RequestError, and the same errors however the bytes are split. */
const survives = (bytes: Uint8Array, places: readonly number[]): void => {
  const once = converse(bytes)
  assertWire(once.sent)
  if (once.error !== undefined) assert.match(once.error, /byte \d+|maxParams/)
  assert.deepEqual(converse(bytes, cutPlaces(places, bytes.length)), once)
}

export const codecProperties: readonly Property[] = [
  {
    name: 'a valid conversation, however it is split, gives the result of the model',
    runs: 200,
    check: (options) =>
      fc.assert(
        fc.property(
          conversation({ roles: [1, 1, 2, 3], most: 4, aborts: true }),
          cuts,
          fc.boolean(),
          (rounds, places, multiplex) =>
            agree(
              rounds.flatMap(({ records }) => records),
              places,
              multiplex,
            ),
        ),
        options,
      ),
  },
  {
    name: 'any records, valid or not, give the result of the model',
    runs: 500,
    check: (options) => fc.assert(fc.property(anyRecords, cuts, fc.boolean(), agree), options),
  },
  {
    name: 'random bytes give only named errors, the same however they are split',
    runs: 500,
    check: (options) => fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), cuts, survives), options),
  },
  {
    name: 'mutated recordings of real servers (bytes changed, removed, doubled or mixed) do the same',
    runs: 300,
    check: (options) => fc.assert(fc.property(mutant('fastcgi'), cuts, survives), options),
  },
]
