/**
 * Tracks who owns a directory. Each contains a file that identifies its process, so that another process can
 * tell when the owner has exited.
 */
import { readFileSync, readlinkSync } from 'node:fs'

/**
 * Name of the file that identifies the owner of its directory. Content: `PID STARTED NAMESPACE`, with `-` for
 * what the system does not report.
 */
export const ownerFile = 'owner'

interface Owner {
  readonly pid: number
  /** Start time in kernel ticks, because pids are reused; `-` without /proc. */
  readonly started: string
  /** Pid namespace: pids of another container mean nothing here. */
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

/** True only when the text names a process that has certainly ended. */
export function hasEnded(text: string): boolean {
  const [, digits, started, namespace] = /^([1-9]\d*) (-|\d+) (\S+)\n$/.exec(text) ?? []
  const self = ownOwner()
  if (digits === undefined || namespace !== self.namespace) return false
  const pid = Number(digits)
  if (started === '-' || self.started === '-') return !isThere(pid)
  return startOf(pid) !== started
}

/** Undefined when there is no such process, or only a zombie. */
function startOf(pid: number | 'self'): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // proc(5): the second field is the name in parentheses and may contain anything, also `)`.
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
