/** Apache in front of persistent processes: mod_proxy_fcgi and mod_proxy_scgi. */

import { join } from 'node:path'
import { which } from '../../support/needs.js'
import { freePort } from '../../support/ports.js'
import { startServer } from '../../support/server-process.js'
import { appNames } from '../docroot.js'
import {
  type Responder,
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

/** Part of the configuration for each app, and the way in that it belongs to. */
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
  readonly frame: Frame
  /** Ports of the fetch app: one at the root, two behind the balancer, one with `--mount ""`. */
  readonly backs: readonly number[]
  readonly members: Responder[]
}

/** An app at the root, as a process on a TCP port. */
export function startBack(frame: Frame, port: number): Promise<Responder> {
  return startResponder(frame, { file: join(frame.docroot.path, 'site/fetch.mjs'), listens: { port } })
}

/** The same, told where it is mounted. */
function startTold(frame: Frame, port: number): Promise<Responder> {
  const file = join(frame.docroot.path, 'site/fetch.mjs')
  return startResponder(frame, { file, listens: { port }, server: 'fastcgi', args: ['--mount', ''] })
}

/**
 * Each app at its name on PREFIX, STREAM, HANDLER and SCGI; the fetch app at the root on TCP, BALANCED and
 * SCGIROOT.
 */
export async function startApacheProxy(): Promise<ProxySite> {
  const frame = await makeFrame(ports)
  const backs = [await freePort(), await freePort(), await freePort(), await freePort()]
  const file = writeConfig(frame, 'apache-proxy-frame.conf', whole, {
    ...common,
    BACK: String(backs[0]),
    BACK1: String(backs[1]),
    BACK2: String(backs[2]),
    BACK3: String(backs[3]),
  })
  for (const [part, way] of Object.entries(parts))
    for (const app of appNames)
      writePart(frame, part, `${way}-${app}`, { APP: app, APPSOCK: socketOf(frame, app) })
  const responders = await startResponders(frame)
  const members: Responder[] = []
  const backsOf: Member = {
    output: () => members.map((member) => member.output()).join(''),
    // Some may have been replaced by then.
    stop: async () => (await Promise.all(members.map((member) => member.stop()))).flat(),
  }
  return behind([backsOf, ...responders], async () => {
    members.push(...(await Promise.all(backs.slice(0, 3).map((port) => startBack(frame, port)))))
    members.push(await startTold(frame, backs[3] as number))
    const server = await startProxy(frame, file, Object.values(frame.ports))
    return { ...site(frame, [server, backsOf, ...responders]), pid: server.pid, frame, backs, members }
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

/** Stops the apps when the server in front of them does not start. */
async function behind<S>(apps: readonly Member[], start: () => Promise<S>): Promise<S> {
  try {
    return await start()
  } catch (error) {
    for (const one of apps) await one.stop()
    throw error
  }
}
