import { describe, test } from 'vitest'
import { targetProperties } from '../fuzz/targets.js'

describe('what a server denies, no app is asked for', () => {
  test.each(targetProperties)('$name', ({ check, runs }) => check({ numRuns: runs }))
})
