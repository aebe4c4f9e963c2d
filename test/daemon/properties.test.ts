import { join } from 'node:path'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { liveProperties } from '../fuzz/live.js'
import { Target } from '../fuzz/target.js'
import { runs } from '../support/runs.js'
import { tempDir } from '../support/temp.js'

const target = new Target(join(tempDir('properties'), 's'))
beforeAll(() => target.open())
afterAll(() => target.close())

describe('a process on a real socket', () => {
  test.each(liveProperties(target))('$name', ({ check, runs: all }) => check({ numRuns: runs(all) }))
})
