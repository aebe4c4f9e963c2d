/** One run of a script: process, pipes, limits and result, from its start to its last byte. */
import { basename } from 'node:path'
import { CgiupError, type ErrorCode, ProgramError, RequestError, shortage } from '../../core/errors.js'
import type { Exchange } from '../../core/exchange.js'
import { scriptLimits } from '../../core/limits/scripts.js'
import { next } from '../../core/states.js'
import { isSecret, Secrets } from '../../env/secrets.js'
import { textToBytes } from '../../env/text.js'
import type { Spool } from '../../serve/spool.js'
import { commandLine, type ScriptLaunch } from './environment.js'
import { exitText, ScriptError, type ScriptReport, startFailure } from './error.js'
import { Feed } from './input.js'
import { ScriptOutput } from './output.js'
import { ScriptProcess } from './process.js'
import {
  type OutputEvent,
  type OutputState,
  outputStates,
  type RunEvent,
  type RunState,
  runStates,
} from './states.js'
import { StderrLines } from './stderr.js'
import type { ScriptOptions } from './types.js'

export interface RunContext {
  readonly exchange: Exchange
  readonly file: string
  readonly command: readonly string[]
  readonly list: readonly string[]
  readonly cwd: string
  readonly spool: Spool | null
  readonly options: ScriptOptions
}

/** How long the exit of a process may be reported after the end of its output, in milliseconds. */
const exitNoticeMs = 100
/** How long a failed script may take to end and report the cause, in milliseconds. */
const lastWordsMs = 500
/** How many bytes of the output error pages show. */
const shownBytes = 512
/** How much unwanted output a script may write before it is stopped, in bytes. */
const discardedBytes = 64 * 1024
/** How long a client may leave output unread before the request body is read ahead, in milliseconds. */
const blockedMs = 50

export class ScriptRun {
  #context: RunContext
  #process: ScriptProcess
  #output: ScriptOutput
  #stderr: StderrLines
  /** Why the script was stopped. */
  #failure: Error | null = null
  #silence: NodeJS.Timeout | undefined
  #total: NodeJS.Timeout | undefined
  #linger: NodeJS.Timeout | undefined
  #untaken: NodeJS.Timeout | undefined
  state: RunState = 'head'
  outputState: OutputState = 'running'
  #taking: Promise<Uint8Array | null> | null = null
  #over = () => {}
  /** Resolves when the process has ended and all its output was read. */
  readonly finished: Promise<void>

  /** @throws SystemError NO_RESOURCES; ScriptError PROGRAM_NOT_STARTED */
  static async start(context: RunContext, launch: ScriptLaunch): Promise<ScriptRun> {
    const { spool, exchange, options, cwd } = context
    const hasBody = spool ? spool.size > 0 : exchange.stdin.length !== 0
    const stdin = !hasBody ? 'ignore' : (spool?.fd ?? 'pipe')
    try {
      const killGraceMs = options.killGraceMs ?? scriptLimits.killGraceMs.standard
      const process = await ScriptProcess.start({ ...launch, cwd, stdin, killGraceMs })
      return new ScriptRun(context, process)
    } catch (error) {
      throw (
        shortage(error, `${context.file} could not be started`) ??
        ScriptRun.notStarted(
          context,
          startFailure(error as NodeJS.ErrnoException, context.file, launch.command),
        )
      )
    } finally {
      if (stdin !== 'pipe') void spool?.close()
    }
  }

  static notStarted(context: RunContext, why: string): ScriptError {
    const report = { ...reportOf(context), output: '', stderr: '', exit: 'was not started' }
    return new ScriptError('PROGRAM_NOT_STARTED', `${context.file} could not be started: ${why}.`, report)
  }

