/** Starts web servers with their own configuration in a temporary directory, on free ports of loopback. */

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { which } from '../support/needs.js'
import { freePort } from '../support/ports.js'
import { type ServerProcess, startServer } from '../support/server-process.js'
import { removeTempDir, tempDir } from '../support/temp.js'
import { configDirectory, type Docroot, makeDocroot } from './docroot.js'

export interface Site {
  readonly docroot: Docroot
  /** Directory of logs, sockets and temporary files. */
  readonly run: string
  readonly port: number
  /** Second port: the same site with streaming switched on, where the server has such a setting. */
  readonly port2: number
  /** Ports where an app of the shared behaviour suite is mounted at the root, at /app and /cgi-bin/app.cgi. */
  readonly suite: { readonly fetch: number; readonly node: number }
  /** What the server and the scripts have written as diagnostics. */
  log(): string
  /** Stops everything. Names the processes that had to be killed. */
  stop(): Promise<string[]>
}

export interface Frame {
  docroot: Docroot
  run: string
  port: number
  port2: number
  suite: { fetch: number; node: number }
}

export async function makeFrame(): Promise<Frame> {
  const run = tempDir('server')
  // The server gives up root and must still be able to write here.
  chmodSync(run, 0o777)
  const suite = { fetch: await freePort(), node: await freePort() }
  return { docroot: makeDocroot(), run, port: await freePort(), port2: await freePort(), suite }
}

/** Fills the placeholders of a template; all others of config/ are filled beside it, for `include`. */
function fill(text: string, frame: Frame, more: Record<string, string> = {}): string {
  const values: Record<string, string> = {
    PORT: String(frame.port),
    PORT2: String(frame.port2),
    FETCH: String(frame.suite.fetch),
    NODE: String(frame.suite.node),
    ROOT: frame.docroot.path,
    RUN: frame.run,
    PATH: frame.docroot.searchPath,
    CONFIG: join(frame.run, 'config'),
    SOCK: join(frame.run, 'fcgiwrap.sock'),
    ...more,
  }
  return text.replace(/@([A-Z0-9]+)@/g, (whole, name: string) => values[name] ?? whole)
}

export function writeConfig(
  frame: Frame,
  main: string,
  parts: readonly string[],
  more: Record<string, string>,
): string {
  const directory = join(frame.run, 'config')
  mkdirSync(directory)
  for (const name of [main, ...parts]) {
    const text = readFileSync(join(configDirectory, name), 'utf8')
    writeFileSync(join(directory, name), fill(text, frame, more))
  }
  return join(directory, main)
}

/** Only what a server started at boot has: nothing of this process leaks into scripts by accident. */
export function environment(frame: Frame): NodeJS.ProcessEnv {
  return { PATH: frame.docroot.searchPath, LANG: 'C.UTF-8' }
}

export const root = process.getuid?.() === 0

export function site(frame: Frame, servers: ServerProcess[]): Site {
  const { docroot, run, port, port2, suite } = frame
  const errorLog = join(run, 'error.log')
  return {
    docroot,
    run,
    port,
    port2,
    suite,
    log: () =>
      (existsSync(errorLog) ? readFileSync(errorLog, 'utf8') : '') +
      servers.map((one) => one.output()).join(''),
    async stop() {
      const killed: string[] = []
      for (const server of servers) killed.push(...(await server.stop()))
      removeTempDir(docroot.path)
      removeTempDir(run)
      return killed
    },
  }
}

/** Apache: mod_cgi in the prefork MPM, mod_cgid in the event MPM. */
export async function startApache(mpm: 'prefork' | 'event'): Promise<Site> {
  const frame = await makeFrame()
  const parts = ['scriptalias', 'addhandler', 'authorization', 'content-length'].map(
    (name) => `apache-${name}.conf`,
  )
  const file = writeConfig(frame, 'apache-frame.conf', parts, {
    MPM: mpm,
    CGI: mpm === 'prefork' ? 'cgi' : 'cgid',
    MODULES: '/usr/lib/apache2/modules',
    USER: root ? 'User www-data\nGroup www-data' : '',
  })
  const { port, run, docroot } = frame
  const server = await startServer(which('apache2') ?? 'apache2', ['-f', file, '-D', 'FOREGROUND'], {
    listens: { port },
    env: environment(frame),
    cwd: run,
    directory: docroot.path,
  })
  return site(frame, [server])
}

export async function startLighttpd(): Promise<Site> {
  const frame = await makeFrame()
  const parts = ['ext', 'alias', 'rewrite', 'path', 'stream'].map((name) => `lighttpd-${name}.conf`)
  const file = writeConfig(frame, 'lighttpd-frame.conf', parts, {
    USER: root ? 'server.username = "www-data"\nserver.groupname = "www-data"' : '',
  })
  const { port, port2, run, docroot } = frame
  const server = await startServer(which('lighttpd') ?? 'lighttpd', ['-D', '-f', file], {
    listens: [{ port }, { port: port2 }],
    env: environment(frame),
    cwd: run,
    directory: docroot.path,
  })
  return site(frame, [server])
}

/** nginx in front of fcgiwrap, which starts the scripts. */
export async function startNginx(): Promise<Site> {
  const frame = await makeFrame()
  const parts = ['nginx-fcgiwrap.conf', 'nginx-fcgiwrap-front.conf', 'nginx-fcgiwrap-stream.conf']
  const file = writeConfig(frame, 'nginx-frame.conf', parts, { USER: root ? 'user www-data;' : '' })
  const { port, port2, run, docroot } = frame
  const socket = join(run, 'fcgiwrap.sock')
  const env = environment(frame)
  const wrap = await startServer(which('fcgiwrap') ?? 'fcgiwrap', ['-c', '6', '-s', `unix:${socket}`], {
    listens: { path: socket },
    env,
    cwd: run,
    directory: docroot.path,
    stopChildren: true,
  })
  chmodSync(socket, 0o777)
  try {
    const args = ['-e', join(run, 'error.log'), '-p', run, '-c', file]
    const listens = [{ port }, { port: port2 }]
    const server = await startServer(which('nginx') ?? 'nginx', args, { listens, env, cwd: run })
    return site(frame, [server, wrap])
  } catch (error) {
    await wrap.stop()
    throw error
  }
}

/** One server for all tests of the `describe` around it. */
export function useSite(start: () => Promise<Site>): () => Site {
  let current: Site | undefined
  beforeAll(async () => {
    current = await start()
  })
  afterAll(async () => {
    await current?.stop()
  })
  return () => {
    if (!current) throw new Error('the server is not running')
    return current
  }
}
