/** Signals that arrive while the process still loads the app. */

/** How long loading may take after the signal, in milliseconds. */
const loadingMs = 5000

const signals = ['SIGTERM', 'SIGUSR2'] as const
type EarlySignal = (typeof signals)[number]

let told: EarlySignal | undefined
let late: NodeJS.Timeout | undefined

/** Starts watching, until {@link signalWhileLoading}. */
export function watchEarlySignals(): void {
  for (const signal of signals) process.on(signal, endLater)
}

/**
 * A process that was started for a socket has requests waiting (mod_fcgid starts one for a request), so the
 * signal takes effect after they have been served. mod_fcgid repeats SIGTERM; the second one is ignored.
 */
function endLater(signal: EarlySignal): void {
  // The app's own handler decides.
  if (told === 'SIGTERM' || process.listenerCount(signal) > 1) return
  told = signal
  late ??= setTimeout(() => process.exit(0), loadingMs).unref()
}

/** The signal that has arrived, if any. The caller handles signals from now on. */
export function signalWhileLoading(): EarlySignal | undefined {
  for (const signal of signals) process.off(signal, endLater)
  clearTimeout(late)
  return told
}
