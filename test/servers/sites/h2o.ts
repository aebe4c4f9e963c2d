/** h2o in front of persistent processes: some that it connects to, some that it starts. */

import { join } from 'node:path'
import type { Style } from '../../cases/case.js'
import { which } from '../../support/needs.js'
import { type Address, startServer } from '../../support/server-process.js'
import { type AppName, appNames, scripts } from '../docroot.js'
import { inFront, socketOf, startAll, startResponder } from '../responder.js'
import { environment, type Frame, makeFrame, type Site, writeConfig, writePart } from '../site.js'

/** Those that h2o connects to over TCP. */
export const overTcp = ['fetch', 'express'] as const

/** The ports where each app is at the root, started by h2o. */
export const spawned: Readonly<Record<AppName, string>> = {
  fetch: 'SPAWN',
  hono: 'HONO',
  express: 'EXPRESS',
  koa: 'KOA',
  fastify: 'FASTIFY',
}

/**
 * Each app under its name on CONNECT, with `--mount`, two also on TCP, with the mount path set in h2o; each
 * also at the root of a separate port.
 */
export async function startH2o(): Promise<Site> {
  const listening = ['CONNECT', 'TCP', ...Object.values(spawned)]
  const frame = await makeFrame([...listening, ...overTcp])
  const port = (name: string) => frame.ports[name] as number
  for (const app of appNames) {
    writePart(frame, 'h2o-connect.conf', app, { APP: app, APPSOCK: socketOf(frame, app) })
    const FILE = join(frame.docroot.path, 'site', scripts[app])
    writePart(frame, 'h2o-spawn.conf', `spawn-${app}`, { FILE })
  }
  for (const app of overTcp)
    writePart(frame, 'h2o-connect-tcp.conf', `tcp-${app}`, { APP: app, BACK: String(port(app)) })
  const config = writeConfig(frame, 'h2o-frame.conf', [], {})
  const responder = (app: AppName, listens: Address, args: readonly string[] = []) => {
    const file = join(frame.docroot.path, 'site', scripts[app])
    return () => startResponder(frame, { file, listens, server: 'fastcgi', args })
  }
  const responders = await startAll([
    ...appNames.map((app) => responder(app, { path: socketOf(frame, app) }, ['--mount', `/${app}`])),
    ...overTcp.map((app) => responder(app, { port: port(app) })),
  ])
  return inFront(frame, responders, () => h2o(frame, config, listening.map(port)))
}

/** The shared behaviour suite for one style: one process, with the mount paths set in h2o. */
export async function startH2oSuite(style: Style): Promise<Site> {
  const frame = await makeFrame()
  const listen = frame.suite[style]
  const path = socketOf(frame, 'suite')
  const config = writeConfig(frame, 'h2o-suite-frame.conf', [], { LISTEN: String(listen), APPSOCK: path })
  const file = join(frame.docroot.path, 'suite', `${style}.mjs`)
  const responder = await startResponder(frame, { file, listens: { path }, server: 'fastcgi' })
  return inFront(frame, [responder], () => h2o(frame, config, [listen]))
}

function h2o(frame: Frame, config: string, ports: readonly number[]) {
  return startServer(which('h2o') ?? 'h2o', ['-c', config], {
    listens: ports.map((port) => ({ port })),
    env: { ...environment(frame), NODE_ENV: 'production' },
    cwd: frame.run,
  })
}
