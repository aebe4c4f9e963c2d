/** How a persistent process ends: on signals, and on orders of its own. */
import { endProcess } from '../serve/process-end.js'

export interface EndOptions {
  /** Stops accepting and finishes running requests. */
  readonly close: (graceMs: number) => Promise<void>
  /** How long running requests may take, in milliseconds; then they are broken off. */
  readonly graceMs: number
  /**
   * A server that repeats SIGTERM started the process (mod_fcgid, after 1.3 s): a second one is not an order
   * to hurry. Else the second signal ends the process at once.
   */
  readonly managed: boolean
  /** Called on SIGHUP, which then does not end the process. */
  readonly onHangup?: () => void
  /** Called on SIGUSR2, which then does not end the process: fresh workers are started. */
  readonly onReload?: () => void
  /** Called when the end begins, with the reason. */
  readonly onEnd?: (why: string) => void
}

/**
 * FastCGI 1.0 section 7: "SIGTERM ... the application should exit". SIGUSR1 is what libfcgi's programs end
 * on gracefully. SIGHUP: a terminal that is closed, Apache's restart. SIGUSR2: uWSGI's and php-fpm's programs
 * reload on it, which takes workers.
 */
const endSignals = ['SIGTERM', 'SIGINT', 'SIGUSR1', 'SIGUSR2', 'SIGHUP'] as const

export const reloadHint =
  'SIGUSR2 ends this process gracefully; started with --workers, it would reload the code instead (docs/workers.md)'

export interface GracefulEnd {
  /** Ends the process as SIGTERM does. @param why for the log */
  end(why: string): void
  /** The end has begun. */
  readonly begun: boolean
  /** Takes the signal handlers off. */
  release(): void
}

/** Ends the process gracefully, with exit code 0, on the signals that servers send. */
export function endOnSignals(options: EndOptions): GracefulEnd {
  let begun = false
  const end = (why: string, signal?: NodeJS.Signals) => {
    if (begun) return
    begun = true
    options.onEnd?.(why)
    // An app with a handler of its own has work to do, and ends the process itself.
    const others = signal !== undefined && process.listenerCount(signal) > 1
    const closed = options.close(options.graceMs).catch((error: unknown) => {
      process.stderr.write(`cgiup: closing failed: ${error instanceof Error ? error.stack : error}\n`)
    })
    void closed.then(() => {
      if (others) setTimeout(() => process.exit(0), options.graceMs).unref()
      else process.exit(0)
    })
  }
  const onSignal = (signal: NodeJS.Signals) => {
    if (signal === 'SIGHUP' && options.onHangup !== undefined) {
      if (!begun) options.onHangup()
      return
    }
    if (signal === 'SIGUSR2') {
      // Heap snapshots and reports of Node's own are asked for by it too, and apps may use it.
      if (process.listenerCount(signal) > 1) return
      if (options.onReload !== undefined) {
        if (!begun) options.onReload()
        return
      }
      if (!begun) process.stderr.write(`cgiup: ${reloadHint}\n`)
    }
    if (begun && (!options.managed || signal === 'SIGINT')) endProcess(`${signal} came again`)
    end(signal, signal)
  }
  for (const signal of endSignals) process.on(signal, onSignal)
  return {
    end,
    get begun() {
      return begun
    },
    release() {
      for (const signal of endSignals) process.off(signal, onSignal)
    },
  }
}
