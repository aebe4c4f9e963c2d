/** Starts launchers, and ends everything they have started after each test. */

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, expect } from 'vitest'
import { which } from '../../support/needs.js'
import { isAlive, processes, signalProcess, until } from '../../support/processes.js'
import { type ServerProcess, startServer } from '../../support/server-process.js'
import { app, directory, env, serving } from './place.js'

export const execute = promisify(execFile)

let count = 0
export const newPath = (name: string) => join(directory, `${name}${++count}`)
export const gone = (pid: number) => until(() => !isAlive(pid))

/** What a test has started; ended after it. */
const started: { pids: number[]; servers: ServerProcess[] } = { pids: [], servers: [] }
afterEach(async () => {
  for (const server of started.servers.splice(0)) await server.stop()
  for (const pid of started.pids.splice(0)) {
    if (isAlive(pid)) signalProcess(pid, 'SIGKILL')
    await gone(pid)
  }
})

export async function start(program: string, args: string[], place: string | number): Promise<ServerProcess> {
  const listens = typeof place === 'number' ? { port: place } : { path: place }
  const server = await startServer(which(program) ?? program, args, {
    listens,
    env,
    directory: newPath('none'),
  })
  started.servers.push(server)
  return server
}

/** The next processes that serve. */
async function next(count: number, start: () => Promise<unknown>): Promise<number[]> {
  const before = serving().length
  await start()
  expect(await until(() => serving().length >= before + count, 10_000)).toBe(true)
  const pids = serving().slice(before)
  started.pids.push(...pids)
  return pids
}

/** A program that starts processes and exits. Returns the processes. */
export function launch(program: string, args: string[], count = 1): Promise<number[]> {
  return next(count, () => execute(which(program) ?? program, args, { env, cwd: directory, timeout: 10_000 }))
}

/** What multiwatch watches. */
export const children = (server: ServerProcess) =>
  processes()
    .filter((one) => one.parent === server.pid && one.command.endsWith(app))
    .map((one) => one.pid)

/**
 * multiwatch with this many processes, all of them serving.
 *
 * @param words `-s TERM`: its default, SIGUSR1, starts Node's debugger in a process that has just begun
 */
export async function watch(
  forks: number,
  words: readonly string[] = [],
): Promise<{ place: string; server: ServerProcess; pids: number[] }> {
  const place = newPath('socket')
  const command = [which('multiwatch') ?? '', '-f', String(forks), ...words, '--', app]
  let server: ServerProcess | undefined
  const pids = await next(forks, async () => {
    server = await start('spawn-fcgi', ['-n', '-s', place, '--', ...command], place)
  })
  return { place, server: server as ServerProcess, pids }
}

/**
 * The arguments of python3 for an imitation of systemd with one socket; it reports which processes it
 * started.
 */
export const systemd = (place: string | number, program: string): string[] => [
  join(import.meta.dirname, 'activate.py'),
  `app=${place}`,
  '--',
  program,
]

/** The process that it runs now, and how the earlier ones ended. */
export function stateOf(output: string): { pid: number; exits: number[] } {
  const pids = [...output.matchAll(/^started (\d+)$/gm)].map((line) => Number(line[1]))
  return {
    pid: pids.at(-1) ?? 0,
    exits: [...output.matchAll(/^ended (-?\d+)$/gm)].map((line) => Number(line[1])),
  }
}
