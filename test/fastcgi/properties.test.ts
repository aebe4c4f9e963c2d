import { describe, test } from 'vitest'
import { codecProperties } from '../fuzz/codec.js'

describe('the responder without IO', () => {
  test.each(codecProperties)('$name', ({ check, runs }) => check({ numRuns: runs }))
})
