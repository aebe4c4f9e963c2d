/**
 * Setup and teardown of the whole test run: temporary files in one place, notes (skipped suites) printed at
 * the end, a check for leftovers, and a guard that cleans up if the run is interrupted.
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
  // Same mode as /tmp: web servers run scripts as another user.
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
    // Otherwise the guard needs the list, and removes it.
    if (running.length === 0) rmSync(directory, { recursive: true, force: true })
    if (lines.length > 0) {
      console.log(`\n${[...new Set(lines)].sort().join('\n')}`)
      console.log('scripts/install-servers.sh installs what is missing on Debian.\n')
    }
    if (files.length > 0) throw new Error(`left in the temporary directory: ${files.join(', ')}`)
    if (running.length > 0) throw new Error(`still running: ${running.join('; ')}`)
  }
}

/** Starts a process outside of the run that ends all processes of the run once the run has ended. */
async function startGuard(directory: string): Promise<void> {
  const list = join(directory, 'processes')
  writeFileSync(list, '')
  process.env.CGIUP_TEST_PROCESSES = list
  const guard = spawn(process.execPath, [fileURLToPath(new URL('./guard.mjs', import.meta.url))], {
    cwd: '/',
    // Not reached by Ctrl-C or by a signal to the process group of the run.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const session = readProcess(process.pid)?.session ?? 0
  await new Promise((resolve) => guard.stdin.write(JSON.stringify({ directory, list, session }), resolve))
  guard.unref()
  ;(guard.stdin as Socket).unref()
  // Loaded only now, so that the guard is not recorded and does not end itself.
  await import('./reported.js')
}

/** If npm is killed, its children, a shell and the run, continue to run: this ends the run in that case. */
function endWithNpm(): void {
  const shell = process.ppid
  const parent = () => readProcess(shell)?.parent
  const npm = parent()
  // npm can be recognized by its process title.
  if (npm === undefined || !readProcess(npm)?.command.startsWith('npm ')) return
  const check = () => {
    if (process.ppid !== shell || parent() !== npm) process.kill(process.pid, 'SIGTERM')
  }
  setInterval(check, 500).unref()
}
