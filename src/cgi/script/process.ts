/** One started script: its process group, its pipes, its end. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { checkDescriptors } from '../../core/descriptors.js'
import { ProcessGroup } from './process-group.js'

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

export class ScriptProcess {
  readonly pid: number
  readonly stdin: Writable | null
  readonly stdout: Readable
  readonly stderr: Readable
  exit: Exit | null = null
  #child: ChildProcess
  #group: ProcessGroup
  #onExit: (() => void)[] = []

  /** @throws NodeJS.ErrnoException why it could not be started: ENOENT, EACCES, EMFILE, E2BIG, … */
  static async start(options: StartOptions): Promise<ScriptProcess> {
    const [file, ...args] = options.command as [string, ...string[]]
    // Node opens every descriptor close-on-exec: the script gets only these three.
    const stdio: StdioOptions = [options.stdin, 'pipe', 'pipe']
    checkDescriptors(options.stdin === 'pipe' ? 3 : 2)
    // A separate group, so that processes started by the script can be stopped with it (fcgiwrap#19).
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env,
      stdio,
      detached: true,
      windowsHide: true,
    })
    // Node reports most failures asynchronously, and has created no pipes if the cause is EMFILE.
    if (child.pid === undefined) {
      child.stdin?.on('error', ignore)
      return new Promise((_, reject) => child.once('error', reject))
    }
    return new ScriptProcess(child, child.pid, options.killGraceMs)
  }

  private constructor(child: ChildProcess, pid: number, killGraceMs: number) {
    this.#child = child
    this.pid = pid
    this.#group = new ProcessGroup((signal) => this.#signal(signal), killGraceMs)
    this.stdin = child.stdin
    this.stdout = child.stdout as Readable
    this.stderr = child.stderr as Readable
    this.stdout.on('error', ignore)
    this.stderr.on('error', ignore)
    this.stdin?.on('error', ignore)
    child.on('error', ignore)
    child.on('exit', (code, signal) => this.#ended({ code, signal }))
    this.stdout.once('close', () => this.#closed())
    this.stderr.once('close', () => this.#closed())
  }

  /** Calls back when the process has ended; immediately if it has already. */
  onExit(callback: () => void): void {
    if (this.exit) callback()
    else this.#onExit.push(callback)
  }

  /** Resolves true when the process has ended, false after `ms` milliseconds. */
  ended(ms: number): Promise<boolean> {
    if (this.exit) return Promise.resolve(true)
    return new Promise((resolve) => {
      // If the event loop is late, timers run before events that have already happened: check those first.
      const timer = setTimeout(() => setImmediate(() => resolve(this.exit !== null)), ms)
      this.onExit(() => {
        clearTimeout(timer)
        resolve(true)
      })
    })
  }

  /** Stops the whole group: SIGTERM now, SIGKILL after the grace period to all that remain. */
  stop(): void {
    this.#group.stop()
  }

  /** Stops reading: processes that still write get SIGPIPE. */
  closeOutput(): void {
    this.stdout.destroy()
    this.stderr.destroy()
  }

  #ended(exit: Exit): void {
    this.exit = exit
    this.#group.leaderExited()
    this.#closed()
    for (const callback of this.#onExit.splice(0)) callback()
  }

  #closed(): void {
    if (this.stdout.closed && this.stderr.closed) this.#group.outputClosed()
  }

  /** False if the group has no members left. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    try {
      return process.kill(-this.pid, signal)
    } catch {
      // Windows has no process groups.
      return process.platform === 'win32' && !this.exit && this.#child.kill(signal)
    }
  }
}

function ignore(): void {}
