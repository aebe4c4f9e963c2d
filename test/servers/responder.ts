/** A test app as a persistent process, started as a user starts it: through the built package. */

import { existsSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { which } from '../support/needs.js'
import { signalProcess } from '../support/processes.js'
import { type Address, startServer } from '../support/server-process.js'
import { type AppName, appNames, scripts } from './docroot.js'
import { environment, type Frame, type Member, type Site, site } from './site.js'

export interface ResponderOptions {
  /** The app file; the process runs in its directory. */
  readonly file: string
  readonly listens: Address
  /**
   * Its protocol on a socket that it opens itself: `cgiup APP --server … --listen …`. Without it spawn-fcgi
   * opens the socket and starts the file with it as fd 0, where FastCGI, SCGI and HTTP are detected.
   */
  readonly server?: 'fastcgi' | 'scgi' | 'http'
  /** Further command-line arguments of `cgiup`. */
  readonly args?: readonly string[]
  /** Added to the environment of a server started at boot. */
  readonly env?: NodeJS.ProcessEnv
}

export interface Responder extends Member {
  readonly pid: number
  readonly listens: Address
  /**
   * Ends it with SIGTERM (or another signal) and waits until it has exited.
   * @throws if it did not exit with 0, had to be killed, or left its socket behind
   */
  stop(signal?: NodeJS.Signals): Promise<string[]>
}

export async function startResponder(frame: Frame, options: ResponderOptions): Promise<Responder> {
  const { listens, file } = options
  const [program, args] = command(frame, options)
  const server = await startServer(program, args, {
    listens,
    cwd: join(file, '..'),
    env: { ...environment(frame), NODE_ENV: 'production', ...options.env },
  })
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (server.exit() === undefined && signal !== 'SIGTERM') signalProcess(server.pid, signal)
    const killed = await server.stop()
    const left = 'path' in listens && existsSync(listens.path)
    if (left) rmSync(listens.path)
    const { code, signal: by } = server.exit() ?? {}
    if (killed.length > 0 || code !== 0 || (left && options.server))
      throw new Error(
        `${basename(file)} did not end well: ${JSON.stringify({ code, by, killed, left })}\n${server.output()}`,
      )
    return killed
  }
  return { pid: server.pid, listens, output: server.output, stop }
}

/** The server's user can connect to a Unix socket as soon as it exists. */
function command(frame: Frame, { file, listens, server, args = [] }: ResponderOptions): [string, string[]] {
  if (server === undefined) {
    const socket =
      'path' in listens
        ? ['-s', listens.path, '-M', '0666']
        : ['-a', listens.host ?? '127.0.0.1', '-p', String(listens.port)]
    return [which('spawn-fcgi') ?? 'spawn-fcgi', ['-n', ...socket, '--', file]]
  }
  const place = 'path' in listens ? `unix:${listens.path}` : `${listens.host ?? '127.0.0.1'}:${listens.port}`
  const cgiup = join(frame.docroot.path, 'bin/cgiup')
  const mode = 'path' in listens ? ['--socket-mode', '666'] : []
  return [cgiup, [file, '--server', server, '--listen', place, ...mode, ...args]]
}

/** The path of an app's Unix socket. */
export const socketOf = (frame: Frame, app: string): string => join(frame.run, `${app}.sock`)

/**
 * The five apps, each a process on the Unix socket {@link socketOf}; takes about 0.8 s on two cores. By
 * default on a socket of spawn-fcgi, so that one process serves FastCGI, SCGI and HTTP.
 */
export function startResponders(
  frame: Frame,
  apps: readonly AppName[] = appNames,
  server?: ResponderOptions['server'],
): Promise<Responder[]> {
  return startAll(
    apps.map((app) => () => {
      const file = join(frame.docroot.path, 'site', scripts[app])
      return startResponder(frame, {
        file,
        listens: { path: socketOf(frame, app) },
        ...(server && { server }),
      })
    }),
  )
}

/** The two apps of the shared behaviour suite, on `suite-fetch` and `suite-node`. */
export function startSuiteResponders(
  frame: Frame,
  server?: ResponderOptions['server'],
): Promise<Responder[]> {
  return startAll(
    ['fetch', 'node'].map((style) => () => {
      const file = join(frame.docroot.path, 'suite', `${style}.mjs`)
      const listens = { path: socketOf(frame, `suite-${style}`) }
      return startResponder(frame, { file, listens, ...(server && { server }) })
    }),
  )
}

/** Starts all or none. */
export async function startAll(
  starts: readonly (() => Promise<Responder | readonly Responder[]>)[],
): Promise<Responder[]> {
  const results = await Promise.allSettled(starts.map((start) => start()))
  const started = results.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
  const failed = results.find((one) => one.status === 'rejected')
  if (failed === undefined) return started
  for (const one of started) await one.stop()
  throw failed.reason
}

/** A web server in front of them; if it does not start, they are stopped. */
export async function inFront(
  frame: Frame,
  responders: readonly Member[],
  start: () => Promise<Member>,
): Promise<Site> {
  try {
    return site(frame, [await start(), ...responders])
  } catch (error) {
    for (const one of responders) await one.stop()
    throw error
  }
}
