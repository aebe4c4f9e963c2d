/** May other processes serve the same app? What the launcher of a process lets one see of it. */
import { existsSync } from 'node:fs'
import type { Manager } from './manager.js'

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
