/** How a persistent process ends: signals, a manager that has gone, an order of its own. */

export interface EndOptions {
  /** Stops accepting and finishes running requests. */
  readonly close: (graceMs: number) => Promise<void>
  /**
   * How long running requests may take after the signal, in milliseconds; then they are
   * broken off.
   */
  readonly graceMs: number
  /**
   * The process was started by a server that repeats SIGTERM (mod_fcgid, after 1.3 s): a second one is
   * no order to hurry. Without a manager a second signal ends the process at once.
   */
  readonly managed: boolean
  /** Called when the end begins, with the reason. */
  readonly onEnd?: (why: string) => void
}

/** FastCGI 1.0 section 7: "SIGTERM ... the application should exit"; SIGUSR1 is libfcgi's graceful end. */
const endSignals = ['SIGTERM', 'SIGINT', 'SIGUSR1', 'SIGHUP'] as const

export interface Ending {
  /** Ends the process as SIGTERM does. @param why for the log */
  end(why: string): void
  /** Takes the signal handlers off. */
  release(): void
}

/** Ends the process gracefully, with exit code 0, on the signals that servers send. */
export function endOnSignals(options: EndOptions): Ending {
  let ending = false
  const end = (why: string) => {
    if (ending) return
    ending = true
    options.onEnd?.(why)
    void options.close(options.graceMs).finally(() => process.exit(0))
  }
  const onSignal = (signal: NodeJS.Signals) => {
    if (ending && (!options.managed || signal === 'SIGINT')) process.exit(0)
    end(signal)
  }
  for (const signal of endSignals) process.on(signal, onSignal)
  return {
    end,
    release() {
      for (const signal of endSignals) process.off(signal, onSignal)
    },
  }
}
