/**
 * Records each process that this one starts, for the guard of the run (guard.mjs): in vitest's workers, and
 * in vitest itself.
 */

import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { appendFileSync } from 'node:fs'
import { readProcess } from './process-list.mjs'

const list = process.env.CGIUP_TEST_PROCESSES
const mark = Symbol.for('cgiup.test.reported')

// A worker that runs several files loads this module once for each.
if (list !== undefined && !(mark in globalThis)) {
  Object.assign(globalThis, { [mark]: true })
  subscribe('child_process', (message) => {
    const { process: child } = message as { process: ChildProcess }
    child.once('spawn', () => report(list, child.pid as number))
  })
}

function report(file: string, pid: number): void {
  try {
    appendFileSync(file, `${pid} ${readProcess(pid)?.started ?? ''}\n`)
  } catch {
    // The run is ending and has removed its files.
  }
}
