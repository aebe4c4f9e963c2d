/** One started script: its process group, its pipes, its end. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'

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

/** How a process ended; both null when it could not be started. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Groups that still run: the host takes them with it when it exits. */
const running = new Set<ScriptProcess>()

export class ScriptProcess {
  readonly pid: number | undefined
  readonly stdin: Writable | null
  readonly stdout: Readable
  readonly stderr: Readable
  exit: Exit | null = null
  /** Why it could not be started. */
  startError: NodeJS.ErrnoException | null = null
  #child: ChildProcess
  #killGraceMs: number
  #stopping = false
  #killTimer: NodeJS.Timeout | undefined
  #onExit: (() => void)[] = []

  /** @throws NodeJS.ErrnoException for what the system refuses at once (E2BIG, ENOTDIR, …) */
  constructor(options: StartOptions) {
    const [file, ...args] = options.command as [string, ...string[]]
    // Node opens every descriptor close-on-exec: the script gets these three and no other.
    const stdio: StdioOptions = [options.stdin, 'pipe', 'pipe']
    // A group of its own, so that what it starts can be stopped with it (fcgiwrap#19).
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env,
      stdio,
      detached: true,
      windowsHide: true,
    })
    this.#child = child
    this.#killGraceMs = options.killGraceMs
    this.pid = child.pid
    this.stdin = child.stdin
    this.stdout = child.stdout as Readable
    this.stderr = child.stderr as Readable
    this.stdout.on('error', ignore)
    this.stderr.on('error', ignore)
    this.stdin?.on('error', ignore)
    child.on('error', (error) => {
      this.startError ??= error
      if (child.pid === undefined) this.#ended({ code: null, signal: null })
    })
    child.on('exit', (code, signal) => this.#ended({ code, signal }))
    if (running.size === 0) process.on('exit', killAll)
    running.add(this)
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
    this.#killTimer = setTimeout(() => this.#signal('SIGKILL'), this.#killGraceMs)
  }

  /** Reads no more: whoever still writes gets SIGPIPE. */
  closeOutput(): void {
    this.stdout.destroy()
    this.stderr.destroy()
  }

  #ended(exit: Exit): void {
    if (this.exit) return
    this.exit = exit
    // A group whose leader is gone keeps its id only as long as it has members: look once, now.
    if (this.#killTimer && !this.#signal(0)) clearTimeout(this.#killTimer)
    running.delete(this)
    if (running.size === 0) process.off('exit', killAll)
    for (const callback of this.#onExit.splice(0)) callback()
  }

  /** False when there is nobody to get it. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    if (this.pid === undefined) return false
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

function killAll(): void {
  ScriptProcess.killAll()
}

function ignore(): void {}
