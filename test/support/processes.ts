/** The processes on this machine: to stop a server with all its children and to check that none is left. */

import { existsSync, readFileSync } from 'node:fs'
import { type ProcessInfo, processes, withDescendants } from './process-list.mjs'

export { type ProcessInfo, processes }

/** A process, its descendants, and every process in a process group led by one of these. */
export function family(root: number): ProcessInfo[] {
  const all = processes()
  return withDescendants(all, (one) => one.pid === root || one.group === root)
}

/** Processes with a directory on their command line or as their working directory, except this one. */
export function processesIn(directory: string): ProcessInfo[] {
  return processes().filter(
    (one) => one.pid !== process.pid && (one.command.includes(directory) || one.cwd.startsWith(directory)),
  )
}

/** True if the process is running; a zombie is not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.charAt(stat.lastIndexOf(')') + 2) !== 'Z'
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    // Another user's process, or a system without /proc: it counts as running.
    return code === 'EPERM' || (syscall === 'open' && !existsSync('/proc/self'))
  }
}

/**
 * Sends a signal to one process. A pid that was read too early is 0, which would mean the whole process group
 * of the test run.
 * @throws Error if the number is not the pid of a single process
 */
export function signalProcess(pid: number, name: NodeJS.Signals): void {
  if (!Number.isInteger(pid) || pid <= 1) throw new Error(`${pid} is not a process to send ${name} to`)
  process.kill(pid, name)
}

/**
 * Waits until a condition holds, polling it (after 5 ms, later every 40 ms); false if the time is over.
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  milliseconds = 15_000,
): Promise<boolean> {
  const end = Date.now() + milliseconds
  for (let pause = 5; ; pause = Math.min(pause * 1.5, 40)) {
    if (await condition()) return true
    if (Date.now() >= end) return false
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}

/** Blocks this process, as on an overloaded machine. @param ms milliseconds */
export const standStill = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
