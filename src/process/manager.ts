/**
 * Finds the process that started and manages this one, and watches it: a process never outlives its manager.
 */
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { firstParent, type ProcessFacts, processFacts } from './parent.js'

/**
 * Servers that start and stop FastCGI programs, by process name; true if they replace a process that has
 * ended.
 */
const managers: ReadonlyMap<string, boolean> = new Map([
  ['apache2', true],
  ['httpd', true],
  ['lighttpd', true],
  ['multiwatch', true],
  ['litespeed', true],
  ['lshttpd', true],
  // Requests hang forever on the socket of a process that ended.
  ['h2o', false],
])

export interface Manager {
  /** `mod_fcgid`, `lighttpd`, `h2o`, `multiwatch` … */
  readonly name: string
  readonly pid: number
  /** Starts a new process when this one has ended. */
  readonly renews: boolean
  /** Undefined when the system does not report them. */
  readonly facts: ProcessFacts | undefined
}

/** The manager; `gone` when it has exited; undefined when this process has no manager. */
export type ManagerFound = Manager | 'gone' | undefined

/**
 * Searches the ancestors, because a wrapper script may not use `exec`. Programs that start a process and exit
 * (spawn-fcgi, cgi-fcgi -start, a shell) and systemd are not managers.
 *
 * @param socketPath path of the inherited Unix socket
 */
export function findManager(socketPath?: string): ManagerFound {
  const fcgid = fcgidManager(socketPath)
  if (fcgid !== undefined) return fcgid
  const { pid, facts } = firstParent()
  if (facts && managers.has(facts.name) && process.ppid !== pid) return 'gone'
  const found = ancestor(process.ppid)
  if (found !== undefined) return found
  return leftBehind() ? 'gone' : undefined
}

/** mod_fcgid names its sockets `PID.NUMBER`, after its process manager; each belongs to one process. */
function fcgidManager(path = ''): ManagerFound {
  const [, digits] = /^(\d+)\.\d+$/.exec(basename(path)) ?? []
  if (digits === undefined) return undefined
  const pid = Number(digits)
  return isThere(pid) ? { name: 'mod_fcgid', pid, renews: true, facts: processFacts(pid) } : 'gone'
}

function ancestor(from: number): Manager | undefined {
  for (let pid = from, steps = 0; pid > 0 && steps < 16; steps++) {
    const facts = processFacts(pid)
    if (facts === undefined) return undefined
    const renews = managers.get(facts.name)
    if (renews !== undefined) return { name: facts.name, pid, renews, facts }
    pid = facts.parent
  }
  return undefined
}

/**
 * True when lighttpd exited before we looked. It sets PHP_FCGI_CHILDREN, as spawn-fcgi may; but spawn-fcgi
 * makes the process a group leader, while under lighttpd the process stays in lighttpd's group, whose leader
 * has then exited.
 */
function leftBehind(): boolean {
  if (process.env.PHP_FCGI_CHILDREN === undefined) return false
  const own = processFacts('self')
  return own !== undefined && own.group !== own.pid && !isThere(own.group)
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** True while the same process runs. */
function stillThere({ pid, facts }: Manager): boolean {
  if (facts === undefined) return isThere(pid)
  const now = processFacts(pid)
  return now !== undefined && now.started === facts.started && now.state !== 'Z'
}

/**
 * Calls back once when the manager, or a process between it and this one, has exited.
 *
 * @returns stops watching
 */
export function watchManager(manager: Manager, onGone: () => void, everyMs = 1000): () => void {
  const parent = process.ppid
  const timer = setInterval(() => {
    // Usually the manager is the parent, and this system call is enough.
    if (process.ppid === parent && (parent === manager.pid || stillThere(manager))) return
    clearInterval(timer)
    onGone()
  }, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}

/**
 * True when several processes may serve the app: mod_fcgid runs as many as it needs, and spawn-fcgi -F,
 * cgi-fcgi -start and multiwatch -f share one socket. lighttpd has a socket for each (`max-procs`): `PATH-0`,
 * `PATH-1` and so on, so a second one shows whether there are several.
 *
 * @param path of the Unix socket on descriptor 0
 */
export function runsSeveral(manager: Manager | undefined, path: string | undefined): boolean {
  if (manager?.name === 'h2o') return false
  if (manager?.name !== 'lighttpd') return true
  const [, base, number] = /^(.*-)(\d+)$/.exec(path ?? '') ?? []
  return base === undefined || number !== '0' || existsSync(`${base}1`)
}
