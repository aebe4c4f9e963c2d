/** Who started this process and manages it, and is it still there? A process never outlives its manager. */
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { firstParent, type ProcessFacts, processFacts } from './parent.js'

/**
 * Servers that start FastCGI programs and end them, by the name of their process; true for those that
 * start a fresh one when one has ended.
 */
const managers: ReadonlyMap<string, boolean> = new Map([
  ['apache2', true],
  ['httpd', true],
  ['lighttpd', true],
  ['multiwatch', true],
  ['litespeed', true],
  ['lshttpd', true],
  // Requests hang forever on the socket of one that ended.
  ['h2o', false],
])

export interface Manager {
  /** `mod_fcgid`, `lighttpd`, `h2o`, `multiwatch` … */
  readonly name: string
  readonly pid: number
  /** It starts a fresh process when this one has ended. */
  readonly renews: boolean
  /** Undefined where the system does not tell. */
  readonly facts: ProcessFacts | undefined
}

/** The manager; `gone` when there was one that is no more; undefined where nobody manages this process. */
export type ManagerFound = Manager | 'gone' | undefined

/**
 * Looks among the ancestors: there may be a wrapper script that does not `exec`. Those that start a
 * process and leave (spawn-fcgi, cgi-fcgi -start, a shell) and systemd manage nothing.
 *
 * @param socketPath path of the Unix socket that was handed over (server/socket-path)
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

/** mod_fcgid names its sockets `PID.NUMBER`, after its process manager; each is for one process. */
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
 * lighttpd died before we could look. It sets PHP_FCGI_CHILDREN, as spawn-fcgi can; but spawn-fcgi makes
 * the process the leader of its group, and lighttpd leaves it in its own, whose leader is dead then.
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

/** The same process still runs. */
function stillThere({ pid, facts }: Manager): boolean {
  if (facts === undefined) return isThere(pid)
  const now = processFacts(pid)
  return now !== undefined && now.started === facts.started && now.state !== 'Z'
}

/**
 * Calls back, once, when the manager has exited, or a process between it and this one.
 *
 * @returns stops watching
 */
export function watchManager(manager: Manager, onGone: () => void, everyMs = 1000): () => void {
  const parent = process.ppid
  const timer = setInterval(() => {
    // Most of the time the manager is the parent itself, and this one system call is all.
    if (process.ppid === parent && (parent === manager.pid || stillThere(manager))) return
    clearInterval(timer)
    onGone()
  }, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}

/**
 * True where it cannot be ruled out: mod_fcgid runs as many as it needs, and spawn-fcgi -F, cgi-fcgi -start
 * and multiwatch -f give one socket to several. lighttpd has a socket for each (`max-procs`): `PATH-0`,
 * `PATH-1` and so on, so that one sees whether there is a second.
 *
 * @param path of the Unix socket on descriptor 0
 */
export function runsSeveral(manager: Manager | undefined, path: string | undefined): boolean {
  if (manager?.name === 'h2o') return false
  if (manager?.name !== 'lighttpd') return true
  const [, base, number] = /^(.*-)(\d+)$/.exec(path ?? '') ?? []
  return base === undefined || number !== '0' || existsSync(`${base}1`)
}
