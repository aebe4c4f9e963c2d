/** h2o in front of persistent processes: some that it connects to, some that it starts. */

import { join } from 'node:path'
import type { Style } from '../../cases/case.js'
import { which } from '../../support/needs.js'
import { startServer } from '../../support/server-process.js'
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

/** Each app at its name on CONNECT, two also on TCP; each at the root of a port of its own. */
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
  const responder = (app: AppName, listens: { path: string } | { port: number }) => () =>
    startResponder(frame, {
      file: join(frame.docroot.path, 'site', scripts[app]),
      listens,
      server: 'fastcgi',
      args: ['--mount', `/${app}`],
    })
  const responders = await startAll([
    ...appNames.map((app) => responder(app, { path: socketOf(frame, app) })),
    ...overTcp.map((app) => responder(app, { port: port(app) })),
  ])
  return inFront(frame, responders, () => h2o(frame, config, listening.map(port)))
}

/** The shared behaviour suite for one style: a process for each mount path, as h2o does not tell it. */
export async function startH2oSuite(style: Style): Promise<Site> {
  const frame = await makeFrame()
  const listen = frame.suite[style]
  const config = writeConfig(frame, 'h2o-suite-frame.conf', [], { LISTEN: String(listen) })
  const file = join(frame.docroot.path, 'suite', `${style}.mjs`)
  const mounts = { root: '', app: '/app', script: '/cgi-bin/app.cgi' }
  const responders = await startAll(
    Object.entries(mounts).map(([name, mount]) => () => {
      const listens = { path: socketOf(frame, name) }
      return startResponder(frame, { file, listens, server: 'fastcgi', args: ['--mount', mount] })
    }),
  )
  return inFront(frame, responders, () => h2o(frame, config, [listen]))
}

function h2o(frame: Frame, config: string, ports: readonly number[]) {
  return startServer(which('h2o') ?? 'h2o', ['-c', config], {
    listens: ports.map((port) => ({ port })),
    env: { ...environment(frame), NODE_ENV: 'production' },
    cwd: frame.run,
  })
}
