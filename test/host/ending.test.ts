/** However the host ends, its scripts are ended with it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { which } from '../support/needs.js'
import { freePort } from '../support/ports.js'
import { isAlive, until } from '../support/processes.js'
import { send } from '../support/request.js'
import { isListening } from '../support/server-process.js'
import type { Wire } from '../support/wire.js'
import { scripts, sh } from './support.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const bin = join(root, 'bin', 'cgiup.js')
const head = 'printf "Content-Type: text/plain\\n\\n"'

const kinds: Record<string, string> = {
  silent: 'echo $$ > pids; sleep 60',
  streams: `echo $$ > pids; ${head}; while :; do echo x; sleep 0.05; done`,
  'ignores signals': 'trap "" TERM HUP INT; echo $$ > pids; while :; do sleep 1; done',
  'has a child that ignores signals':
    '(trap "" TERM HUP INT; while :; do sleep 1; done) & echo $$ $! > pids; sleep 60',
  'has ended, and its child streams': `(trap "" TERM HUP INT; while :; do echo x; sleep 0.2; done) & echo $! > pids; ${head}`,
}

const started: ChildProcess[] = []
afterAll(() => {
  for (const child of started) child.kill('SIGKILL')
})

/** A host with a running script of each kind. */
async function busy(start: (directory: string, port: number) => ChildProcess) {
  const files: Record<string, string> = {}
  for (const [name, body] of Object.entries(kinds)) {
    const path = name.replaceAll(/\W/g, '-')
    files[`${path}/x.cgi`] = sh(body)
  }
  const directory = scripts(files)
  const port = await freePort()
  const host = start(directory, port)
  started.push(host)
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) =>
    host.once('exit', (code, signal) => resolve(code ?? signal)),
  )
  expect(await until(() => isListening({ port }), 20_000)).toBe(true)
  const wires: Wire[] = []
  const pids: number[] = []
  for (const path of Object.keys(files)) {
    wires.push(await send({ port }, { target: `/${path}`, keep: false }))
    const file = join(directory, path.replace('x.cgi', 'pids'))
    expect(await until(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'))).toBe(true)
    pids.push(...readFileSync(file, 'utf8').trim().split(' ').map(Number))
  }
  expect(pids.filter(isAlive)).toEqual(pids)
  const allGone = () => until(() => !pids.some(isAlive), 12_000)
  const close = () => {
    for (const wire of wires) wire.close()
  }
  return { host, ended, pids, allGone, close }
}

const command = (directory: string, port: number) =>
  spawn(process.execPath, [bin, 'host', directory, '--listen', String(port)], { stdio: 'ignore' })

// Most of the time is the grace period of running requests.
describe.concurrent('cgiup host', () => {
  it.each([
    ['SIGTERM', 0],
    ['SIGINT', 0],
    ['SIGHUP', 0],
    ['SIGQUIT', 'SIGQUIT'],
  ] as const)('%s ends the scripts too', async (signal, end) => {
    const { host, ended, allGone, close } = await busy(command)
    host.kill(signal)
    expect(await ended).toBe(end)
    expect(await allGone()).toBe(true)
    close()
  })

  it.each([
    ['SIGINT', 'SIGINT'],
    ['SIGHUP', 'SIGTERM'],
    ['SIGTERM', 'SIGQUIT'],
  ] as const)('%s and then %s: at once', async (first, second) => {
    const { host, ended, allGone, close } = await busy(command)
    const begun = Date.now()
    host.kill(first)
    await new Promise((resolve) => setTimeout(resolve, 100))
    host.kill(second)
    expect(await ended).toBe(second)
    expect(Date.now() - begun).toBeLessThan(4000)
    expect(await allGone()).toBe(true)
    close()
  })

  it.skipIf(which('setsid') === undefined || which('script') === undefined)(
    'a terminal that is closed',
    async () => {
      const { host, ended, allGone, close } = await busy((directory, port) =>
        spawn(
          'script',
          ['-qec', `"${process.execPath}" "${bin}" host "${directory}" --listen ${port}`, '/dev/null'],
          {
            stdio: ['ignore', 'ignore', 'ignore'],
          },
        ),
      )
      host.kill('SIGKILL')
      await ended
      expect(await allGone()).toBe(true)
      close()
    },
  )
})

describe.concurrent('serve() in a program that does not listen for signals', () => {
  it.each(['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR2'] as const)(
    '%s ends it as usual, and the scripts with it',
    async (signal) => {
      const { host, ended, allGone, close } = await busy((directory, port) => {
        mkdirSync(join(directory, 'node_modules'))
        symlinkSync(root, join(directory, 'node_modules', 'cgiup'))
        const file = join(directory, 'host.mjs')
        writeFileSync(
          file,
          `import { cgiBin, serve } from 'cgiup/host'; await serve(cgiBin(${JSON.stringify(directory)}), { port: ${port} })`,
        )
        return spawn(process.execPath, [file], { stdio: 'ignore' })
      })
      host.kill(signal)
      expect(await ended).toBe(signal)
      expect(await allGone()).toBe(true)
      close()
    },
  )
})
