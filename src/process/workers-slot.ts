/** A slot for a worker: its current process, and the next one. */
import type { WorkerChild } from './workers-child.js'

/** A worker that ends at a lower age, without having had a request, crashed at startup. In milliseconds. */
const youngMs = 5000

/** Time after which a worker that is still not ready is logged, in milliseconds. */
const lateMs = 30_000

/** Longest pause of the first slot while no worker is serving, in milliseconds. */
const urgentMs = 5000

/**
 * Pause before a worker is restarted, in milliseconds: none, then 1 s, 2 s, 4 s … 30 s.
 *
 * @param failures workers in a row that ended before their first request
 */
export const pauseAfter = (failures: number): number =>
  failures <= 1 ? 0 : Math.min(1000 * 2 ** (failures - 2), 30_000)

export interface Crew {
  /** All workers are ending: none is started any more. */
  readonly ending: boolean
  /** At least one worker is serving. */
  readonly serves: boolean
  /** @param spare take the spare worker, if there is one */
  spawn(slot: Slot, spare: boolean): WorkerChild
  /** A worker crashed after a request had reached it. */
  crashed(): void
  log(line: string): void
}

export class Slot {
  readonly number: number
  /** The serving worker. */
  current: WorkerChild | null = null
  /** How the last worker ended. */
  lastExit = ''
  /** The worker that is starting; it replaces `current` once it is ready. */
  next: WorkerChild | null = null
  readonly #crew: Crew
  #failures = 0
  #retry: () => boolean = always
  #timer: NodeJS.Timeout | undefined
  #started: Promise<boolean> = Promise.resolve(false)
  #settle: (serves: boolean) => void = () => {}

  /** @param number from 1, for the log */
  constructor(number: number, crew: Crew) {
    this.number = number
    this.#crew = crew
  }

  /**
   * Starts a worker unless one is already starting. Resolves with whether it became ready to serve.
   *
   * @param retry called if it does not: whether to start another one
   * @param spare the spare worker may be used
   */
  start(retry = always, spare = false): Promise<boolean> {
    if (this.next !== null || this.#crew.ending) return this.#started
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#retry = retry
    this.#started = new Promise((resolve) => {
      this.#settle = resolve
    })
    const child = this.#crew.spawn(this, spare)
    this.next = child
    const late = setTimeout(() => this.#crew.log(`${this.#name(child)} is still not ready`), lateMs).unref()
    void this.#started.then(() => clearTimeout(late))
    return this.#started
  }

  /** Starts a new worker to replace the current one; if that fails, the current one keeps serving. */
  async replace(): Promise<boolean> {
    if (this.next !== null) await this.#started
    // The current one may crash meanwhile.
    return this.start(() => this.current === null)
  }

  /** The starting worker is ready: the current one may end. */
  serves(child: WorkerChild): void {
    if (child !== this.next) return
    const old = this.current
    this.current = child
    this.next = null
    old?.end(true)
    this.#settle(true)
  }

  /** @param how `exit code 1`, `SIGSEGV` */
  exited(child: WorkerChild, how: string): void {
    this.lastExit = how
    const wasNext = child === this.next
    if (wasNext) {
      this.next = null
      this.#settle(false)
    } else if (child === this.current) this.current = null
    if (child.ending || this.#crew.ending) {
      if (!this.#crew.ending && how !== 'exit code 0') this.#say(child, how, 'during shutdown', '')
    } else this.#failed(child, how, wasNext)
  }

  /** No worker is serving: end the pause before the next start. */
  hurry(): void {
    if (this.#timer === undefined) return
    this.#failures = 0
    void this.start()
  }

  /** Starts no more workers. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#settle(false)
  }

  /**
   * A worker that had a request probably crashed because of it: the next one starts at once, because other
   * requests are waiting. Only workers that end before their first request are restarted after a pause.
   */
  #failed(child: WorkerChild, how: string, wasNext: boolean): void {
    const young = wasNext || performance.now() - child.startedAt < youngMs
    this.#failures = child.asked ? 0 : young ? this.#failures + 1 : 1
    const when = wasNext ? 'before it was ready' : 'while serving'
    if (this.next !== null) this.#say(child, how, when, 'the next one is already starting')
    else if (wasNext && !this.#retry()) {
      if (this.current !== null) this.#say(child, how, when, 'the old worker keeps serving')
    } else {
      const pause = this.#pause()
      const then = pause === 0 ? 'the next one starts now' : `the next one starts in ${pause / 1000} s`
      this.#say(child, how, when, then)
      if (pause === 0) void this.start(always, child.asked)
      else this.#timer = setTimeout(() => void this.start(), pause)
    }
    if (child.asked) this.#crew.crashed()
  }

  #pause(): number {
    const pause = pauseAfter(this.#failures)
    return this.number === 1 && !this.#crew.serves ? Math.min(pause, urgentMs) : pause
  }

  #name(child: WorkerChild): string {
    return `worker ${this.number} (process ${child.pid})`
  }

  #say(child: WorkerChild, how: string, when: string, then: string): void {
    const line = `${this.#name(child)} ended ${when}: ${how}`
    this.#crew.log(then === '' ? line : `${line}; ${then}`)
  }
}

function always(): boolean {
  return true
}
