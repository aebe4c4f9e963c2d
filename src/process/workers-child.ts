/** One worker process, as its primary sees it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { checkDescriptors } from '../core/descriptors.js'
import { UsageError } from '../core/errors.js'
import type { SocketHandle } from '../socket/wire.js'
import { workerVariable } from './parent.js'
import type { Serving, ToPrimary, ToWorker, WorkerFacts } from './worker.js'

export interface ChildEvents {
  /** The worker needs the socket for an address; reply with {@link WorkerChild.answer}. */
  readonly onBind: (child: WorkerChild, place: Extract<ToPrimary, { cgiup: 'bind' }>['place']) => void
  /** The worker hands a connection over to another worker. */
  readonly onConnection: (child: WorkerChild, handle: SocketHandle) => void
  readonly onServing: (child: WorkerChild) => void
  /** The worker asks to be replaced. */
  readonly onLeaving: (child: WorkerChild, why: string) => void
  /** The worker has ended. @param how `exit code 1`, `SIGSEGV` */
  readonly onExit: (child: WorkerChild, how: string) => void
}

/** Time beyond its grace period after which a worker is killed, in milliseconds. */
const lateMs = 500

export interface WorkerStart {
  readonly facts: WorkerFacts
  /** Listening descriptors that the worker inherits under the same numbers. */
  readonly descriptors: readonly number[]
}

export class WorkerChild {
  /** The worker's report when it was ready to serve; null before. */
  serving: Serving | null = null
  /** A request has reached the worker. */
  asked = false
  /** When it was started, in milliseconds. */
  readonly startedAt = performance.now()
  /** The worker was asked to end. */
  ending = false
  alive = true
  /** Null when there were too few descriptors to start it. */
  readonly #process: ChildProcess | null
  #late: NodeJS.Timeout | undefined

  constructor(options: WorkerStart, events: ChildEvents) {
    const ended = (how: string) => {
      if (!this.alive) return
      this.alive = false
      clearTimeout(this.#late)
      events.onExit(this, how)
    }
    const child = startProcess(options, (error) => ended(error.message))
    this.#process = child
    child?.on('message', (message, handle) => {
      const known = message as ToPrimary | null
      if (known?.cgiup === 'bind') events.onBind(this, known.place)
      else if (known?.cgiup === 'connection' && handle)
        events.onConnection(this, handle as unknown as SocketHandle)
      else if (known?.cgiup === 'asked') this.asked = true
      else if (known?.cgiup === 'leaving') events.onLeaving(this, known.why)
      else if (known?.cgiup === 'serving') {
        this.serving = known.serving
        events.onServing(this)
      }
    })
    child?.on('exit', (code, signal) => ended(signal ?? `exit code ${code}`))
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  answer(message: ToWorker, handle?: object): void {
    // An error means that the worker has ended, which `exit` reports.
    if (this.#process?.connected) this.#process.send(message, handle as never, {}, () => {})
  }

  /** Makes a spare worker serve. */
  go(): void {
    this.answer({ cgiup: 'go' })
  }

  /** Gives the worker another worker's connection. */
  give(handle: SocketHandle): void {
    const done = () => handle.close()
    if (this.#process?.connected) this.#process.send({ cgiup: 'connection' }, handle as never, {}, done)
    else done()
  }

  /**
   * Ends the worker gracefully if it is serving, else at once.
   *
   * @param successor another worker takes over its connections
   */
  end(successor = false): void {
    this.ending = true
    if (this.serving === null) {
      this.kill()
      return
    }
    this.answer({ cgiup: 'end', successor })
    this.#late ??= setTimeout(() => this.kill(), this.serving.graceMs + lateMs)
  }

  kill(): void {
    this.ending = true
    this.#process?.kill('SIGKILL')
  }
}

/**
 * Starts the same program with the same arguments as this process.
 *
 * @param failed called later if the system cannot start it
 * @returns null when there are too few descriptors
 */
function startProcess(
  { facts, descriptors }: WorkerStart,
  failed: (error: Error) => void,
): ChildProcess | null {
  const [, program, ...args] = process.argv
  if (program === undefined) throw new UsageError('USAGE', 'Workers need an app in a file: node app.js.')
  const stdio: (number | 'ignore' | 'ipc')[] = [
    descriptors.includes(0) ? 0 : 'ignore',
    2,
    2,
    ...descriptors.filter((fd) => fd > 2),
    'ipc',
  ]
  const env = { ...firstEnvironment(), [workerVariable]: JSON.stringify(facts) }
  try {
    checkDescriptors(1)
  } catch (error) {
    // Reported later, as Node does.
    const { code } = error as NodeJS.ErrnoException
    process.nextTick(failed, new Error(`spawn ${process.execPath} ${code}`))
    return null
  }
  const child = spawn(process.execPath, [...nodeArguments(), program, ...args], { env, stdio })
  return child.on('error', (error) => {
    if (child.pid === undefined) failed(error)
  })
}

/**
 * For this process only: LISTEN_PID names the receiving process (sd_listen_fds(3)); the others refer to an
 * IPC channel or cluster that this process itself belongs to.
 */
const own = [
  'LISTEN_PID',
  'LISTEN_PIDFDID',
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_UNIQUE_ID',
]

/**
 * The environment this process was started with. The worker reads later additions to process.env, for example
 * from an `.env` file, again: inherited, the old value would look like a given one.
 */
function firstEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {}
  try {
    for (const pair of readFileSync('/proc/self/environ', 'utf8').split('\0')) {
      const at = pair.indexOf('=')
      if (at > 0) env[pair.slice(0, at)] = pair.slice(at + 1)
    }
  } catch {
    Object.assign(env, process.env)
  }
  for (const name of own) delete env[name]
  return env
}

/** Each process needs its own debugger port. */
function nodeArguments(): string[] {
  const own = process.execArgv
  return own.some((argument) => argument.startsWith('--inspect')) ? [...own, '--inspect-port=0'] : own
}
