/** `run()` in a persistent process: HTTP, FastCGI, SCGI, or the primary of workers. CGI scripts do not load it. */
import type { App } from '../app/types.js'
import { isDevelopment } from '../core/development.js'
import { checkOptions } from './check.js'
import type { Detected } from './detect.js'
import type { Running, RunOptions } from './options.js'
import type { RunPlan } from './resolve.js'

/** @throws UsageError USAGE, REPAIRS_INVALID, ADDRESS_INVALID, LISTEN_TAKEN, LISTEN_FAILED */
export async function startPersistent(
  app: App,
  options: RunOptions,
  plan: RunPlan,
  found: Detected,
): Promise<Running> {
  await checkOptions(options)
  if (await needsWorkers(plan, found)) {
    const { startWorkers } = await import('./workers.js')
    return startWorkers(plan, found)
  }
  if (
    found.server === 'http' &&
    found.sockets === undefined &&
    // In development a server ends at once, without waiting for requests in transit.
    isDevelopment('http', plan.development) &&
    !(await isWorker())
  ) {
    const { startHttp } = await import('./http.js')
    return startHttp(app, plan, found)
  }
  const { startDaemon } = await import('./daemon.js')
  return startDaemon(app, plan, found)
}

/** True when this process should manage worker processes. Loads nothing when that is impossible. */
export async function needsWorkers(plan: RunPlan, found: Detected): Promise<boolean> {
  const { development } = plan
  const { workers, recycle, restartOnChange } = plan.life
  if (!workers && !recycle && !(restartOnChange ?? isDevelopment('fastcgi', development))) return false
  if (found.server === 'cgi' || (await isWorker())) return false
  return Boolean(workers) || (await import('./implied-workers.js')).impliedWorkers(plan, found) > 0
}

/** True when a primary started this process. Loads nothing when that is impossible. */
async function isWorker(): Promise<boolean> {
  if (process.send === undefined) return false
  const { currentWorker } = await import('../process/worker.js')
  return currentWorker() !== undefined
}
