/** Log lines of a process on stderr: some are written only once, and their rate is limited. */

/** Lines about bad peers that may be logged in a burst; then one per second. */
const burst = 20
/** How many different lines are remembered, so that each is logged only once. */
const mostKnown = 100

export class Log {
  readonly #write: (text: string) => void
  readonly #now: () => number
  readonly #said = new Set<string>()
  #tokens = burst
  #filledAt = 0
  #left = 0
  #leftSince = 0

  /**
   * @param write gets whole lines. Default: `process.stderr`
   * @param now a clock in milliseconds
   */
  constructor(write: ((text: string) => void) | undefined, now: () => number) {
    this.#write = write ?? ((text) => process.stderr.write(text))
    this.#now = now
  }

  line(text: string): void {
    this.#write(text.endsWith('\n') ? text : `${text}\n`)
  }

  /** Logs a line that concerns every reply of an app, but only once per process. */
  once(text: string): void {
    if (this.#said.has(text)) return
    // With too many different texts, repeats are not recognized: logging one again is better than losing it.
    if (this.#said.size >= mostKnown) this.#said.clear()
    this.#said.add(text)
    this.line(text)
  }

  /** Logs a line that any peer can cause as often as it likes: {@link burst} of them, then one per second. */
  complaint(text: string): void {
    this.#fill()
    if (this.#tokens >= 1) {
      this.#tokens--
      this.line(text)
      return
    }
    if (this.#left++ === 0) this.#leftSince = this.#now()
  }

  /** Logs how many complaints were omitted, when the rate allows a line; called regularly. */
  sweep(): void {
    if (this.#left === 0) return
    this.#fill()
    if (this.#tokens < 1) return
    this.#tokens--
    const seconds = Math.max(1, Math.round((this.#now() - this.#leftSince) / 1000))
    this.line(
      `cgiup: ${this.#left} more lines about rejected or malformed requests were omitted in ${seconds} s`,
    )
    this.#left = 0
  }

  #fill(): void {
    const now = this.#now()
    this.#tokens = Math.min(burst, this.#tokens + (now - this.#filledAt) / 1000)
    this.#filledAt = now
  }
}
