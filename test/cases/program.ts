/** `cgiup APP --server …` as users start it: the built command, in a separate process. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { until } from '../support/processes.js'
import type { Style } from './case.js'

const bin = fileURLToPath(new URL('../../bin/cgiup.js', import.meta.url))

/** The app of the suite as a file, for gateways that start it. */
export const scripts: Readonly<Record<Style, string>> = {
  fetch: fileURLToPath(new URL('./fetch.js', import.meta.url)),
  node: fileURLToPath(new URL('./node.js', import.meta.url)),
}

export interface Program {
  /** The stderr output so far. */
  log(): string
  stop(): Promise<void>
}

/** Starts the command; resolves when its banner reports that it listens. */
export async function startProgram(args: readonly string[]): Promise<Program> {
  const child = spawn(process.execPath, [bin, ...args], {
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    log += piece
  })
  const listens = await until(() => /^cgiup: \S+ \(/m.test(log), 10_000)
  if (!listens) {
    await stop(child)
    throw new Error(`cgiup ${args.join(' ')} did not listen: ${log}`)
  }
  return { log: () => log, stop: () => stop(child) }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await ended
}
