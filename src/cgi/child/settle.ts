/** Lets scheduled callbacks run before the process ends: frameworks write log lines after their reply. */

/** How long callbacks that schedule further ones may continue, in milliseconds. */
const callbacksMs = 100

/** Node's names for file operations in threads, and for writes to pipes and sockets. */
const fileRequests = /^FSReq/
const writeRequests = /WriteWrap$|^ShutdownWrap$/

export interface SettleOptions {
  /** How long writes may take, in milliseconds. */
  readonly writesMs: number
  /** How many threads work for cgiup itself; they are not waited for. */
  readonly ours: () => number
  /** Called once, if it takes longer than one turn of the event loop. */
  readonly waits: () => void
}

/**
 * Resolves when nothing is about to run: no promise reaction, no `setImmediate`, no timer that is due
 * (`setTimeout` of 0 or 1), no write to a file or pipe. Open connections, servers and later timers are not
 * waited for.
 *
 * @returns false if a thread is still busy with a file: the process would wait for it
 */
export async function settle({ writesMs, ours, waits }: SettleOptions): Promise<boolean> {
  await immediate()
  const started = Date.now()
  let told = false
  // An app may keep some timers forever: waiting continues only while their number decreases.
  let timers = Number.POSITIVE_INFINITY
  for (;;) {
    const now = activity()
    const elapsed = Date.now() - started
    const files = now.files - ours()
    const writing = files + now.writes > 0 && elapsed < writesMs
    const calling = (now.immediates > 0 || (now.timers > 0 && now.timers < timers)) && elapsed < callbacksMs
    if (!writing && !calling) return files <= 0
    if (!told) waits()
    told = true
    if (now.immediates > 0 && !writing) await immediate()
    else {
      timers = now.timers
      // Runs after all timers that were due, because it has the shortest possible delay.
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
}

function activity() {
  const count = { immediates: 0, timers: 0, files: 0, writes: 0 }
  for (const name of process.getActiveResourcesInfo()) {
    if (name === 'Immediate') count.immediates++
    else if (name === 'Timeout') count.timers++
    else if (fileRequests.test(name)) count.files++
    else if (writeRequests.test(name)) count.writes++
  }
  return count
}

function immediate(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
