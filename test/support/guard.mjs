/**
 * Ends what a test run has left behind, however the run itself ended. Its stdin is a pipe from the run (run.ts): some
 * JSON, then nothing until the pipe closes because the run is gone. SIGKILL of the run closes it too.
 */

import { readFileSync, rmSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { processes, withDescendants } from './process-list.mjs'

// It has a process group of its own, but somebody may signal all processes of a session or of a user.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => {})

const { directory, list, session } = JSON.parse(await text(process.stdin))
const reported = readReported()
if (reported) {
  await endAll()
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
}

/** Pid and start of each process that the run has started; undefined when the run has tidied up itself. */
function readReported() {
  try {
    const lines = readFileSync(list, 'utf8').split('\n').filter(Boolean)
    return new Map(lines.map((line) => line.split(' ')).map(([pid, started]) => [Number(pid), started]))
  } catch {
    return undefined
  }
}

/** A process that is sent SIGKILL may have started another just before: looks until there is none. */
async function endAll() {
  for (let tries = 0; tries < 200; tries++) {
    const left = leftovers()
    if (left.length === 0) return
    for (const { pid } of left) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // Gone already.
      }
    }
    await pause(25)
  }
}

function leftovers() {
  const all = processes().filter((one) => one.pid !== process.pid && one.state !== 'Z')
  const byPid = new Map(all.map((one) => [one.pid, one]))
  const isReported = (one) => reported.get(one.pid) === one.started
  // The number of a session whose leader is gone is not used again while a member lives.
  const inSession = (one) => {
    const leader = byPid.get(one.session)
    return reported.has(one.session) && (leader === undefined || isReported(leader))
  }
  // Daemons that have left their session. Not the shell of somebody who looks at the files.
  const inDirectory = (one) =>
    (one.terminal === 0 || one.session === session) &&
    (one.command.includes(directory) || one.cwd.startsWith(directory))
  return withDescendants(all, (one) => isReported(one) || inSession(one) || inDirectory(one))
}