  constructor(context: RunContext, process: ScriptProcess) {
    const { exchange, options, file } = context
    this.#context = context
    this.#process = process
    this.#output = new ScriptOutput(process.stdout)
    const prefix = options.stderrPrefix ?? `[${basename(file)}] `
    this.#stderr = new StderrLines(prefix, (text) => exchange.stderr(text), options)
    process.stderr.setEncoding('utf8')
    process.stderr.on('data', (text: string) => this.#stderr.push(text))
    process.stderr.on('close', () => this.#stderr.end())
    this.#watch()
    void this.#feed()
    process.onExit(() => this.#exited())
    // The run may outlast the reply; its owner must not end before it.
    this.finished = new Promise<void>((resolve) => {
      this.#over = resolve
    })
    exchange.waitUntil(this.finished)
  }

  /** The next chunk of output; null at its end, and if the run failed (see `verdict`). */
  take(): Promise<Uint8Array | null> {
    const waiting = this.#taking ?? this.#output.take()
    this.#taking = null
    this.#silence?.refresh()
    return waiting
  }

  /** The next chunk if it arrives within `ms` milliseconds; null otherwise. */
  async takeWithin(ms: number): Promise<Uint8Array | null> {
    const taking = this.#output.take()
    this.#taking = taking
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<null>((resolve) => {
      // If the event loop is late, timers run before events that have already happened: check those first.
      timer = setTimeout(() => setImmediate(resolve, null), ms)
    })
    const piece = await Promise.race([taking, late])
    clearTimeout(timer)
    if (piece) this.#taking = null
    return piece
  }

  get outputEnded(): boolean {
    return this.#output.ended
  }

  /** The head is complete: from now on pauses are limited, not the time to the head. */
  headDone(): void {
    this.#step('head')
    this.#endSilence()
    if (this.state === 'body' && this.outputState !== 'closed')
      this.#limitSilence(this.#context.options.idleTimeoutMs ?? scriptLimits.idleTimeoutMs.standard)
  }

  /** Call it after the end of the output. @throws the error that ended it, unless the script ended by itself */
  async verdict(): Promise<void> {
    if (!this.#failure) await this.#process.ended(exitNoticeMs)
    if (this.#failure) throw this.#failure
    const { exit } = this.#process
    if (exit?.signal) {
      throw new ProgramError(
        'PROGRAM_KILLED',
        `The script was killed by ${exit.signal} before its reply was complete.`,
      )
    }
  }

  /** The rest of the output is not needed; the script may run to its end, within its limits. */
  discard(): void {
    this.#step('discard')
    this.#endSilence()
    this.#output.discard(discardedBytes, () => {
      this.#process.stdout.destroy()
      this.#process.stop()
    })
  }

  /**
   * The reply has no body, but the script may write one (HEAD of an endless stream): it may continue until it
   * pauses longer than a body may, or has written too much.
   */
  discardBody(): void {
    this.discard()
    const ms = this.#context.options.idleTimeoutMs ?? scriptLimits.idleTimeoutMs.standard
    if (ms === 0) return
    const timer = setTimeout(() => this.#process.stop(), ms)
    this.#process.onExit(() => clearTimeout(timer))
  }

  /** The reply is not needed any more: the script is stopped. */
  abandon(): void {
    this.#stop(new RequestError('REQUEST_ABORTED'))
  }

  /**
   * The error to throw for a failed run: names the script, how it ended, and what was seen. Stops the script.
   */
  async fail(cause: unknown, raw: readonly Uint8Array[] = []): Promise<Error> {
    const error = this.#failure ?? cause
    if (!(error instanceof CgiupError) || error instanceof RequestError || error instanceof ScriptError) {
      this.#stop(error as Error)
      return error as Error
    }
    // The report includes the exit and the last output, which arrive a moment later.
    if (!this.#failure) {
      this.#output.discard()
      await this.#closed(lastWordsMs)
    }
    const exit = exitText(this.#process.exit)
    this.#stop(error)
    const secrets = secretsOf(this.#context)
    // Masked before it is truncated: part of a secret would not be recognized.
    const output = secrets.masked(Buffer.concat(raw).toString('latin1')).slice(0, shownBytes)
    const seen = { output, stderr: secrets.masked(this.#stderr.tail) }
    const report = { ...reportOf(this.#context), ...seen, exit }
    const told = error.code === 'PROGRAM_KILLED' || error.code === 'PROGRAM_TIMEOUT'
    const message = secrets.masked(error.message)
    const detail = `${basename(this.#context.file)}: ${message}${told ? '' : ` The script ${exit}.`}`
    // The message of `error` may quote the output, with secrets.
    const origin = message === error.message ? { cause: error } : {}
    return new ScriptError(error.code as ErrorCode, detail, report, origin)
  }

  /** Resolves when the process has ended and all its output was read, or after `ms` milliseconds. */
  #closed(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms)
    })
    return Promise.race([this.finished, late]).finally(() => clearTimeout(timer))
  }

  #watch(): void {
    const { exchange, options } = this.#context
    this.#limitSilence(options.headTimeoutMs ?? scriptLimits.headTimeoutMs.standard)
    const total = options.totalTimeoutMs ?? scriptLimits.totalTimeoutMs.standard
    if (total > 0) this.#total = setTimeout(() => this.#timedOut('totalTimeoutMs', total), total)
    this.#limitUntaken(untakenMs(options, exchange))
    const left = () => this.#stop(new RequestError('REQUEST_ABORTED'))
    if (exchange.signal.aborted) left()
    else exchange.signal.addEventListener('abort', left)
    this.#process.onExit(() => exchange.signal.removeEventListener('abort', left))
  }

  /** One timer for both limits: before the head it always runs, in the body only while we wait. */
  #limitSilence(ms: number): void {
    if (ms === 0) return
    this.#silence = setTimeout(() => {
      if (this.state === 'head') this.#timedOut('headTimeoutMs', ms)
      else if (this.#output.wanted) this.#timedOut('idleTimeoutMs', ms)
      else this.#silence?.refresh()
    }, ms)
  }

  /** The consumer of the reply neither reads nor disconnects: the script would wait forever. */
  #limitUntaken(ms: number): void {
    if (ms === 0) return
    this.#untaken = setInterval(() => {
      if (!this.#output.blockedFor(ms)) return
      const what = `The client read none of the script's output for ${ms / 1000} s (sendTimeoutMs).`
      this.#stop(new RequestError('REQUEST_ABORTED', what))
    }, ms / 4)
  }

  #timedOut(limit: string, ms: number): void {
    const what = {
      headTimeoutMs: 'The script wrote no complete head',
      idleTimeoutMs: 'The script wrote nothing',
      totalTimeoutMs: 'The script did not end',
    }[limit]
    this.#stop(new ProgramError('PROGRAM_TIMEOUT', `${what} within ${ms / 1000} s (limit ${limit}).`))
  }

  async #feed(): Promise<void> {
    const { exchange, spool, options } = this.#context
    const pipe = this.#process.stdin
    if (!pipe) return
    const feed = new Feed(spool ?? exchange.stdin, pipe, {
      ...options,
      outputBlocked: () => this.#output.blockedFor(blockedMs),
      onProgress: () => this.#silence?.refresh(),
    })
    try {
      await feed.run()
    } catch (error) {
      this.#stop(error as Error)
    } finally {
      await spool?.close()
    }
  }

