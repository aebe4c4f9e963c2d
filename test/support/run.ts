/**
 * Around the whole test run: temporary files in one place, notes (skipped suites) shown at the end, a look at
 * what is left, and a guard that ends it should the run be interrupted.
 */

import { spawn } from 'node:child_process'
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readProcess } from './process-list.mjs'
import { processesIn } from './processes.js'

/** Files of the run itself in its temporary directory. */
const own = ['notes', 'processes']

export async function setup(): Promise<() => void> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'cgiup-')))
  // As /tmp: web servers run scripts as another user.
  chmodSync(directory, 0o1777)
  const notes = join(directory, 'notes')
  writeFileSync(notes, '')
  process.env.TMPDIR = directory
  process.env.CGIUP_TEST_NOTES = notes
  await startGuard(directory)
  endWithNpm()
  return () => {
    const lines = readFileSync(notes, 'utf8').split('\n').filter(Boolean)
    const files = readdirSync(directory).filter((name) => !own.includes(name))
    const running = processesIn(directory).map((one) => `${one.pid} ${one.command}`)
    // Else the guard needs the list, and removes it.
    if (running.length === 0) rmSync(directory, { recursive: true, force: true })
    if (lines.length > 0) {
      console.log(`\n${[...new Set(lines)].sort().join('\n')}`)
      console.log('scripts/install-servers.sh installs what is missing on Debian.\n')
    }
    if (files.length > 0) throw new Error(`left in the temporary directory: ${files.join(', ')}`)
    if (running.length > 0) throw new Error(`still running: ${running.join('; ')}`)
  }
}

/** A process outside of the run that ends what the run has started once the run is gone. */
async function startGuard(directory: string): Promise<void> {
  const list = join(directory, 'processes')
  writeFileSync(list, '')
  process.env.CGIUP_TEST_PROCESSES = list
  const guard = spawn(process.execPath, [fileURLToPath(new URL('./guard.mjs', import.meta.url))], {
    cwd: '/',
    // Out of the reach of Ctrl-C and of a signal to the group of the run.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const session = readProcess(process.pid)?.session ?? 0
  await new Promise((resolve) => guard.stdin.write(JSON.stringify({ directory, list, session }), resolve))
  guard.unref()
  ;(guard.stdin as Socket).unref()
  // From here on, so that the guard does not end itself.
  await import('./reported.js')
}

/** npm that is killed leaves its children running, which is a shell and the run: the run ends then. */
function endWithNpm(): void {
  const shell = process.ppid
  const parent = () => readProcess(shell)?.parent
  const npm = parent()
  // npm can be recognized by the title that it gives itself.
  if (npm === undefined || !readProcess(npm)?.command.startsWith('npm ')) return
  const check = () => {
    if (process.ppid !== shell || parent() !== npm) process.kill(process.pid, 'SIGTERM')
  }
  setInterval(check, 500).unref()
}
