/** Programs that call `run()`, for the tests of a file, and their processes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterEach } from 'vitest'
import { until } from '../support/processes.js'
import { tempDir } from '../support/temp.js'

/** The source of an app. */
export const app = "{ fetch: (r) => new Response(new URL(r.url).pathname + '\\n') }"

/** The directory of the programs, in which they can import cgiup. */
export const directory = tempDir('run')
mkdirSync(join(directory, 'node_modules'))
symlinkSync(fileURLToPath(new URL('../..', import.meta.url)), join(directory, 'node_modules', 'cgiup'))

export function program(name: string, text: string): string {
  const file = join(directory, name)
  writeFileSync(file, text)
  return file
}

/** A process without signs of a gateway, except for those in `env`. */
export const node = (file: string, env: Record<string, string> = {}, input?: string) =>
  execa(process.execPath, [file], {
    env: { PATH: process.env.PATH, ...env },
    extendEnv: false,
    reject: false,
    ...(input === undefined ? { stdin: 'ignore' } : { input }),
  })

const started = new Set<ChildProcess>()

afterEach(() => {
  for (const child of started) child.kill('SIGKILL')
  started.clear()
})

/** Starts a server; resolves once its banner appears. */
export async function serve(file: string, env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [file], { env: { PATH: process.env.PATH, ...env } })
  started.add(child)
  let out = ''
  let log = ''
  child.stdout.on('data', (text) => (out += text))
  child.stderr.on('data', (text) => (log += text))
  const exit = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.on('exit', (code, signal) => {
      started.delete(child)
      resolve(code ?? signal)
    }),
  )
  await until(() => log.includes('Ctrl-C') || child.exitCode !== null, 10_000)
  const port = Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(log)?.[1])
  return { child, port, exit, log: () => log, out: () => out }
}
