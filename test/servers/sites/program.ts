/** A web server with one configuration, by the name of its program. */

import { join } from 'node:path'
import { which } from '../../support/needs.js'
import { startServer } from '../../support/server-process.js'
import { environment, type Frame, type Member, root, writeConfig } from '../site.js'

export type Program = 'apache2' | 'nginx' | 'lighttpd' | 'caddy' | 'h2o' | 'haproxy'

const users: Partial<Record<Program, string>> = {
  apache2: 'User www-data\nGroup www-data',
  nginx: 'user www-data;',
  lighttpd: 'server.username = "www-data"\nserver.groupname = "www-data"',
}

/** Its arguments, with a configuration file. */
const args: Readonly<Record<Program, (config: string, frame: Frame) => string[]>> = {
  apache2: (config) => ['-f', config, '-D', 'FOREGROUND'],
  nginx: (config, { run }) => ['-e', 'stderr', '-p', run, '-c', config],
  lighttpd: (config) => ['-D', '-f', config],
  caddy: (config) => ['run', '--adapter', 'caddyfile', '--config', config],
  h2o: (config) => ['-c', config],
  haproxy: (config) => ['-db', '-f', config],
}

export interface ProgramOptions {
  /** The template. */
  readonly main: string
  /** Values of its placeholders, in addition to those of every server. */
  readonly values: Readonly<Record<string, string>>
  readonly ports: readonly number[]
  /** Further files, for HAProxy. */
  readonly parts?: readonly string[]
}

export function startProgram(frame: Frame, program: Program, options: ProgramOptions): Promise<Member> {
  const USER = root ? (users[program] ?? '') : ''
  const common = { USER, MODULES: '/usr/lib/apache2/modules' }
  const config = writeConfig(frame, options.main, [], { ...common, ...options.values })
  const parts = options.parts?.flatMap((name) => ['-f', join(frame.run, 'config', name)]) ?? []
  return startServer(which(program) ?? program, [...args[program](config, frame), ...parts], {
    listens: options.ports.map((port) => ({ port })),
    // Caddy keeps its state below HOME.
    env: { ...environment(frame), HOME: frame.run },
    cwd: frame.run,
  })
}

/** Starts all of them, or none: if one does not start, the apps behind them are stopped too. */
export async function startPrograms(
  starts: readonly (() => Promise<Member>)[],
  apps: readonly Member[],
): Promise<Member[]> {
  const started: Member[] = []
  try {
    for (const start of starts) started.push(await start())
    return started
  } catch (error) {
    for (const one of [...started, ...apps]) await one.stop()
    throw error
  }
}
