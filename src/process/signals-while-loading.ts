/** Signals that come before there is anything to end: the process still loads the app. */

/** How long loading may take after the signal, in milliseconds. */
const loadingMs = 5000

const signals = ['SIGTERM', 'SIGUSR2'] as const
type EarlySignal = (typeof signals)[number]

let told: EarlySignal | undefined
let late: NodeJS.Timeout | undefined

/** From now on, until {@link signalWhileLoading}. */
export function watchEarlySignals(): void {
  for (const signal of signals) process.on(signal, endLater)
}

/**
 * For a process that was started for a socket: requests wait there (mod_fcgid starts one for a request),
 * so that the signal counts once they have been served. mod_fcgid repeats SIGTERM: a second one says nothing
 * new.
 */
function endLater(signal: EarlySignal): void {
  // The app's own handler decides.
  if (told === 'SIGTERM' || process.listenerCount(signal) > 1) return
  told = signal
  late ??= setTimeout(() => process.exit(0), loadingMs).unref()
}

/** The signal that has come; from now on somebody else looks after them. */
export function signalWhileLoading(): EarlySignal | undefined {
  for (const signal of signals) process.off(signal, endLater)
  clearTimeout(late)
  return told
}