  #stop(error: Error): void {
    this.#step('stop')
    this.#failure ??= error
    clearInterval(this.#untaken)
    this.#process.stop()
    this.#output.discard()
    this.#output.end()
    this.#endSilence()
  }

  #endSilence(): void {
    clearTimeout(this.#silence)
    // A cleared timer would start again with refresh().
    this.#silence = undefined
  }

  #exited(): void {
    this.#process.stdin?.destroy()
    clearTimeout(this.#total)
    const { exit } = this.#process
    if (exit?.code && (this.state === 'body' || this.state === 'unwanted')) {
      this.#context.exchange.stderr(`${basename(this.#context.file)} exited with code ${exit.code}.\n`)
    }
    this.#outputStep('exited')
    this.#waitForOutput()
  }

  #step(event: RunEvent): void {
    this.state = next(runStates, this.state, event)
  }

  #outputStep(event: OutputEvent): void {
    this.outputState = next(outputStates, this.outputState, event)
  }

  /**
   * The script has ended, but another process that it left behind may still hold its output open: that output
   * belongs to the reply, until it pauses for too long.
   */
  #waitForOutput(): void {
    const { stdout, stderr } = this.#process
    const done = () => {
      if (!stdout.closed || !stderr.closed || this.outputState === 'closed') return
      this.#outputStep('closed')
      // A remaining timer would keep a test or a short program from ending.
      clearInterval(this.#untaken)
      this.#endSilence()
      clearTimeout(this.#linger)
      this.#linger = undefined
      this.#over()
    }
    stdout.once('close', done)
    stderr.once('close', done)
    const linger = this.#context.options.lingerMs ?? scriptLimits.lingerMs.standard
    const fallSilent = () => {
      if (this.#output.paused) return void this.#linger?.refresh()
      this.#process.closeOutput()
      this.#output.end()
    }
    this.#linger = setTimeout(fallSilent, linger)
    this.#output.onData = () => this.#linger?.refresh()
    done()
  }
}

/**
 * Connections that cgiup manages detect a client that reads slowly or sends its body first. Under CGI the web
 * server does that.
 */
export function untakenMs({ sendTimeoutMs }: ScriptOptions, { gateway }: Pick<Exchange, 'gateway'>): number {
  return sendTimeoutMs ?? (gateway.protocol === 'memory' ? 120_000 : 0)
}

function reportOf(context: RunContext): Pick<ScriptReport, 'file' | 'command'> {
  const { file, command, cwd, list, spool, exchange, options } = context
  const length = spool ? spool.size : (exchange.stdin.length ?? 0)
  const hides = (name: string) => isSecret(name) || isConfigured(name, options)
  return { file, command: commandLine(command, cwd, list, length, hides) }
}

/** Whether a value comes from the configuration, which may hold passwords under any name; NODE_ENV is ours. */
function isConfigured(name: string, { env = {} }: ScriptOptions): boolean {
  return name !== 'NODE_ENV' && Object.hasOwn(env, name)
}

/** Secrets of the script's environment, which must not be shown if the script has printed them. */
function secretsOf({ list, exchange, options }: RunContext): Secrets {
  const secrets = new Secrets()
  secrets.addAll(list)
  secrets.addAll(exchange.env.list)
  for (const [name, value] of Object.entries(options.env ?? {})) {
    // Paths are not secrets, and messages contain many.
    if (isConfigured(name, options) && value.length >= 8 && !value.startsWith('/'))
      secrets.add(textToBytes(value))
  }
  return secrets
}
