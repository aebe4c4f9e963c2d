/** The life of an exchange: until its reply has ended, and the work that was begun for it is settled. */
export class Lifetime {
  /** The exchange itself, and works that are not settled. */
  #holders = 1
  #tasks: (() => void)[] = []

  /** Lasts until this is settled, too. */
  hold(work: PromiseLike<unknown>): void {
    this.#holders++
    work.then(this.end, this.end)
  }

  /** To be called once, when the exchange has ended. */
  readonly end = (): void => {
    if (--this.#holders > 0) return
    const tasks = this.#tasks
    this.#tasks = []
    for (const task of tasks) task()
  }

  /** @param task called at the end; at once when that has come */
  afterwards(task: () => void): void {
    if (this.#holders > 0) this.#tasks.push(task)
    else task()
  }
}
