/** The process that started this one, seen as early as can be: it may be gone before the app is loaded. */
import { readFileSync } from 'node:fs'

/** What the kernel tells about a process. */
export interface ProcessFacts {
  readonly pid: number
  /** At most 15 bytes of its program's name. */
  readonly name: string
  /** `Z` is a zombie: it has ended. */
  readonly state: string
  readonly parent: number
  readonly group: number
  /** Time of its start, in ticks of the kernel: a pid that is used again has another one. */
  readonly started: string
}

/** Undefined where the process is gone, belongs to others who hide it, or /proc is not there (macOS). */
export function processFacts(pid: number | 'self'): ProcessFacts | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // proc(5): the second field is the name in parentheses and may hold anything, also `)`.
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

/** The parent at the first call, which is made when the package is imported. */
export function firstParent(): { readonly pid: number; readonly facts: ProcessFacts | undefined } {
  first ??= { pid: process.ppid, facts: processFacts(process.ppid) }
  return first
}

/** How a primary tells a process that it is its worker. */
export const workerVariable = 'CGIUP_WORKER'

/**
 * A terminal's Ctrl-C, Apache's graceful restart, `pkill -HUP -f app.js` and the like reach the whole process
 * group: what they mean for the workers is the primary's business.
 */
export const leftToPrimary = ['SIGINT', 'SIGUSR1', 'SIGUSR2', 'SIGHUP'] as const

/** In a worker that loads its app, these signals would end it before it listens to them itself. */
export function leaveSignalsToPrimary(): void {
  if (process.send === undefined || !process.env[workerVariable]) return
  for (const signal of leftToPrimary) process.on(signal, () => {})
}
