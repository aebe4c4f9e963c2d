import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RequestError } from '../../src/core/errors.js'
import { PairReader } from '../../src/fastcgi/codec/params.js'
import { codecProperties } from '../fuzz/codec.js'
import { cutPlaces, cuts, encodePairs, pairs } from '../fuzz/records.js'
import { runs } from '../support/runs.js'

describe('the responder without IO', () => {
  test.each(codecProperties)('$name', ({ check, runs: all }) => check({ numRuns: runs(all) }))
})

describe('a half read parameter', () => {
  const limits = { maxParamsBytes: 50_000, maxParams: 10 }

  test('takes memory for what has come, and never more than maxParamsBytes', () => {
    fc.assert(
      fc.property(pairs, cuts, fc.uint8Array({ maxLength: 12 }), (list, places, noise) => {
        const bytes = Buffer.concat([encodePairs(list), noise])
        const reader = new PairReader(limits)
        const ends = cutPlaces(places, bytes.length).sort((a, b) => a - b)
        let at = 0
        try {
          for (const end of [...ends, bytes.length]) {
            reader.push(bytes, at, end)
            at = end
            expect(reader.retained).toBeLessThanOrEqual(Math.max(300, 2 * at))
            expect(reader.retained).toBeLessThanOrEqual(limits.maxParamsBytes)
          }
        } catch (error) {
          if (!(error instanceof RequestError)) throw error
        }
      }),
      { numRuns: runs(300) },
    )
  })

  test('whose length is announced and not sent takes next to nothing', () => {
    const reader = new PairReader({ maxParamsBytes: 1 << 20, maxParams: 10 })
    reader.push(Buffer.from([4, 0x80, 0x0f, 0xff, 0x00, 65]), 0, 6)
    expect(reader.retained).toBeLessThan(512)
  })
})
