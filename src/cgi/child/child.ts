/** This process is the script: it answers one request and ends. */

import { RequestError, UsageError } from '../../core/errors.js'
import type { Exchange, Gateway, Handler, Reply } from '../../core/exchange.js'
import { cgiLimits } from '../../core/limits/cgi.js'
import { type LimitOptions, type LimitValues, limitValues } from '../../core/limits/limit.js'
import { within } from '../../core/wait-at-most.js'
import { contentLengthOf } from '../../env/headers.js'
import { checkRequest, isNph } from '../codec/check.js'
import { logLine, textOf, workFailed } from '../codec/error-text.js'
import { answerCgi, type Outcome } from './answer.js'
import { DescriptorSource, detach, isFlow } from './descriptor.js'
import { readEnviron } from './environ.js'
import { StdoutWriter } from './output.js'
import { settle } from './settle.js'
import { Stdin } from './stdin.js'
import { isProcessExit, ProcessExit, type TakenStdio, takeStdout, writePage, writeStderr } from './stdio.js'

export interface ChildOptions extends LimitOptions<typeof cgiLimits> {
  /** Creates the reply for an error of the handler. Default: a plain page with the error's status. */
  readonly onError?: (error: unknown, exchange: Exchange) => Reply | Promise<Reply>
  /** Write whole HTTP responses (RFC 3875 section 5). Default: when the script's name begins with `nph-`. */
  readonly nph?: boolean
}

/** How long stderr stays open for `waitUntil` work, in milliseconds: mod_cgi waits until it is closed. */
const lastWordsMs = 100

const gateway: Gateway = { protocol: 'cgi', role: 'responder', runOnce: true, multiprocess: true }

/**
 * Answers the request that the environment of this process describes, on its stdin and stdout, and ends the
 * process: docs/cgi-script.md lists the exit codes. The promise resolves just before the end.
 *
 * @throws UsageError USAGE when it is called again
 */
export async function serveCgi(handler: Handler, options: ChildOptions = {}): Promise<void> {
  const stdio = takeStdout()
  if (stdio.ending) throw new UsageError('USAGE', 'run() was called twice; a CGI script answers one request.')
  return new Child(stdio, options).serve(handler)
}

class Child {
  readonly #stdio: TakenStdio
  readonly #options: ChildOptions
  readonly #limits: LimitValues<typeof cgiLimits>
  readonly #wire: StdoutWriter
  readonly #source = new DescriptorSource(0)
  readonly #stdin: Stdin
  readonly #exchange: Exchange
  readonly #checked: RequestError | null
  readonly #nph: boolean
  readonly #work = new Set<Promise<unknown>>()
  #phase: 'answering' | 'draining' | 'settling' | 'working' = 'answering'
  #abort: AbortController | null = null
  #gone: RequestError | null = null
  #failed = false
  /** Clock time until which pending writes of the app are waited for; 0 before the wait begins. */
  #writesUntil = 0
  /** A thread of the app was busy with a file for longer than settleMs. */
  #stuck = false
  /** Set when the app called `process.exit()`. */
  #exitIdleMs: number | null = null
  #interrupt: (reason: unknown) => void = ignore
  readonly #interrupted: Promise<never>

