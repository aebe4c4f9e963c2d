/** h2o in front of persistent processes: some that it connects to, some that it starts. */

import { join } from 'node:path'
import type { Style } from '../../cases/case.js'
import { which } from '../../support/needs.js'
import { startServer } from '../../support/server-process.js'
import { type AppName, appNames, scripts } from '../docroot.js'
import { inFront, socketOf, startAll, startResponder } from '../responder.js'
import { environment, type Frame, makeFrame, type Site, writeConfig, writePart } from '../site.js'

/** Each app at its name on CONNECT; the fetch app also over TCP at its name on TCP, and at the root of SPAWN. */
export async function startH2o(): Promise<Site> {
  const frame = await makeFrame(['CONNECT', 'TCP', 'SPAWN', 'BACK'])
  const { BACK, ...ports } = frame.ports
  for (const app of appNames) {
    writePart(frame, 'h2o-connect.conf', app, { APP: app, APPSOCK: socketOf(frame, app) })
  }
  writePart(frame, 'h2o-spawn.conf', 'spawn', { FILE: join(frame.docroot.path, 'site', scripts.fetch) })
  writePart(frame, 'h2o-connect-tcp.conf', 'tcp', { APP: 'fetch' })
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
    responder('fetch', { port: BACK as number }),
  ])
  return inFront(frame, responders, () => h2o(frame, config, Object.values(ports)))
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
