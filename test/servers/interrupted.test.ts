/** An interrupted test run leaves no server, no other process and no file behind. */

import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { needs } from '../support/needs.js'
import { family, type ProcessInfo, processes, until } from '../support/processes.js'
import { tempDir } from '../support/temp.js'
import { repository } from './docroot.js'

const vitest = join(repository, 'node_modules/vitest/vitest.mjs')
const words = [vitest, 'run', '--config', 'test/fixtures/interrupted/vitest.config.ts']

/** Whether it is the same process, not another one with a reused id. */
const isThere = (one: ProcessInfo) =>
  processes().some(({ pid, started, state }) => pid === one.pid && started === one.started && state !== 'Z')

/** A run whose servers are up, as the leader of a process group; yields all its processes. */
async function startRun([program = '', ...args]: readonly string[]) {
  const temp = tempDir('interrupted')
  const file = join(temp, 'waits')
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawn(program, args, {
    cwd: repository,
    env: { ...env, TMPDIR: temp, CGIUP_TEST_WAITS: file },
    detached: true,
    stdio: 'ignore',
  })
  onTestFinished(() => {
    for (const one of members) if (isThere(one)) process.kill(one.pid, 'SIGKILL')
  })
  let members: ProcessInfo[] = []
  expect(await until(() => existsSync(file) || child.exitCode !== null, 30_000)).toBe(true)
  const daemon = Number(readFileSync(file, 'utf8'))
  members = [...family(child.pid as number), ...family(daemon)]
  return { pid: child.pid as number, members, temp }
}

const node = [process.execPath, ...words]
const npm = ['npm', 'exec', '--offline', '--', 'vitest', ...words.slice(1)]

it.skipIf(!needs('apache2', 'nginx', 'fcgiwrap', 'h2o')).each([
  { name: 'Ctrl-C', signal: 'SIGINT', group: true, command: node },
  { name: 'SIGTERM', signal: 'SIGTERM', group: false, command: node },
  { name: 'SIGKILL', signal: 'SIGKILL', group: false, command: node },
  { name: 'SIGKILL of its whole group', signal: 'SIGKILL', group: true, command: node },
  { name: 'SIGKILL of the npm that has started it', signal: 'SIGKILL', group: false, command: npm },
] as const)('$name ends all servers', async ({ signal, group, command }) => {
  const { pid, members, temp } = await startRun(command)
  // Including Apache, nginx, fcgiwrap and h2o, an app, vitest and its worker.
  expect(members.length).toBeGreaterThan(10)
  process.kill(group ? -pid : pid, signal)
  const left = () => members.filter(isThere).map((one) => one.command)
  await until(() => left().length === 0)
  expect(left()).toEqual([])
  expect(readdirSync(temp).filter((name) => name.startsWith('cgiup-'))).toEqual([])
})
