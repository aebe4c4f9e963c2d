/** A directory with the app under test, and the servers that start it. */

import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import { provideNode, providePackages } from '../servers/packages.js'
import { which } from '../support/needs.js'
import { freePort } from '../support/ports.js'
import { isAlive, processesIn, until } from '../support/processes.js'
import { type ServerProcess, startServer } from '../support/server-process.js'
import { tempDir } from '../support/temp.js'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const configs = fileURLToPath(new URL('../servers/config/', import.meta.url))

export interface Place {
  /** The top directory. */
  readonly directory: string
  /** The app's file; `version.mjs` is in the same directory. */
  readonly app: string
  /** A directory that any user may write to: sockets, logs, gates. */
  readonly run: string
  readonly env: NodeJS.ProcessEnv
  /** Pids of the app's processes, in the order in which they began. */
  begun(): number[]
  /** Pids of the processes that have begun to serve. */
  serving(): number[]
  /** Exit code of a process; undefined while it runs, or if it was killed. */
  exitOf(pid: number): number | undefined
  /** Running processes of this place. */
  alive(): number[]
}

export function makePlace(): Place {
  const path = tempDir('life')
  providePackages(repository, [], join(path, 'node_modules'))
  mkdirSync(join(path, 'bin'))
  symlinkSync('../node_modules/cgiup/bin/cgiup.js', join(path, 'bin/cgiup'))
  provideNode(join(path, 'bin'))
  const run = join(path, 'run')
  mkdirSync(run)
  chmodSync(run, 0o777)
  const site = join(path, 'app')
  mkdirSync(join(site, 'tmp'), { recursive: true })
  for (const name of ['app.mjs', 'version.mjs'])
    copyFileSync(new URL(`app/${name}`, import.meta.url), join(site, name))
  const app = join(site, 'app.mjs')
  chmodSync(app, 0o755)
  const life = join(run, 'life')
  writeFileSync(life, '')
  chmodSync(life, 0o666)
  const notes = () =>
    readFileSync(life, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(' '))
  const pidsOf = (wanted: string) =>
    notes()
      .filter(([, what]) => what === wanted)
      .map(([pid]) => Number(pid))
  return {
    directory: path,
    app,
    run,
    env: {
      PATH: `${join(path, 'bin')}:${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
      LANG: 'C.UTF-8',
      LIFE: life,
    },
    begun: () => pidsOf('start'),
    serving: () => pidsOf('serves'),
    exitOf(pid) {
      const [, , code] = notes().find(([one, what]) => Number(one) === pid && what === 'exit') ?? []
      return code === undefined ? undefined : Number(code)
    },
    alive: () =>
      processesIn(path)
        .filter(({ state }) => state !== 'Z')
        .map(({ pid }) => pid),
  }
}

export interface Server extends Place {
  readonly port: number
  readonly server: ServerProcess
  log(): string
}

export interface ServerOptions {
  /** Options of `run()`. */
  readonly options?: object
  readonly nodeEnv?: string
  /** Further lines of the configuration. */
  readonly more?: string
  /** A script that starts the app; replaces the app itself. */
  readonly wrapper?: string
  /** lighttpd: the number of processes. */
  readonly procs?: number
}

const servers: ServerProcess[] = []
afterAll(async () => {
  for (const server of servers) await server.stop()
})

const root = process.getuid?.() === 0

function fill(place: Place, name: string, values: Record<string, string | number>): string {
  const text = readFileSync(join(configs, name), 'utf8')
  const file = join(place.run, name)
  writeFileSync(
    file,
    text.replace(/@([A-Z]+)@/g, (whole, key: string) => String(values[key] ?? whole)),
  )
  return file
}

async function start(
  place: Place,
  program: 'apache2' | 'lighttpd',
  config: string,
  { options = {}, nodeEnv = 'production', more = '', wrapper, procs = 1 }: ServerOptions,
): Promise<Server> {
  const port = await freePort()
  const user = {
    apache2: 'User www-data\nGroup www-data',
    lighttpd: 'server.username = "www-data"\nserver.groupname = "www-data"',
  }
  const script = join(place.directory, 'wrapper')
  if (wrapper !== undefined) writeFileSync(script, wrapper, { mode: 0o755 })
  const json = JSON.stringify(options)
  const file = fill(place, config, {
    ROOT: dirname(place.app),
    RUN: place.run,
    APP: wrapper !== undefined && program === 'lighttpd' ? script : place.app,
    WRAPPER: wrapper === undefined ? '' : `FcgidWrapper "${script}" .mjs`,
    PORT: port,
    USER: root ? user[program] : '',
    OPTIONS: program === 'apache2' ? json.replaceAll('"', '\\"') : json.replaceAll('"', '\\"'),
    NODEENV: nodeEnv,
    MORE:
      program === 'apache2'
        ? `FcgidInitialEnv LIFE "${place.env.LIFE}"\nFcgidInitialEnv PATH "${place.env.PATH}"\n${more}`
        : more,
    PROCS: procs,
  })
  const args = program === 'apache2' ? ['-f', file, '-D', 'FOREGROUND'] : ['-D', '-f', file]
  const server = await startServer(which(program) ?? program, args, {
    listens: { port },
    env: place.env,
    cwd: place.run,
    directory: place.directory,
  })
  servers.push(server)
  const errors = join(place.run, 'error.log')
  const log = () => (existsSync(errors) ? readFileSync(errors, 'utf8') : '') + server.output()
  return { ...place, port, server, log }
}

/** Apache with mod_fcgid. */
export const startFcgid = (options: ServerOptions = {}, place = makePlace()): Promise<Server> =>
  start(place, 'apache2', 'apache-process.conf', options)

/** lighttpd, which starts the app with `bin-path`. */
export const startLighttpd = (options: ServerOptions = {}, place = makePlace()): Promise<Server> =>
  start(place, 'lighttpd', 'lighttpd-process.conf', options)

/** Waits until a process has ended. */
export const gone = (pid: number, milliseconds?: number): Promise<boolean> =>
  until(() => !isAlive(pid), milliseconds)

/** How a server ended; waits for its end. */
export async function exitOf(server: ServerProcess, milliseconds?: number) {
  await until(() => server.exit() !== undefined, milliseconds)
  return server.exit()
}

export interface App extends Place {
  readonly server: ServerProcess
  /** Its Unix socket. */
  readonly socket: string
  /** Creates an empty file, such as the one that releases a slow request. */
  write(file: string): void
}

export interface AppOptions {
  readonly server?: 'fastcgi' | 'scgi' | 'http'
  readonly env?: NodeJS.ProcessEnv
}

/** The app on a separate Unix socket, started by the command. */
export async function startApp(
  args: readonly string[] = [],
  { server = 'fastcgi', env = {} }: AppOptions = {},
  place = makePlace(),
): Promise<App> {
  const socket = join(place.run, 'app.sock')
  const cgiup = join(place.directory, 'bin/cgiup')
  const words = [place.app, '--server', server, '--listen', `unix:${socket}`, ...args]
  const started = await startServer(cgiup, words, {
    listens: { path: socket },
    cwd: place.run,
    env: { ...place.env, NODE_ENV: 'production', ...env },
    directory: place.directory,
  })
  servers.push(started)
  return { ...place, server: started, socket, write: (file) => writeFileSync(file, '') }
}
