/** A primary without free file descriptors survives a worker that cannot be started. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const fixture = fileURLToPath(new URL('../fixtures/workers/exhausted.mjs', import.meta.url))
const child = new URL('../../dist/process/workers-child.js', import.meta.url).href

it.runIf(process.platform === 'linux')('failed starts leave no descriptor open', () => {
  const command = `ulimit -n 80; exec "${process.execPath}" "${fixture}" "${child}"`
  const output = execFileSync('/bin/sh', ['-c', command], { encoding: 'utf8' })
  expect(output).toBe('0 more; exit code 0, spawn node EMFILE\n')
})
