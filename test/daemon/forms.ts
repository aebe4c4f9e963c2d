/** One app in every form of server, started as a user does, each on a separate Unix socket. */

import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach } from 'vitest'
import { get, Peer } from '../fastcgi/peer.js'
import { encodeScgiHead } from '../scgi/peer.js'
import { family, isAlive, until } from '../support/processes.js'
import { tempDir } from '../support/temp.js'

const dist = new URL('../../dist/index.js', import.meta.url).href
const cgiup = fileURLToPath(new URL('../../bin/cgiup.js', import.meta.url))
const directory = tempDir('forms')

export interface Form {
  readonly name: string
  readonly protocol: 'http' | 'fastcgi' | 'scgi'
  readonly options?: object
  readonly env?: NodeJS.ProcessEnv
}

const production = { NODE_ENV: 'production' }

/**
 * `run()` in each form; with one worker, so that the next request reaches the same process or its successor.
 */
export const forms = {
  development: { name: 'HTTP in development', protocol: 'http', env: { NODE_ENV: 'development' } },
  http: { name: 'HTTP in production', protocol: 'http', env: production },
  fastcgi: { name: 'FastCGI', protocol: 'fastcgi', options: { server: 'fastcgi' } },
  scgi: { name: 'SCGI', protocol: 'scgi', options: { server: 'scgi' } },
  workers: { name: 'a worker', protocol: 'fastcgi', options: { server: 'fastcgi', workers: 1 } },
} as const satisfies Record<string, Form>

export const allForms: readonly Form[] = Object.values(forms)

export interface Started {
  readonly child: ChildProcess
  readonly pid: number
  readonly place: string
  output(): string
  exit(): { code: number | null; signal: NodeJS.Signals | null } | undefined
  /** All data received in reply to one request on a separate connection. */
  ask(target: string): Promise<string>
}

const living = new Set<ChildProcess>()
const stopAll = async () => {
  for (const child of living) {
    const pids = family(child.pid as number).map(({ pid }) => pid)
    for (const pid of pids) kill(pid)
    await until(() => pids.every((pid) => !isAlive(pid)))
  }
  living.clear()
}
afterEach(stopAll)
afterAll(stopAll)

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Already ended.
  }
}

let count = 0

/**
 * @param handler source of a fetch function: `async (request, env, context) => …`; of a complete app if it
 * begins with `(req, res)` or `async (req, res)`
 */
export async function startForm(
  form: Form,
  handler: string,
  { options = {}, before = '' }: { options?: object; before?: string } = {},
): Promise<Started> {
  const place = join(directory, `s${++count}`)
  const file = join(directory, `app${count}.mjs`)
  const all = { listen: place, ...form.options, ...options }
  writeFileSync(
    file,
    `import { run } from '${dist}'\n${before}\nawait run(${/^(async )?\(req, res\)/.test(handler) ? handler : `{ fetch: ${handler} }`}, ${JSON.stringify(all)})\n`,
  )
  return startProgram([file], place, form)
}

/** `cgiup host` with one script. @param script a shell script */
export function startHost(script: string): Promise<Started> {
  const place = join(directory, `s${++count}`)
  const file = join(directory, `script${count}`)
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  return startProgram([cgiup, 'host', file, '--listen', `unix:${place}`], place, forms.development)
}

async function startProgram(args: readonly string[], place: string, form: Form): Promise<Started> {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH, ...form.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  living.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => {
      output += chunk
    })
  const exit = () =>
    child.exitCode === null && child.signalCode === null
      ? undefined
      : { code: child.exitCode, signal: child.signalCode }
  if (!(await until(async () => exit() !== undefined || (await listens(place)))) || exit() !== undefined)
    throw new Error(`${form.name} did not come to listen: ${output}`)
  return {
    child,
    pid: child.pid as number,
    place,
    output: () => output,
    exit,
    ask: (target) => ask(place, form.protocol, target),
  }
}

const listens = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ path })
    socket.on('error', () => resolve(false))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })

/** One request, in Latin-1. */
export function requestBytes(protocol: Form['protocol'], target: string): string {
  if (protocol === 'fastcgi') return get(1, ['REQUEST_URI', target], false)
  if (protocol === 'scgi') return encodeScgiHead(['REQUEST_METHOD', 'GET', 'REQUEST_URI', target], 0)
  return `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`
}

/** The CGI output, or HTTP response, of one request; '' if the connection closed without one. */
export async function ask(place: string, protocol: Form['protocol'], target: string): Promise<string> {
  if (protocol === 'fastcgi') {
    const peer = new Peer(place)
    peer.send(requestBytes(protocol, target))
    await peer.close()
    return peer.answer(1).stdout
  }
  return new Promise((resolve) => {
    let text = ''
    const socket = connect({ path: place }, () => socket.write(requestBytes(protocol, target), 'latin1'))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })
}
