/** Worker processes for tests: an app that reports who answers, started as a user starts it. */

import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterEach, expect } from 'vitest'
import { loadApp } from '../fastcgi/load.js'
import { get, Peer } from '../fastcgi/peer.js'
import { isAlive, processes, until } from '../support/processes.js'
import { type Address, type ServerProcess, startServer } from '../support/server-process.js'
import { tempDir } from '../support/temp.js'

const dist = new URL('../../dist/index.js', import.meta.url).href

const directory = tempDir('crew')

let count = 0
export const newPath = (name: string): string => join(directory, `${name}${++count}`)

/**
 * Answers as the app of load.ts does; `/block` without yielding to the event loop, `/slow?at=FILE` once the
 * file exists, `/crash` never. Records each process that has loaded it, waits while FILE.hold exists, fails
 * while FILE.broken exists, exits soon if FILE.timer exists, and returns the content of FILE.version as
 * X-Version.
 */
export function writeApp(options: object = {}): string {
  const file = `${newPath('app')}.mjs`
  writeFileSync(`${file}.version`, 'one')
  const fast = loadApp.replace('await run(', '').replace(/\)\n$/, '')
  writeFileSync(
    file,
    `#!/usr/bin/env node
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { run } from '${dist}'
appendFileSync('${file}.loaded', process.pid + '\\n')
if (existsSync('${file}.hold')) {
  writeFileSync('${file}.hold.' + process.pid, '')
  while (existsSync('${file}.hold')) await new Promise((resolve) => setTimeout(resolve, 5))
}
if (existsSync('${file}.broken')) throw new Error('the app is broken')
if (existsSync('${file}.handler'))
  process.on('SIGTERM', () => {
    console.log('the app cleans up')
    setTimeout(() => process.exit(0), 20)
  })
process.env.VERSION ??= readFileSync('${file}.version', 'utf8')
const version = process.env.VERSION
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const fast = ${fast}
await run({
  async fetch(request, env, context) {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/crash') process.kill(process.pid, 'SIGKILL')
    if (pathname === '/block') for (const end = Date.now() + 50; Date.now() < end; );
    if (pathname === '/slow') {
      appendFileSync(searchParams.get('at') + '.begun', String(process.pid))
      while (!existsSync(searchParams.get('at'))) await pause(5)
    }
    const response = await fast.fetch(request)
    response.headers.set('X-Version', version)
    response.headers.set('X-Multiprocess', String(context.exchange.gateway.multiprocess))
    return response
  },
}, ${JSON.stringify(options)})
if (process.send && existsSync('${file}.timer')) setTimeout(() => process.exit(9), 100)
`,
    { mode: 0o755 },
  )
  return file
}

/** Pids of the processes that have loaded an app, in that order. */
export const loadedBy = (file: string): number[] =>
  readFileSync(`${file}.loaded`, 'utf8').trim().split('\n').map(Number)

const addressOf = (place: string | number): Address =>
  typeof place === 'number' ? { port: place } : { path: place }

/** Processes started by a test, ended after it. */
const started: ServerProcess[] = []
afterEach(async () => {
  for (const server of started.splice(0)) await server.stop()
})

/** Starts a program that stays in the foreground, and waits until it listens. */
export async function start(
  program: string,
  args: readonly string[],
  place: string | number,
  env: NodeJS.ProcessEnv = {},
): Promise<ServerProcess> {
  const server = await startServer(program, args, {
    listens: addressOf(place),
    env: { PATH: process.env.PATH, NODE_ENV: 'production', ...env },
    directory,
  })
  started.push(server)
  return server
}

/** The living children of a process. */
export const children = (pid: number): number[] =>
  processes()
    .filter((one) => one.parent === pid && one.state !== 'Z')
    .map((one) => one.pid)

/** Starts `node FILE` and waits until this many workers answer. */
export async function startCrew(
  file: string,
  place: string | number,
  workers: number,
  protocol: 'fastcgi' | 'http' = 'fastcgi',
): Promise<{ primary: ServerProcess; pids: number[] }> {
  const primary = await start(process.execPath, [file], place)
  expect(await until(() => children(primary.pid).length === workers)).toBe(true)
  const pids = children(primary.pid)
  const all = protocol === 'fastcgi' ? () => answering(place, workers) : () => answeringHttp(place, workers)
  expect(await until(async () => (await all()).size === workers)).toBe(true)
  return { primary, pids }
}

/** Workers on a Unix socket, FastCGI. */
export async function crew(workers: number, options: object = {}) {
  const place = newPath('socket')
  const file = writeApp({ server: 'fastcgi', listen: place, workers, ...options })
  return { place, file, ...(await startCrew(file, place, workers)) }
}

/**
 * The processes that answer simultaneous requests that block them; repeated until all of them were seen, as
 * the kernel may give one of them no connection for a while.
 */
async function seen(ask: () => Promise<number>, workers: number): Promise<Set<number>> {
  const pids = new Set<number>()
  await until(async () => {
    for (const pid of await Promise.all(Array.from({ length: workers * 4 }, ask))) pids.add(pid)
    return pids.size >= workers
  }, 10_000)
  return pids
}

function answeringHttp(place: string | number, workers: number): Promise<Set<number>> {
  // A kept connection would always reach the same worker.
  const one = () =>
    new Promise<number>((resolve, reject) => {
      const where = typeof place === 'number' ? { port: place } : { socketPath: place }
      const req = request({ ...where, path: '/block', agent: false }, (res) => {
        res.resume().on('end', () => resolve(Number(res.headers['x-pid'])))
      })
      req.on('error', reject).end()
    })
  return seen(one, workers)
}

/** The processes that answer requests over FastCGI. */
export const answering = (place: string | number, workers: number): Promise<Set<number>> =>
  seen(async () => (await ask(place, '/block')).pid, workers)

export interface Answered {
  readonly pid: number
  readonly version: string | undefined
  readonly multiprocess: string | undefined
  readonly body: string
}

/** One FastCGI request on a separate connection. */
export async function ask(place: string | number, target = '/'): Promise<Answered> {
  const peer = new Peer(place)
  try {
    peer.send(get(1, ['REQUEST_URI', target], false))
    const { stdout, body } = await peer.ended(1)
    const header = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(stdout)?.[1]?.trim()
    const multiprocess = header('x-multiprocess')
    return { pid: Number(header('x-pid')), version: header('x-version'), multiprocess, body }
  } finally {
    peer.socket.destroy()
  }
}

/** A request that runs until it is released. */
export async function slowRequest(place: string | number) {
  const gate = newPath('gate')
  const answer = ask(place, `/slow?at=${gate}`)
  answer.catch(() => {})
  const begun = () => readText(`${gate}.begun`)
  expect(await until(() => begun() !== '')).toBe(true)
  return { pid: Number(begun()), answer, letGo: () => writeFileSync(gate, '') }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

export const allGone = (pids: readonly number[], ms = 5000): Promise<boolean> =>
  until(() => pids.every((pid) => !isAlive(pid)), ms)

export const ended = (server: ServerProcess): Promise<boolean> => until(() => server.exit() !== undefined)
