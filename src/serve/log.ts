/** The lines of a process on stderr: said once where once is enough, and never a flood. */

/** Lines about bad peers that may come together; then one a second. */
const burst = 20
/** Different lines that are kept so that each is logged only once. */
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

  /** What holds for every reply of an app is logged once in the life of the process. */
  once(text: string): void {
    if (this.#said.has(text)) return
    // Texts with a value in them are no longer told from new ones: said again rather than not at all.
    if (this.#said.size >= mostKnown) this.#said.clear()
    this.#said.add(text)
    this.line(text)
  }

  /** A line that any peer can cause as often as it likes: {@link burst} of them, then one a second. */
  complaint(text: string): void {
    this.#fill()
    if (this.#tokens >= 1) {
      this.#tokens--
      this.line(text)
      return
    }
    if (this.#left++ === 0) this.#leftSince = this.#now()
  }

  /** Tells how many complaints were left out, when there is room for a line; called now and then. */
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
