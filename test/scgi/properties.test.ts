import { describe, test } from 'vitest'
import { scgiProperties } from '../fuzz/netstring.js'
import { runs } from '../support/runs.js'

describe('the head of an SCGI request', () => {
  test.each(scgiProperties)('$name', ({ check, runs: all }) => check({ numRuns: runs(all) }))
})
