/** The parent process, recorded as early as possible: it may exit before the app is loaded. */
import { readFileSync } from 'node:fs'

/** What the kernel reports about a process. */
export interface ProcessFacts {
  readonly pid: number
  /** Name of the program, at most 15 bytes. */
  readonly name: string
  /** `Z` is a zombie: it has ended. */
  readonly state: string
  readonly parent: number
  readonly group: number
  /** Start time in kernel ticks; it distinguishes processes that reuse a pid. */
  readonly started: string
}

/** Undefined when the process has exited, is hidden from this user, or there is no /proc (macOS). */
export function processFacts(pid: number | 'self'): ProcessFacts | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // proc(5): the second field is the name in parentheses and may contain anything, also `)`.
    const end = stat.lastIndexOf(')')
    const fields = stat.slice(end + 2).split(' ')
    return {
      pid: Number.parseInt(stat, 10),
      name: stat.slice(stat.indexOf('(') + 1, end),
      state: fields[0] ?? '',
      parent: Number(fields[1]),
      group: Number(fields[2]),
      started: fields[19] ?? '',
    }
  } catch {
    return undefined
  }
}

let first: { readonly pid: number; readonly facts: ProcessFacts | undefined } | undefined

/** The parent at the first call, made when the package is imported. */
export function firstParent(): { readonly pid: number; readonly facts: ProcessFacts | undefined } {
  first ??= { pid: process.ppid, facts: processFacts(process.ppid) }
  return first
}

/** A primary sets this variable to tell a process that it is a worker. */
export const workerVariable = 'CGIUP_WORKER'

/**
 * A terminal's Ctrl-C, Apache's graceful restart, `pkill -HUP -f app.js` and the like reach the whole process
 * group; the primary decides what they mean for its workers.
 */
export const leftToPrimary = ['SIGINT', 'SIGUSR1', 'SIGUSR2', 'SIGHUP'] as const

/** Ignores these signals while a worker loads its app: they would end it before it has its own handlers. */
export function leaveSignalsToPrimary(): void {
  if (process.send === undefined || !process.env[workerVariable]) return
  for (const signal of leftToPrimary) process.on(signal, () => {})
}
