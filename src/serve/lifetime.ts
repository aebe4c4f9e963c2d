/** The lifetime of an exchange: until its reply has ended, and its background work has settled. */
export class Lifetime {
  /** The exchange itself, and unsettled work. */
  #holders = 1
  #tasks: (() => void)[] = []

  /** Extends the lifetime until this work has settled. */
  hold(work: PromiseLike<unknown>): void {
    this.#holders++
    work.then(this.end, this.end)
  }

  /** Called once, when the exchange has ended. */
  readonly end = (): void => {
    if (--this.#holders > 0) return
    const tasks = this.#tasks
    this.#tasks = []
    for (const task of tasks) task()
  }

  /** @param task called at the end; immediately if that has already happened */
  afterwards(task: () => void): void {
    if (this.#holders > 0) this.#tasks.push(task)
    else task()
  }
}
