/**
 * A worker that has loaded the app and waits: it takes the place of the next one that crashes by a request, so
 * that nobody waits while the app is loaded. There is one only while workers crash.
 */
import type { WorkerChild } from './workers-child.js'

/** How long after the last crash it is kept, in milliseconds: it costs the memory of a process. */
const spareMs = 60_000

export class Spare {
  readonly #spawn: () => WorkerChild
  readonly #log: (line: string) => void
  #child: WorkerChild | null = null
  #wanted = false
  #timer: NodeJS.Timeout | undefined

  constructor(spawn: () => WorkerChild, log: (line: string) => void) {
    this.#spawn = spawn
    this.#log = log
  }

  /** A worker has crashed by a request: others may. */
  want(): void {
    if (!this.#wanted)
      this.#log(
        'requests crash workers: one spare worker is kept ready until there has been no crash for a minute',
      )
    this.#wanted = true
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.stop(), spareMs).unref()
  }

  /** All workers serve: this one may take the processor. */
  start(): void {
    if (this.#wanted && this.#child === null) this.#child = this.#spawn()
  }

  /** For a slot whose worker has crashed; null where there is none. */
  take(): WorkerChild | null {
    const child = this.#child
    this.#child = null
    return child
  }

  /** Its code is not the newest any more. */
  renew(): void {
    this.take()?.kill()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#wanted = false
    this.renew()
  }

  /** @returns it was this one, which is tried again after the next crash */
  exited(child: WorkerChild): boolean {
    if (child !== this.#child) return false
    this.#child = null
    return true
  }
}
