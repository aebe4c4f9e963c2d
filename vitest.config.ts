import { availableParallelism } from 'node:os'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'

/**
 * What `npm test` leaves to `npm run test:servers`: everything that takes a web server, or a launcher of processes,
 * through all its modes. `npm test` has one request through each server, smoke.test.ts.
 */
const servers = [
  'test/servers/!(smoke).test.ts',
  'test/daemon/changes.test.ts',
  'test/daemon/orphans.test.ts',
  'test/daemon/recycle.test.ts',
  'test/daemon/servers.test.ts',
  'test/daemon/usr2.test.ts',
  'test/daemon/workers-launchers.test.ts',
  'test/daemon/workers-nginx.test.ts',
]

/**
 * Tests without a web server that `npm test` leaves to the same command, to end within two minutes on two cores: they
 * start hundreds of processes, or move gigabytes.
 */
const processes = [
  'test/cgi/child-reply.test.ts',
  'test/daemon/ending.test.ts',
  'test/daemon/failure-lines.test.ts',
  'test/daemon/listening.test.ts',
  'test/daemon/process-end.test.ts',
  'test/daemon/workers-crash.test.ts',
  'test/daemon/workers-exhausted.test.ts',
  'test/daemon/workers-reload.test.ts',
  'test/daemon/workers.test.ts',
  'test/form/lifetime.test.ts',
  'test/package/code-cache.test.ts',
  'test/run/load-ahead.test.ts',
]

/** Folders whose tests change nothing of their own process. */
const pure = ['env', 'lint', 'docs', 'states'].map((folder) => `test/${folder}/*.test.ts`)

const common = {
  setupFiles: ['test/support/each-file.ts'],
  env: {
    // What is read of a connection is overwritten when its time is over (src/socket/handle-wire.ts).
    CGIUP_TEST_POISON_READS: '1',
    // An event that a table of states does not allow is thrown (src/core/states.ts).
    CGIUP_TEST_STRICT_STATES: '1',
  },
  // The slowest test takes 11 s on two cores; a machine may be much slower.
  testTimeout: 40_000,
  hookTimeout: 60_000,
  // A test that fails now and then is a bug; it is not to be hidden.
  retry: 0,
  pool: 'forks' as const,
} satisfies TestProjectInlineConfiguration['test']

export default defineConfig({
  test: {
    globalSetup: ['test/support/run.ts'],
    // Tests wait for other processes much of the time: three files at once, on two processors too.
    maxWorkers: Math.max(4, availableParallelism() - 1),
    projects: [
      {
        test: {
          ...common,
          name: 'main',
          include: ['test/**/*.test.ts'],
          exclude: [...servers, ...processes, ...pure],
        },
      },
      // A process for each file would take longer than the tests.
      { test: { ...common, name: 'pure', include: pure, isolate: false } },
      {
        test: {
          name: 'types',
          include: [],
          typecheck: { enabled: true, include: ['test/**/*.test-d.ts'], tsconfig: './tsconfig.json' },
        },
      },
      { test: { ...common, name: 'servers', include: servers } },
      { test: { ...common, name: 'processes', include: processes } },
    ],
  },
})
