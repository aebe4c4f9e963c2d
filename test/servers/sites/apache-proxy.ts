/** Apache in front of persistent processes: mod_proxy_fcgi and mod_proxy_scgi. */

import { join } from 'node:path'
import { which } from '../../support/needs.js'
import { freePort } from '../../support/ports.js'
import { startServer } from '../../support/server-process.js'
import { appNames } from '../docroot.js'
import {
  type Responder,
  type ResponderOptions,
  socketOf,
  startResponder,
  startResponders,
  startSuiteResponders,
} from '../responder.js'
import {
  environment,
  type Frame,
  type Member,
  makeFrame,
  root,
  type Site,
  site,
  writeConfig,
  writePart,
} from '../site.js'

/** The part of the configuration for each app, by the port that it belongs to. */
const parts = {
  'apache-proxy-fcgi.conf': 'prefix',
  'apache-proxy-fcgi-stream.conf': 'stream',
  'apache-proxy-fcgi-handler.conf': 'handler',
  'apache-proxy-scgi.conf': 'scgi',
}

const common = {
  MODULES: '/usr/lib/apache2/modules',
  USER: root ? 'User www-data\nGroup www-data' : '',
}

const ports = [
  'PREFIX',
  'STREAM',
  'HANDLER',
  'SCGI',
  'TCP',
  'BALANCED',
  'SCGIROOT',
  'PLACES',
  'ROOTED',
  'TOLD',
]

const whole = ['fcgi-root', 'fcgi-balancer', 'scgi-root'].map((name) => `apache-proxy-${name}.conf`)

export interface ProxySite extends Site {
  readonly pid: number
  /** Stops a member, and starts it again on request. */
  restart(member: MemberName): Promise<() => Promise<void>>
}

/** The fetch app at the root: over TCP, twice behind the balancer, and with `--mount ""`. */
type MemberName = 'tcp' | 'one' | 'two' | 'told'

interface Members {
  readonly all: Map<MemberName, Responder>
  start(name: MemberName): Promise<void>
}

function members(frame: Frame, tcp: number, told: number): Members {
  const all = new Map<MemberName, Responder>()
  const options: Record<MemberName, Omit<ResponderOptions, 'file'>> = {
    tcp: { listens: { port: tcp } },
    one: { listens: { path: socketOf(frame, 'one') }, server: 'fastcgi' },
    two: { listens: { path: socketOf(frame, 'two') }, server: 'fastcgi' },
    told: { listens: { port: told }, server: 'fastcgi', args: ['--mount', ''] },
  }
  const file = join(frame.docroot.path, 'site/fetch.mjs')
  const start = async (name: MemberName) => {
    all.set(name, await startResponder(frame, { file, ...options[name] }))
  }
  return { all, start }
}

/**
 * Each app under its name on PREFIX, STREAM, HANDLER and SCGI; the fetch app at the root on TCP, BALANCED and
 * SCGIROOT.
 */
export async function startApacheProxy(): Promise<ProxySite> {
  const frame = await makeFrame(ports)
  const [tcp, told] = [await freePort(), await freePort()]
  const file = writeConfig(frame, 'apache-proxy-frame.conf', whole, {
    ...common,
    BACK: String(tcp),
    TOLDBACK: String(told),
    ONE: socketOf(frame, 'one'),
    TWO: socketOf(frame, 'two'),
  })
  for (const [part, way] of Object.entries(parts))
    for (const app of appNames)
      writePart(frame, part, `${way}-${app}`, { APP: app, APPSOCK: socketOf(frame, app) })
  const responders = await startResponders(frame)
  const { all, start } = members(frame, tcp, told)
  const backs: Member = {
    output: () => [...all.values()].map((member) => member.output()).join(''),
    stop: async () => (await Promise.all([...all.values()].map((member) => member.stop()))).flat(),
  }
  const restart = async (name: MemberName) => {
    await all.get(name)?.stop()
    return () => start(name)
  }
  return behind([backs, ...responders], async () => {
    await Promise.all((['tcp', 'one', 'two', 'told'] as const).map(start))
    const server = await startProxy(frame, file, Object.values(frame.ports))
    return { ...site(frame, [server, backs, ...responders]), pid: server.pid, restart }
  })
}

/** The shared behaviour suite, at the ports of `site.suite`. */
export async function startApacheSuite(protocol: 'fcgi' | 'scgi'): Promise<Site> {
  const frame = await makeFrame()
  const file = writeConfig(frame, 'apache-suite-frame.conf', [], { ...common, PROTOCOL: protocol })
  const responders = await startSuiteResponders(frame)
  return behind(responders, async () => {
    const server = await startProxy(frame, file, Object.values(frame.suite))
    return site(frame, [server, ...responders])
  })
}

const startProxy = (frame: Frame, file: string, ports: readonly number[]) =>
  startServer(which('apache2') ?? 'apache2', ['-f', file, '-D', 'FOREGROUND'], {
    listens: ports.map((port) => ({ port })),
    env: environment(frame),
    cwd: frame.run,
  })

/** Stops the apps if the server in front of them does not start. */
async function behind<S>(apps: readonly Member[], start: () => Promise<S>): Promise<S> {
  try {
    return await start()
  } catch (error) {
    for (const one of apps) await one.stop()
    throw error
  }
}
