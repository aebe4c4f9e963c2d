/** Common part of all web servers in the tests: a temporary directory, a configuration, free loopback ports. */

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { freePort } from '../support/ports.js'
import type { ServerProcess } from '../support/server-process.js'
import { removeTempDir, tempDir } from '../support/temp.js'
import { configDirectory, type Docroot, makeDocroot } from './docroot.js'

export interface Site {
  readonly docroot: Docroot
  /** Directory of logs, sockets and temporary files. */
  readonly run: string
  readonly port: number
  /** Second port: the same site with streaming enabled, if the server has such a setting. */
  readonly port2: number
  /** Ports where an app of the shared behaviour suite is mounted at the root, at /app and /cgi-bin/app.cgi. */
  readonly suite: { readonly fetch: number; readonly node: number }
  /** Further ports, by their names in the configuration. */
  readonly ports: Readonly<Record<string, number>>
  /** Diagnostics written by the server and the scripts. */
  log(): string
  /** Returns what is added to those from now on. */
  follow(): () => string
  /** Stops everything. Returns the names of processes that had to be killed. */
  stop(): Promise<string[]>
}

export interface Frame {
  docroot: Docroot
  run: string
  port: number
  port2: number
  suite: { fetch: number; node: number }
  ports: Readonly<Record<string, number>>
}

/** @param names of further ports: `KEEP` is `@KEEP@` in a template and `site.ports.KEEP` in a test */
export async function makeFrame(names: readonly string[] = []): Promise<Frame> {
  const run = tempDir('server')
  // The server drops root privileges and must still be able to write here.
  chmodSync(run, 0o777)
  const suite = { fetch: await freePort(), node: await freePort() }
  const ports: Record<string, number> = {}
  for (const name of names) ports[name] = await freePort()
  return { docroot: makeDocroot(), run, port: await freePort(), port2: await freePort(), suite, ports }
}

/**
 * Fills in the placeholders of a template; all other files of config/ are written next to it, for `include`.
 */
function fill(text: string, frame: Frame, more: Record<string, string> = {}): string {
  const values: Record<string, string | number> = {
    ...frame.ports,
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
  return text.replace(/@([A-Z0-9]+)@/g, (whole, name: string) => String(values[name] ?? whole))
}

/** Writes filled-in templates where the server can include them. Returns the path of the main one. */
export function writeConfig(
  frame: Frame,
  main: string,
  parts: readonly string[],
  more: Record<string, string>,
): string {
  for (const name of [main, ...parts]) writePart(frame, name, name, more)
  return join(frame.run, 'config', main)
}

/** Writes one filled-in template under another name, for one that is needed several times. */
export function writePart(frame: Frame, template: string, name: string, more: Record<string, string>): void {
  const directory = join(frame.run, 'config')
  mkdirSync(directory, { recursive: true })
  const text = readFileSync(join(configDirectory, template), 'utf8')
  writeFileSync(join(directory, name), fill(text, frame, more))
}

/** Only the variables of a server started at boot: nothing of this process leaks into scripts by accident. */
export function environment(frame: Frame): NodeJS.ProcessEnv {
  return { PATH: frame.docroot.searchPath, LANG: 'C.UTF-8' }
}

export const root = process.getuid?.() === 0

/** A process that belongs to a site: the web server, or an app behind it. */
export type Member = Pick<ServerProcess, 'output' | 'stop'>

/** @param members in the order in which they are stopped: the server first, then the apps behind it */
export function site(frame: Frame, members: readonly Member[]): Site {
  const { docroot, run, port, port2, suite, ports } = frame
  const errorLog = join(run, 'error.log')
  const texts = () => [
    existsSync(errorLog) ? readFileSync(errorLog, 'utf8') : '',
    ...members.map((one) => one.output()),
  ]
  return {
    docroot,
    run,
    port,
    port2,
    suite,
    ports,
    log: () => texts().join(''),
    follow() {
      const begun = texts().map(({ length }) => length)
      return () =>
        texts()
          .map((text, i) => text.slice(begun[i] ?? 0))
          .join('')
    },
    async stop() {
      const killed: string[] = []
      const failures: unknown[] = []
      for (const member of members) {
        try {
          killed.push(...(await member.stop()))
        } catch (error) {
          failures.push(error)
        }
      }
      removeTempDir(docroot.path)
      removeTempDir(run)
      if (failures.length > 0) throw failures[0]
      return killed
    },
  }
}

/** One server for all tests of the `describe` around it. */
export function useSite<S extends Site>(start: () => Promise<S>): () => S {
  let current: S | undefined
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
