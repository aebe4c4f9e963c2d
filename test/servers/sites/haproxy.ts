/** HAProxy in front of persistent processes. */

import { join } from 'node:path'
import { which } from '../../support/needs.js'
import { startServer } from '../../support/server-process.js'
import { type AppName, scripts } from '../docroot.js'
import { inFront, socketOf, startAll, startResponder, startResponders } from '../responder.js'
import { environment, makeFrame, type Site, writeConfig, writePart } from '../site.js'

const apps: readonly AppName[] = ['fetch', 'express']

/** The fetch app and Express at their names on PLAIN; the fetch app also on MULTI, over TCP, and at the root of ROOTED. */
export async function startHaproxy(): Promise<Site> {
  const frame = await makeFrame(['PLAIN', 'MULTI', 'ROOTED', 'BACK'])
  const { BACK, ...ports } = frame.ports
  for (const app of apps)
    writePart(frame, 'haproxy-app.conf', app, { APP: app, APPSOCK: socketOf(frame, app) })
  writePart(frame, 'haproxy-multiplexed.conf', 'multiplexed', { APP: 'fetch' })
  const main = writeConfig(frame, 'haproxy-frame.conf', [], { APPSOCK: socketOf(frame, 'fetch') })
  const file = join(frame.docroot.path, 'site', scripts.fetch)
  const overTcp = () => startResponder(frame, { file, listens: { port: BACK as number } })
  const responders = await startAll([() => startResponders(frame, apps), overTcp])
  const files = [main, ...[...apps, 'multiplexed'].map((name) => join(frame.run, 'config', name))]
  return inFront(frame, responders, () =>
    startServer(which('haproxy') ?? 'haproxy', ['-db', ...files.flatMap((name) => ['-f', name])], {
      listens: Object.values(ports).map((port) => ({ port })),
      env: environment(frame),
      cwd: frame.run,
    }),
  )
}
