/** One started script: its process group, its pipes, its end. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { checkDescriptors } from '../../core/descriptors.js'

export interface StartOptions {
  /** Program and its arguments. */
  readonly command: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Standard input: a pipe, a descriptor to inherit, or nothing (`/dev/null`). */
  readonly stdin: 'pipe' | 'ignore' | number
  /** From SIGTERM to SIGKILL, in milliseconds. */
  readonly killGraceMs: number
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Groups that may still run: they end with this process. */
const running = new Set<ScriptProcess>()

/** Signals that end a process which does not listen for them, without an 'exit' event. */
const deadly = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR2'] as const

export class ScriptProcess {
  readonly pid: number
  readonly stdin: Writable | null
  readonly stdout: Readable
  readonly stderr: Readable
  exit: Exit | null = null
  #child: ChildProcess
  #killGraceMs: number
  #stopping = false
  #killTimer: NodeJS.Timeout | undefined
  #onExit: (() => void)[] = []

  /** @throws NodeJS.ErrnoException why it could not be started: ENOENT, EACCES, EMFILE, E2BIG, … */
  static async start(options: StartOptions): Promise<ScriptProcess> {
    const [file, ...args] = options.command as [string, ...string[]]
    // Node opens every descriptor close-on-exec: the script gets these three and no other.
    const stdio: StdioOptions = [options.stdin, 'pipe', 'pipe']
    checkDescriptors(options.stdin === 'pipe' ? 3 : 2)
    // A group of its own, so that what it starts can be stopped with it (fcgiwrap#19).
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env,
      stdio,
      detached: true,
      windowsHide: true,
    })
    // Node reports most failures a moment later, and has made no pipes when the cause is EMFILE.
    if (child.pid === undefined) {
      child.stdin?.on('error', ignore)
      return new Promise((_, reject) => child.once('error', reject))
    }
    return new ScriptProcess(child, child.pid, options.killGraceMs)
  }

  private constructor(child: ChildProcess, pid: number, killGraceMs: number) {
    this.#child = child
    this.#killGraceMs = killGraceMs
    this.pid = pid
    this.stdin = child.stdin
    this.stdout = child.stdout as Readable
    this.stderr = child.stderr as Readable
    this.stdout.on('error', ignore)
    this.stderr.on('error', ignore)
    this.stdin?.on('error', ignore)
    child.on('error', ignore)
    child.on('exit', (code, signal) => this.#ended({ code, signal }))
    const close = () => this.#forget()
    this.stdout.once('close', close)
    this.stderr.once('close', close)
    watch(this)
  }

  /** Calls back when the process has ended, at once when it has. */
  onExit(callback: () => void): void {
    if (this.exit) callback()
    else this.#onExit.push(callback)
  }

  /** Resolves when it has ended (true), or after the time (false). */
  ended(ms: number): Promise<boolean> {
    if (this.exit) return Promise.resolve(true)
    return new Promise((resolve) => {
      // In a late loop timers come before what has already happened: look at that first.
      const timer = setTimeout(() => setImmediate(() => resolve(this.exit !== null)), ms)
      this.onExit(() => {
        clearTimeout(timer)
        resolve(true)
      })
    })
  }

  /** Stops the whole group: SIGTERM now, SIGKILL after the grace to whoever is left. */
  stop(): void {
    if (this.#stopping) return
    this.#stopping = true
    if (!this.#signal('SIGTERM')) return
    this.#killTimer = setTimeout(() => {
      this.#killTimer = undefined
      this.#signal('SIGKILL')
      this.#forget()
    }, this.#killGraceMs)
  }

  /** Reads no more: whoever still writes gets SIGPIPE. */
  closeOutput(): void {
    this.stdout.destroy()
    this.stderr.destroy()
  }

  #ended(exit: Exit): void {
    this.exit = exit
    // A group whose leader is gone keeps its id only as long as it has members: look once, now.
    if (!this.#signal(0)) {
      clearTimeout(this.#killTimer)
      running.delete(this)
    }
    this.#forget()
    for (const callback of this.#onExit.splice(0)) callback()
  }

  /**
   * What a script leaves behind when it has ended, and that has closed its output, is a daemon: it may
   * outlive us, unless the group is being stopped.
   */
  #forget(): void {
    if (this.exit === null || this.#killTimer !== undefined) return
    if (this.#stopping || (this.stdout.closed && this.stderr.closed)) running.delete(this)
  }

  /** False when there is nobody to get it. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    try {
      return process.kill(-this.pid, signal)
    } catch {
      // Windows has no groups.
      return process.platform === 'win32' && !this.exit && this.#child.kill(signal)
    }
  }

  static killAll(): void {
    for (const one of running) one.#signal('SIGKILL')
  }
}

/** From now on the group ends when this process does, however that comes about (but by SIGKILL). */
function watch(one: ScriptProcess): void {
  running.add(one)
  if (!process.listeners('exit').includes(killAll)) process.on('exit', killAll)
  // Where somebody listens already, he ends the process, and 'exit' tells us.
  for (const signal of deadly) if (process.listenerCount(signal) === 0) process.on(signal, onSignal)
}

function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return
  killAll()
  // As if nobody had listened: what started us sees which signal it was.
  process.off(signal, onSignal)
  process.kill(process.pid, signal)
}

function killAll(): void {
  ScriptProcess.killAll()
}

function ignore(): void {}
