import { describe, test } from 'vitest'
import { targetProperties } from '../fuzz/targets.js'
import { runs } from '../support/runs.js'

describe('an app gets no request that the server denies', () => {
  test.each(targetProperties)('$name', ({ check, runs: all }) => check({ numRuns: runs(all) }))
})
