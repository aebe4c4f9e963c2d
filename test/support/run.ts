/**
 * Around the whole test run: temporary files in one place, notes (skipped suites) shown at the end, and
 * a look at what is left.
 */

import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { processesIn } from './processes.js'

export function setup(): () => void {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'cgiup-')))
  // As /tmp: web servers run scripts as another user.
  chmodSync(directory, 0o1777)
  const notes = join(directory, 'notes')
  writeFileSync(notes, '')
  process.env.TMPDIR = directory
  process.env.CGIUP_TEST_NOTES = notes
  return () => {
    const lines = readFileSync(notes, 'utf8').split('\n').filter(Boolean)
    const files = readdirSync(directory).filter((name) => name !== 'notes')
    const running = processesIn(directory).map((one) => `${one.pid} ${one.command}`)
    rmSync(directory, { recursive: true, force: true })
    if (lines.length > 0) {
      console.log(`\n${[...new Set(lines)].sort().join('\n')}`)
      console.log('scripts/install-servers.sh installs what is missing on Debian.\n')
    }
    if (files.length > 0) throw new Error(`left in the temporary directory: ${files.join(', ')}`)
    if (running.length > 0) throw new Error(`still running: ${running.join('; ')}`)
  }
}
