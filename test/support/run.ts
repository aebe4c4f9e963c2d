/** Around the whole test run: one place for notes (skipped suites), shown at the end. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export function setup(): () => void {
  const directory = mkdtempSync(join(tmpdir(), 'cgiup-run-'))
  const notes = join(directory, 'notes')
  writeFileSync(notes, '')
  process.env.CGIUP_TEST_NOTES = notes
  return () => {
    const lines = readFileSync(notes, 'utf8').split('\n').filter(Boolean)
    rmSync(directory, { recursive: true })
    if (lines.length === 0) return
    console.log(`\n${[...new Set(lines)].sort().join('\n')}`)
    console.log('scripts/install-servers.sh installs what is missing on Debian.\n')
  }
}
