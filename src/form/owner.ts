/** Whose directory is it? Each holds a file that names its process, so that another one can tell when that has exited. */
import { readFileSync, readlinkSync } from 'node:fs'

/** Name of that file: `PID STARTED NAMESPACE`, with `-` for what the system does not tell. */
export const ownerFile = 'owner'

interface Owner {
  readonly pid: number
  /** Time of its start in ticks of the kernel, as a pid is used again; `-` where there is no /proc. */
  readonly started: string
  /** Pids of another container mean nothing here. */
  readonly namespace: string
}

let own: Owner | undefined

/** This process. */
function ownOwner(): Owner {
  own ??= { pid: process.pid, started: startOf('self') ?? '-', namespace: namespace() }
  return own
}

export function ownerText(): string {
  const { pid, started, namespace } = ownOwner()
  return `${pid} ${started} ${namespace}\n`
}

/** True only for a text that names a process which has ended for sure. */
export function hasEnded(text: string): boolean {
  const [, digits, started, namespace] = /^([1-9]\d*) (-|\d+) (\S+)\n$/.exec(text) ?? []
  const self = ownOwner()
  if (digits === undefined || namespace !== self.namespace) return false
  const pid = Number(digits)
  if (started === '-' || self.started === '-') return !isThere(pid)
  return startOf(pid) !== started
}

/** Undefined where there is no such process, or only what is left of it. */
function startOf(pid: number | 'self'): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // proc(5): the second field is the name in parentheses and may hold anything, also `)`.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

function namespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return '-'
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
