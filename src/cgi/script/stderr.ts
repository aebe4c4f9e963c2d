/** A script's standard error: line by line, prefixed with its name, limited. */
import type { LimitOptions } from '../../core/limits/limit.js'
import { stderrLimits } from '../../core/limits/scripts.js'

export type StderrLimits = LimitOptions<typeof stderrLimits>

/** Characters kept from the end for error pages. */
const tailLength = 4096

export class StderrLines {
  readonly #prefix: string
  readonly #write: (text: string) => void
  readonly #maxLine: number
  readonly #max: number
  #line = ''
  #overlong = false
  #total = 0
  #tail = ''

  constructor(prefix: string, write: (text: string) => void, limits: StderrLimits) {
    this.#prefix = prefix
    this.#write = write
    this.#maxLine = limits.maxStderrLine ?? stderrLimits.maxStderrLine.standard
    this.#max = limits.maxStderr ?? stderrLimits.maxStderr.standard
  }

  push(text: string): void {
    this.#tail = (this.#tail + text).slice(-tailLength)
    let from = 0
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      this.#add(text.slice(from, at))
      this.#endLine()
      from = at + 1
    }
    this.#add(text.slice(from))
  }

  end(): void {
    if (this.#line !== '') this.#endLine()
  }

  /** The last output, in whole lines if possible. */
  get tail(): string {
    if (this.#tail.length < tailLength) return this.#tail
    return this.#tail.slice(this.#tail.indexOf('\n') + 1)
  }

  #add(text: string): void {
    const room = this.#maxLine - this.#line.length
    if (text.length > room) this.#overlong = true
    this.#line += text.slice(0, Math.max(0, room))
  }

  #endLine(): void {
    const line = this.#line.replace(/\r$/, '') + (this.#overlong ? ' [line cut]' : '')
    this.#line = ''
    this.#overlong = false
    if (this.#total > this.#max) return
    this.#total += line.length + 1
    if (this.#total > this.#max)
      this.#write(`${this.#prefix}[more than ${this.#max} characters; the rest is omitted]\n`)
    else this.#write(`${this.#prefix}${visible(line)}\n`)
  }
}

/** Logs are read on terminals: control characters (except tabs) must not affect them. */
export function visible(line: string): string {
  return line.replace(/[^\P{Cc}\t]/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
