/**
 * Decides whether a process needs a primary to be recycled: another process must keep the socket open
 * meanwhile.
 */

import { isDevelopment } from '../core/development.js'
import { findManager } from '../process/manager.js'
import { socketPath } from '../socket/unix-socket.js'
import type { Detected } from './detect.js'
import type { RunPlan } from './resolve.js'

/**
 * 1 when `recycle` or `restartOnChange` need a worker process, else 0.
 *
 * lighttpd answers 500 and 503 from the moment its process stops until the next one listens, and mod_fcgid
 * starts at most one process in three seconds over time. If nothing else starts a new process, a primary
 * does. Only a change of the app under mod_fcgid, which is rare, is left to mod_fcgid: it tries the next
 * process when it cannot reach one.
 */
export function impliedWorkers({ life, development: asked }: RunPlan, { sockets }: Detected): number {
  const manager = sockets && findManager(socketPath(sockets[0]?.fd ?? 0))
  if (manager === 'gone') return 0
  if (Object.values(life.recycle ?? {}).some((limit) => limit !== undefined)) return 1
  if (manager?.name === 'mod_fcgid') return 0
  const development = isDevelopment('fastcgi', asked)
  return (life.restartOnChange ?? (development && manager?.renews === true)) ? 1 : 0
}
