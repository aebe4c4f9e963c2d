/** `run()` as the primary of worker processes. Loaded only in that case. */
import { closeSync, openSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { UsageError } from '../core/errors.js'
import { guardStandardStreams } from '../core/standard-streams.js'
import { findManager, watchManager } from '../process/manager.js'
import { endOnSignals } from '../process/signals.js'
import { signalWhileLoading } from '../process/signals-while-loading.js'
import type { Serving } from '../process/worker.js'
import { Workers } from '../process/workers.js'
import { socketPath } from '../socket/unix-socket.js'
import { endEarly } from './begin.js'
import type { Detected } from './detect.js'
import { homeOf } from './http.js'
import type { Running } from './options.js'
import type { RunPlan } from './resolve.js'

let started = false

/**
 * Resolves when the first worker is ready.
 *
 * @throws UsageError WORKER_FAILED, USAGE when it is called again
 */
export async function startWorkers(plan: RunPlan, { sockets }: Detected): Promise<Running> {
  guardStandardStreams()
  // A second set of workers would also execute the first call of run(), and need its address.
  if (started) throw new UsageError('USAGE', 'run() with workers can be called only once per process.')
  started = true
  const count = plan.life.workers === 'auto' ? availableParallelism() : plan.life.workers || 1
  const path = socketPath(sockets?.[0]?.fd ?? 0)
  const manager = sockets ? findManager(path) : undefined
  if (manager === 'gone') process.exit(0)
  const workers = new Workers({
    workers: count,
    descriptors: sockets?.map(({ fd }) => fd) ?? [],
    // mod_fcgid makes a socket for each of its processes, and this is one of them.
    ...(manager?.name === 'mod_fcgid' && path && { ownPath: path }),
  })
  process.off('SIGUSR1', endEarly)
  const ending = endOnSignals({
    close: () => workers.close(),
    graceMs: 0,
    managed: manager !== undefined,
    onReload: () => void workers.reload(),
    onHangup: hangup(workers, () => ending.end('the terminal was closed')),
  })
  // SIGUSR2 requests a reload, but no worker has loaded older code yet.
  const told = signalWhileLoading()
  if (told === 'SIGTERM') setImmediate(() => ending.end(`${told} arrived while the app was being loaded`))
  // A second signal ends this process and its workers at once.
  const onExit = () => {
    if (workers.ending) workers.kill()
  }
  process.on('exit', onExit)
  const unwatch = manager && watchManager(manager, () => ending.end(`${manager.name} has exited`))
  const release = () => {
    if (unwatch) unwatch()
    ending.release()
    process.off('exit', onExit)
  }
  try {
    const serving = await workers.start()
    if (!serving.quiet && !plan.quiet && sockets === undefined)
      process.stderr.write(banner(serving, plan, count))
    return running(serving, async () => {
      await workers.close()
      release()
    })
  } catch (error) {
    release()
    throw error
  }
}

function running({ server, why, url, address }: Serving, close: () => Promise<void>): Running {
  return { server, why, role: 'primary', url, address, close }
}

function banner({ server, why, url }: Serving, { app }: RunPlan, count: number): string {
  const where = server === 'http' ? homeOf(url, app.mount) : url
  const name = server === 'http' ? 'HTTP' : server
  return `cgiup: ${where} (${name}: ${why}; ${count} ${count === 1 ? 'worker' : 'workers'}; Ctrl-C stops it)\n`
}

/**
 * SIGHUP reloads the workers. The kernel also sends it when a terminal is closed: then this process ends,
 * like any program.
 */
function hangup(workers: Workers, end: () => void): () => void {
  const hadTerminal = hasTerminal()
  return () => {
    if (hadTerminal && !hasTerminal()) end()
    else void workers.reload()
  }
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}
