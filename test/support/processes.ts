/** What runs on this machine: to stop a server with all its children and to see that none is left. */

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface ProcessInfo {
  readonly pid: number
  readonly parent: number
  readonly group: number
  /** `Z` is a zombie: ended, but not waited for. */
  readonly state: string
  /** Command line, words joined by spaces. */
  readonly command: string
  /** Working directory; empty where the system does not tell. */
  readonly cwd: string
}

/** All processes that can be seen. */
export function processes(): ProcessInfo[] {
  return existsSync('/proc/self/stat') ? fromProc() : fromPs()
}

function fromProc(): ProcessInfo[] {
  const list: ProcessInfo[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
      // The second field is the name in parentheses and may hold anything, also `)`.
      const [state = '', parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      const command = readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ').trim()
      list.push({
        pid: Number(name),
        parent: Number(parent),
        group: Number(group),
        state,
        command,
        cwd: cwd(name),
      })
    } catch {
      // Ended while we looked.
    }
  }
  return list
}

function cwd(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ''
  }
}

function fromPs(): ProcessInfo[] {
  const lines = execFileSync('ps', ['-axo', 'pid=,ppid=,pgid=,state=,command='], { encoding: 'latin1' })
  return lines.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line)
    if (!match) return []
    const [, pid, parent, group, state = '', command = ''] = match
    return [
      {
        pid: Number(pid),
        parent: Number(parent),
        group: Number(group),
        state: state.charAt(0),
        command,
        cwd: '',
      },
    ]
  })
}

/** A process with its children and theirs, and everything in the process groups they lead. */
export function family(root: number): ProcessInfo[] {
  const all = processes()
  const members = new Map<number, ProcessInfo>()
  const groups = new Set([root])
  for (let grown = true; grown; ) {
    grown = false
    for (const one of all) {
      if (members.has(one.pid)) continue
      if (one.pid !== root && !members.has(one.parent) && !groups.has(one.group)) continue
      members.set(one.pid, one)
      if (one.group === one.pid) groups.add(one.pid)
      grown = true
    }
  }
  return [...members.values()]
}

/** Processes that name a directory on their command line or work in it, this one excepted. */
export function processesIn(directory: string): ProcessInfo[] {
  return processes().filter(
    (one) => one.pid !== process.pid && (one.command.includes(directory) || one.cwd.startsWith(directory)),
  )
}

/** True when the process runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.charAt(stat.lastIndexOf(')') + 2) !== 'Z'
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    // Another user's process, or a system without /proc: it is there.
    return code === 'EPERM' || (syscall === 'open' && !existsSync('/proc/self'))
  }
}

/**
 * Sends a signal to one process. A number that was read too early is 0, and 0 stands for the whole process
 * group of the test run.
 * @throws Error for a number that is no process's own
 */
export function signalProcess(pid: number, name: NodeJS.Signals): void {
  if (!Number.isInteger(pid) || pid <= 1) throw new Error(`${pid} is no process to send ${name} to`)
  process.kill(pid, name)
}

/**
 * Waits until a condition holds, looking again and again (after 5 ms, later 40 ms); false when the
 * time is over.
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

/** This process does nothing meanwhile, as on a machine with too much to do. @param ms milliseconds */
export const standStill = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
