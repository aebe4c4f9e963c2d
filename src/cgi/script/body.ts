/** The body of a script's reply: either complete or visibly broken, never truncated without notice. */
import { ProgramError } from '../../core/errors.js'
import type { ScriptRun } from './run.js'

/** How long the last announced chunk is held back to see whether more follows, in milliseconds. */
const surplusMs = 100

export class ScriptBody implements AsyncIterableIterator<Uint8Array> {
  #run: ScriptRun
  #first: Uint8Array[]
  #length: number | null
  #seen = 0
  #done = false

  /**
   * @param first the chunks received so far.
   * @param length bytes the script announced; null if it announced none.
   */
  constructor(run: ScriptRun, first: Uint8Array[], length: number | null) {
    this.#run = run
    this.#first = first
    this.#length = length
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#done) return { done: true, value: undefined }
    try {
      const piece = this.#first.shift() ?? (await this.#run.take())
      if (piece === null) return await this.#end()
      this.#seen += piece.byteLength
      if (this.#length !== null && this.#seen >= this.#length) await this.#last()
      return { done: false, value: piece }
    } catch (error) {
      this.#done = true
      throw await this.#run.fail(error)
    }
  }

  /** The reply is not needed any more. */
  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#done) this.#run.abandon()
    this.#done = true
    return { done: true, value: undefined }
  }

  async #end(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.#run.verdict()
    if (this.#length !== null && this.#seen < this.#length) throw this.#wrongLength('only')
    this.#done = true
    return { done: true, value: undefined }
  }

  /**
   * All announced bytes have arrived. If more follow, or the script dies by a signal, this chunk is never
   * sent, so that the client sees a broken reply. A script that then keeps its output open is left alone.
   */
  async #last(): Promise<void> {
    if (this.#seen > (this.#length as number)) throw this.#wrongLength('at least')
    const more = await this.#run.takeWithin(surplusMs)
    if (more) {
      this.#seen += more.byteLength
      throw this.#wrongLength('at least')
    }
    if (this.#run.outputEnded) await this.#run.verdict()
    else this.#run.discard()
    this.#done = true
  }

  #wrongLength(how: string): ProgramError {
    return new ProgramError(
      'PROGRAM_BODY_LENGTH',
      `Content-Length announced ${this.#length} bytes, the body has ${how} ${this.#seen}.`,
    )
  }
}
