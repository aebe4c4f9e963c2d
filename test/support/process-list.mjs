/** The processes on this machine. Plain JavaScript: the guard of a test run loads it without a compiler. */

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** All visible processes. */
export function processes() {
  return existsSync('/proc/self/stat') ? fromProc() : fromPs()
}

function fromProc() {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map(readProcess).filter((one) => one !== undefined)
}

/** One process; undefined if it has ended. Only on systems with /proc. */
export function readProcess(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the name in parentheses and may contain any character, even `)`.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state = '', parent, group, session, terminal] = fields
    const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim()
    return {
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      session: Number(session),
      terminal: Number(terminal),
      started: fields[19] ?? '',
      state,
      command,
      cwd: cwd(pid),
    }
  } catch {
    return undefined
  }
}

function cwd(pid) {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ''
  }
}

function fromPs() {
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
        session: 0,
        terminal: 0,
        started: '',
        state: state.charAt(0),
        command,
        cwd: '',
      },
    ]
  })
}

/**
 * The processes in `all` that `isRoot` accepts, their descendants, and every process in a process group led
 * by one of these.
 */
export function withDescendants(all, isRoot) {
  const members = new Map()
  const groups = new Set()
  for (let grown = true; grown; ) {
    grown = false
    for (const one of all) {
      if (members.has(one.pid)) continue
      if (!isRoot(one) && !members.has(one.parent) && !groups.has(one.group)) continue
      members.set(one.pid, one)
      if (one.group === one.pid) groups.add(one.pid)
      grown = true
    }
  }
  return [...members.values()]
}
