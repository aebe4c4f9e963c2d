import { describe, test } from 'vitest'
import { targetProperties } from '../fuzz/targets.js'
import { runs } from '../support/runs.js'

describe('what a server denies, no app is asked for', () => {
  test.each(targetProperties)('$name', ({ check, runs: all }) => check({ numRuns: runs(all) }))
})
