import { describe, test } from 'vitest'
import { scgiProperties } from '../fuzz/netstring.js'

describe('the head of an SCGI request', () => {
  test.each(scgiProperties)('$name', ({ check, runs }) => check({ numRuns: runs }))
})
