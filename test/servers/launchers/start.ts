/** Starts launchers, and ends after each test what they have started. */

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, expect } from 'vitest'
import { load } from '../../fastcgi/load.js'
import { which } from '../../support/needs.js'
import { isAlive, processes, until } from '../../support/processes.js'
import { isListening, type ServerProcess, startServer } from '../../support/server-process.js'
import { app, directory, env } from './place.js'

export const execute = promisify(execFile)

let count = 0
export const newPath = (name: string) => join(directory, `${name}${++count}`)
export const gone = (pid: number) => until(() => !isAlive(pid))

/** What a test has started, ended after it. */
const started: { pids: number[]; servers: ServerProcess[] } = { pids: [], servers: [] }
afterEach(async () => {
  for (const server of started.servers.splice(0)) await server.stop()
  for (const pid of started.pids.splice(0)) {
    if (isAlive(pid)) process.kill(pid, 'SIGKILL')
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

/** A program that starts processes and leaves. Gives the processes. */
export async function launch(program: string, args: string[], place: string | number): Promise<number[]> {
  const before = new Set(processes().map((one) => one.pid))
  const known = (pid: number) => started.pids.includes(pid)
  await execute(which(program) ?? program, args, { env, cwd: directory, timeout: 10_000 })
  await until(() => isListening(typeof place === 'number' ? { port: place } : { path: place }))
  const fresh = processes().filter((one) => !before.has(one.pid) && !known(one.pid))
  const pids = fresh.filter((one) => one.command.endsWith(app)).map((one) => one.pid)
  started.pids.push(...pids)
  return pids
}

/** What multiwatch watches. */
export const children = (server: ServerProcess) =>
  processes()
    .filter((one) => one.parent === server.pid && one.command.endsWith(app))
    .map((one) => one.pid)

/** multiwatch with so many processes, all of them serving. */
export async function watch(
  forks: number,
): Promise<{ place: string; server: ServerProcess; pids: number[] }> {
  const place = newPath('socket')
  const command = [which('multiwatch') ?? '', '-f', String(forks), '--', app]
  const server = await start('spawn-fcgi', ['-n', '-s', place, '--', ...command], place)
  await until(() => children(server).length === forks)
  const pids = children(server)
  started.pids.push(...pids)
  // All of them have come as far as to serve.
  const seen = new Set<number>()
  const all = async () => {
    for (const pid of (await load({ place, requests: 20, kept: false })).pids.keys()) seen.add(pid)
    return seen.size === forks
  }
  expect(await until(all)).toBe(true)
  return { place, server, pids }
}

/** The arguments of python3 for an imitation of systemd with one socket; it says which processes it started. */
export const systemd = (place: string | number, program: string): string[] => [
  join(import.meta.dirname, 'activate.py'),
  `app=${place}`,
  '--',
  program,
]

/** The process that it runs now, and how those before have ended. */
export function stateOf(output: string): { pid: number; exits: number[] } {
  const pids = [...output.matchAll(/^started (\d+)$/gm)].map((line) => Number(line[1]))
  return {
    pid: pids.at(-1) ?? 0,
    exits: [...output.matchAll(/^ended (-?\d+)$/gm)].map((line) => Number(line[1])),
  }
}
