/** Ends a persistent process on signals, or on request. */
import { endProcess } from '../serve/process-end.js'

export interface EndOptions {
  /** Stops accepting and finishes running requests. */
  readonly close: (graceMs: number) => Promise<void>
  /** How long running requests may take, in milliseconds; then they are aborted. */
  readonly graceMs: number
  /**
   * A server that repeats SIGTERM (mod_fcgid, after 1.3 s) started the process: a second one does not force
   * it to exit. Otherwise the second signal ends the process at once.
   */
  readonly managed: boolean
  /** Called on SIGHUP, which then does not end the process. */
  readonly onHangup?: () => void
  /** Called on SIGUSR2 to start new workers; the signal then does not end the process. */
  readonly onReload?: () => void
  /** Called when shutdown begins, with the reason. */
  readonly onEnd?: (why: string) => void
}

/**
 * FastCGI 1.0 section 7: "SIGTERM ... the application should exit". SIGUSR1 ends libfcgi programs gracefully.
 * SIGHUP: a closed terminal, or Apache's restart. SIGUSR2 makes uWSGI and php-fpm reload, which needs workers
 * here.
 */
const endSignals = ['SIGTERM', 'SIGINT', 'SIGUSR1', 'SIGUSR2', 'SIGHUP'] as const

export const reloadHint =
  'SIGUSR2 ends this process gracefully; started with --workers, it would reload the code instead (docs/workers.md)'

export interface GracefulEnd {
  /** Ends the process as SIGTERM does. @param why for the log */
  end(why: string): void
  /** Shutdown has begun. */
  readonly begun: boolean
  /** Removes the signal handlers. */
  release(): void
}

/** Ends the process gracefully, with exit code 0, on the signals that servers send. */
export function endOnSignals(options: EndOptions): GracefulEnd {
  let begun = false
  const end = (why: string, signal?: NodeJS.Signals) => {
    if (begun) return
    begun = true
    options.onEnd?.(why)
    // An app with its own handler has cleanup to do, and ends the process itself.
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
      // This signal may also belong to the app, or to Node's heap snapshots and reports.
      if (process.listenerCount(signal) > 1) return
      if (options.onReload !== undefined) {
        if (!begun) options.onReload()
        return
      }
      if (!begun) process.stderr.write(`cgiup: ${reloadHint}\n`)
    }
    if (begun && (!options.managed || signal === 'SIGINT')) endProcess(`${signal} was received a second time`)
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
