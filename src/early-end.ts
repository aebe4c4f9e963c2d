/** Signals that come before there is anything to end: the process still loads the app. */

/** How long loading may take after SIGTERM, in milliseconds. */
const LOADING_MS = 5000

let told = false

/**
 * For a process that was started for a socket: requests wait there (mod_fcgid starts one for a request),
 * so that SIGTERM counts once they have been served. mod_fcgid repeats it: a second one says nothing new.
 */
export function endLater(): void {
  // The app's own handler decides.
  if (told || process.listenerCount('SIGTERM') > 1) return
  told = true
  setTimeout(() => process.exit(0), LOADING_MS).unref()
}

/** Whether SIGTERM has come; from now on somebody else looks after it. */
export function wasTold(): boolean {
  process.off('SIGTERM', endLater)
  return told
}