  constructor(stdio: TakenStdio, options: ChildOptions) {
    this.#stdio = stdio
    this.#options = options
    this.#limits = limitValues(cgiLimits, options)
    const env = readEnviron()
    this.#checked = checkRequest(env)
    this.#nph = options.nph ?? isNph(env)
    this.#stdin = new Stdin(this.#source, this.#checked ? 0 : contentLengthOf(env), options)
    this.#wire = new StdoutWriter({
      fd: 1,
      stdio,
      mayBlock: () => this.#stdin.ended,
      stuck: (stuck) => this.#stdin.readAhead(stuck),
    })
    this.#interrupted = new Promise((_, reject) => {
      this.#interrupt = reject
    })
    this.#interrupted.catch(ignore)
    const signal = () => this.#signal
    this.#exchange = {
      env,
      stdin: this.#stdin,
      gateway,
      maxBodyBytes: options.maxBodyBytes,
      get signal() {
        return signal()
      },
      stderr: (text) => writeStderr(text),
      waitUntil: (work) => this.#waitUntil(work),
    }
    this.#stdin.onGone = (error) => this.#abortWith(error)
  }

  async serve(handler: Handler): Promise<void> {
    process.on('SIGTERM', this.#onTerminate)
    process.prependListener('uncaughtException', this.#onUncaught)
    this.#stdio.exiting = () => void this.#exitAsked()
    this.#stdio.ending = (code) => this.#ending(code)
    const refused = this.#checked
    const outcome = await answerCgi(refused ? () => Promise.reject(refused) : handler, {
      exchange: this.#exchange,
      sink: this.#wire,
      nph: this.#nph,
      onError: refused ? undefined : this.#options.onError,
      onGone: () => this.#abortWith(new RequestError('REQUEST_ABORTED')),
      interrupted: this.#interrupted,
    })
    await this.#finish(outcome)
  }

  async #finish(outcome: Outcome): Promise<void> {
    this.#phase = 'draining'
    if (outcome.failed) this.#failed = true
    const whole = !outcome.cut && !outcome.gone
    if (outcome.released) await within(this.#exitIdleMs ?? this.#limits.terminateMs, outcome.released)
    // A cut reply leaves the rest of stdin unread: if stdin and stdout are one socket (mod_cgid), the web
    // server then sees a reset instead of an end.
    if (whole && !this.#stdin.ended) {
      detach(1)
      await this.#stdin.drain()
    }
    this.#stdin.cancel()
    this.#phase = 'settling'
    // This includes work that is about to end, such as every Node app's wait for 'close'.
    if (this.#work.size > 0) await this.#settle(whole)
    // After process.exit() only the reply and callbacks that were scheduled before are waited for.
    if (this.#work.size > 0 && this.#exitIdleMs === null) await this.#finishWork()
    // After the microtasks: code that awaits serveCgi() runs first.
    process.nextTick(() => void this.#end(whole, outcome.cut ? 'SIGTERM' : undefined))
  }

  async #end(whole: boolean, signal?: NodeJS.Signals): Promise<void> {
    this.#phase = 'settling'
    await this.#settle(whole)
    // A normal exit would wait for the busy thread; SIGTERM does not.
    this.#leave(signal ?? (this.#stuck ? 'SIGTERM' : undefined))
  }

  /** @param whole the reply is complete, so the web server need not wait for the end */
  async #settle(whole: boolean): Promise<void> {
    this.#writesUntil ||= Date.now() + this.#limits.settleMs
    const settled = await settle({
      writesMs: this.#writesUntil - Date.now(),
      ours: () => Number(this.#source.pending) + Number(this.#wire.pending),
      waits: () => whole && detach(1),
    })
    this.#stuck = !settled
  }

  /** Ends the reply for the server before the work ends: mod_cgi also waits for the end of stderr. */
  async #finishWork(): Promise<void> {
    this.#phase = 'working'
    this.#stdio.exiting = null
    detach(1)
    detach(0)
    this.#writesUntil = 0
    const { waitUntilMs } = this.#limits
    const deadline = Date.now() + waitUntilMs
    // An error that occurs soon can still be logged.
    await within(Math.min(lastWordsMs, waitUntilMs), Promise.all(this.#work))
    if (this.#work.size > 0 && isFlow(2)) detach(2)
    while (this.#work.size > 0 && Date.now() < deadline) {
      await within(deadline - Date.now(), Promise.all(this.#work))
    }
    if (this.#work.size === 0) return
    this.#log(`waitUntil work was not done after ${waitUntilMs} ms (waitUntilMs) and is abandoned.`)
    this.#failed = true
  }

  #waitUntil(work: Promise<unknown>): void {
    const done = Promise.resolve(work).then(ignore, (error) => {
      this.#failed = true
      writeStderr(workFailed(this.#exchange.env, error))
    })
    this.#work.add(done)
    void done.then(() => this.#work.delete(done))
  }

  get #signal(): AbortSignal {
    if (!this.#abort) {
      this.#abort = new AbortController()
      if (this.#gone) this.#abort.abort(this.#gone)
    }
    return this.#abort.signal
  }

  #abortWith(reason: RequestError): void {
    this.#gone ??= reason
    this.#abort?.abort(this.#gone)
  }

  readonly #onTerminate = (): void => {
    // lighttpd sends SIGTERM as soon as it has Content-Length bytes, mod_cgi at the end of stdout: work after
    // the reply continues until it is done or killed.
    if (this.#phase === 'settling' || this.#phase === 'working') return
    this.#abortWith(
      new RequestError('REQUEST_ABORTED', 'The web server asked this process to stop (SIGTERM).'),
    )
    const end = () => {
      if (!this.#stdio.written) {
        this.#log(
          'answered with 500: the web server asked this process to stop (SIGTERM) before it had a reply',
        )
        writePage(this.#stdio, this.#nph)
      }
      this.#leave('SIGTERM')
    }
    if (this.#phase === 'draining') void this.#end(false, 'SIGTERM')
    else setTimeout(end, this.#limits.terminateMs)
  }

  /** Runs before all other listeners: those of the app run later and may call `process.exit()`. */
  readonly #onUncaught = (error: unknown): void => {
    this.#stdio.unwinding = true
    setImmediate(() => {
      this.#stdio.unwinding = false
    })
    if (isProcessExit(error)) return
    // The app has listeners of its own, which decide.
    if (process.listenerCount('uncaughtException') > 1) return
    this.#failed = true
    if (this.#phase === 'answering') {
      this.#interrupt(error)
      return
    }
    this.#log(textOf(error))
    if (this.#phase === 'working') void this.#end(false)
  }

  /** Continues until the reply ends; then exits as the app asked. */
  async #exitAsked(): Promise<void> {
    this.#stdio.exiting = ignore
    const idleMs = this.#options.exitIdleMs ?? 50
    this.#exitIdleMs = idleMs
    let seen = -1
    while (this.#phase === 'answering' && (this.#wire.pending || this.#wire.bytes !== seen)) {
      seen = this.#wire.bytes
      await new Promise((resolve) => setTimeout(resolve, idleMs))
    }
    if (this.#phase !== 'answering') return
    this.#interrupt(
      new ProcessExit(`process.exit(${process.exitCode ?? ''}) was called before the reply was complete`),
    )
  }

  /** The process ends unexpectedly: nothing is left that could still answer. */
  #ending(code: number): void {
    if (this.#phase !== 'answering') return
    if (code === 0) process.exitCode = 1
    // Exit code 13: a top-level await never settled.
    const idle = code === 0 || code === 13
    const why = idle ? 'the app waits for something that never happens' : `exit code ${code}`
    const text = `the process ended before the reply was complete: ${why}.`
    writeStderr(logLine(this.#exchange.env, text), true)
    if (!this.#stdio.written) writePage(this.#stdio, this.#nph)
    else this.#kill('SIGTERM')
  }

  #log(text: string): void {
    writeStderr(logLine(this.#exchange.env, text))
  }

  #leave(signal?: NodeJS.Signals): void {
    this.#stdio.exiting = null
    this.#stdio.ending = null
    // RFC 3875 does not define exit codes; docs/cgi-script.md does.
    process.exitCode ??= this.#failed ? 1 : 0
    // A thread that reads or writes cannot be stopped, and the process would wait for it.
    if (!signal && !this.#source.pending && !this.#wire.pending) this.#stdio.exit()
    process.emit('exit', Number(process.exitCode))
    this.#kill(signal ?? 'SIGTERM')
  }

  #kill(signal: NodeJS.Signals): void {
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  }
}

function ignore(): void {}
