import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    typecheck: { enabled: true, include: ['test/**/*.test-d.ts'], tsconfig: './tsconfig.json' },
    env: {
      // What is read of a connection is overwritten when its time is over (src/socket/handle-wire.ts).
      CGIUP_TEST_POISON_READS: '1',
      // An event that a table of states does not allow is thrown (src/core/states.ts).
      CGIUP_TEST_STRICT_STATES: '1',
    },
    globalSetup: ['test/support/run.ts'],
    // The slowest test takes 11 s on two cores; a machine may be much slower.
    testTimeout: 40_000,
    hookTimeout: 60_000,
    // A test that fails now and then is a bug; it is not to be hidden.
    retry: 0,
    pool: 'forks',
    // Tests wait for servers most of the time: two at a time on two processors, too.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
})
