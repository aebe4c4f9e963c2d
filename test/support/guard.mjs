/**
 * Ends the processes that a test run has left running, however the run itself ended. Its stdin is a pipe from
 * the run (run.ts): some JSON, then nothing until the run ends, which closes the pipe. SIGKILL of the run
 * closes it too.
 */

import { readFileSync, rmSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { processes, withDescendants } from './process-list.mjs'

// It has a separate process group, but a signal can also be sent to all processes of a session or user.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => {})

const { directory, list, session } = JSON.parse(await text(process.stdin))
const reported = readReported()
if (reported) {
  await endAll()
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
}

/** Pid and start time of each process that the run has started; undefined if the run has cleaned up itself. */
function readReported() {
  try {
    const lines = readFileSync(list, 'utf8').split('\n').filter(Boolean)
    return new Map(lines.map((line) => line.split(' ')).map(([pid, started]) => [Number(pid), started]))
  } catch {
    return undefined
  }
}

/** A process may start another one just before it receives SIGKILL: repeats until none is left. */
async function endAll() {
  for (let tries = 0; tries < 200; tries++) {
    const left = leftovers()
    if (left.length === 0) return
    for (const { pid } of left) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // Already ended.
      }
    }
    await pause(25)
  }
}

function leftovers() {
  const all = processes().filter((one) => one.pid !== process.pid && one.state !== 'Z')
  const byPid = new Map(all.map((one) => [one.pid, one]))
  const isReported = (one) => reported.get(one.pid) === one.started
  // The id of a session whose leader has ended is not reused while a member lives.
  const inSession = (one) => {
    const leader = byPid.get(one.session)
    return reported.has(one.session) && (leader === undefined || isReported(leader))
  }
  // Daemons that have left their session. Not the shell of a user who is looking at the files.
  const inDirectory = (one) =>
    (one.terminal === 0 || one.session === session) &&
    (one.command.includes(directory) || one.cwd.startsWith(directory))
  return withDescendants(all, (one) => isReported(one) || inSession(one) || inDirectory(one))
}
