/** A server program on loopback: starts it, waits until it listens, stops it with all its children. */

import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { family, isAlive, processesIn, signalProcess, until } from './processes.js'

/** Where a server listens: a TCP port on 127.0.0.1 (or `host`), or a Unix socket. */
export type Address = { readonly port: number; readonly host?: string } | { readonly path: string }

export interface StartOptions {
  readonly listens: Address | readonly Address[]
  readonly cwd?: string
  /** The complete environment of the process; that of the test by default. */
  readonly env?: NodeJS.ProcessEnv
  /** The signal that stops it; SIGTERM by default. */
  readonly stopSignal?: NodeJS.Signals
  /** Sends the signal to the children too: those of fcgiwrap would survive otherwise. */
  readonly stopChildren?: boolean
  /**
   * At the end, also stops every process with this directory as its working directory or on its command line
   * (CGI scripts that keep running).
   */
  readonly directory?: string
  /** Milliseconds until it must listen; 20 000 by default. */
  readonly timeout?: number
}

export interface ServerProcess {
  readonly pid: number
  /** All output to stdout and stderr so far. */
  output(): string
  /** How it ended; undefined while it runs. */
  exit(): { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined
  /**
   * Stops it and waits until it has ended. Returns the processes that had to be killed; may be called twice.
   */
  stop(): Promise<string[]>
}

/** Starts a program that stays in the foreground. @throws Error if it exits or does not listen in time. */
export async function startServer(
  program: string,
  args: readonly string[],
  options: StartOptions,
): Promise<ServerProcess> {
  const { cwd, env } = options
  // A separate process group: Apache signals its whole group when it stops.
  const child = spawn(program, args, {
    ...(cwd && { cwd }),
    ...(env && { env }),
    detached: true,
    stdio: 'pipe',
  })
  child.stdin.end()
  let output = ''
  const add = (chunk: Buffer) => {
    output += chunk.toString()
  }
  child.stdout.on('data', add)
  child.stderr.on('data', add)
  child.once('error', (error) => add(Buffer.from(`${error.message}\n`)))
  const addresses = [options.listens].flat() as Address[]
  const listens = await until(async () => {
    if (ended(child)) return true
    const answers = await Promise.all(addresses.map(isListening))
    return answers.every(Boolean)
  }, options.timeout ?? 20_000)
  let stopping: Promise<string[]> | undefined
  const stop = () => {
    stopping ??= stopAll(child, options)
    return stopping
  }
  if (!listens || ended(child)) {
    await stop()
    throw new Error(`${program} ${listens ? 'ended' : 'did not listen'}: ${output}`)
  }
  const exit = () => (ended(child) ? { code: child.exitCode, signal: child.signalCode } : undefined)
  return { pid: child.pid ?? 0, output: () => output, exit, stop }
}

function ended(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}

/** True if a connection is accepted there now. */
export function isListening(address: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect('path' in address ? address : { host: '127.0.0.1', ...address })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

async function stopAll(child: ChildProcess, options: StartOptions): Promise<string[]> {
  const pid = child.pid
  if (pid === undefined) return []
  const members = new Map(family(pid).map((one) => [one.pid, one.command]))
  if (!ended(child)) {
    const targets = options.stopChildren ? members.keys() : [pid]
    for (const one of targets) signal(one, options.stopSignal ?? 'SIGTERM')
    await until(() => ended(child), 8000)
  }
  const rest = () =>
    [...members]
      .filter(([one]) => isAlive(one))
      .concat(strays(options.directory).map((one) => [one.pid, one.command]))
  // Children of a server that has just ended need a moment to notice it.
  await until(() => rest().length === 0, 2000)
  const killed = rest()
  for (const [one] of killed) signal(one, 'SIGKILL')
  if (!(await until(() => rest().length === 0))) throw new Error(`still running: ${JSON.stringify(rest())}`)
  return killed.map(([, command]) => command)
}

function strays(directory: string | undefined) {
  return directory ? processesIn(directory).filter((one) => one.state !== 'Z') : []
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    signalProcess(pid, name)
  } catch {
    // Already ended.
  }
}
