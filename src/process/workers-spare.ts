/**
 * A spare worker that has loaded the app: it replaces the next worker that a request crashes, so that no
 * request waits while the app loads. It exists only while workers crash.
 */
import type { WorkerChild } from './workers-child.js'

/** How long the spare is kept after the last crash, in milliseconds: it takes the memory of a process. */
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

  /** A request crashed a worker: more crashes may follow. */
  want(): void {
    if (!this.#wanted)
      this.#log(
        'requests are crashing workers: a spare worker is kept ready until a minute passes without a crash',
      )
    this.#wanted = true
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.stop(), spareMs).unref()
  }

  /** All workers are serving, so the spare may use the CPU to start. */
  start(): void {
    if (this.#wanted && this.#child === null) this.#child = this.#spawn()
  }

  /** For a slot whose worker has crashed; null when there is no spare. */
  take(): WorkerChild | null {
    const child = this.#child
    this.#child = null
    return child
  }

  /** Replaces the spare: its code is outdated. */
  renew(): void {
    this.take()?.kill()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#wanted = false
    this.renew()
  }

  /** @returns true if it was the spare, which is started again after the next crash */
  exited(child: WorkerChild): boolean {
    if (child !== this.#child) return false
    this.#child = null
    return true
  }
}
