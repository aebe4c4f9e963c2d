/** Who started this process, and is it still there? A worker never outlives its manager. */
import { readFileSync } from 'node:fs'

/** Servers that start FastCGI programs, end them, and are to be followed into the grave. */
const managers = new Set(['apache2', 'httpd', 'lighttpd', 'h2o', 'multiwatch', 'litespeed', 'lshttpd'])

/** Name of a process; undefined where /proc is not, or the process has gone. */
const processName = (pid: number): string | undefined => {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return undefined
  }
}

/**
 * Name of the server that started this process and manages it; undefined for those that only start it
 * and leave (spawn-fcgi, cgi-fcgi -start, a shell, systemd).
 */
export const managerName = (pid: number = process.ppid): string | undefined => {
  const name = processName(pid)
  return name !== undefined && managers.has(name) ? name : undefined
}

/** Calls back once the parent of this process is another one than now: the manager died. */
export const watchManager = (onGone: () => void, everyMs = 1000): (() => void) => {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    onGone()
  }, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}
