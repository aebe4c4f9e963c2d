/** nginx in front of persistent processes. */

import { join } from 'node:path'
import { which } from '../../support/needs.js'
import { startServer } from '../../support/server-process.js'
import { appNames } from '../docroot.js'
import { socketOf, startResponders } from '../responder.js'
import { environment, makeFrame, root, type Site, site, writeConfig, writePart } from '../site.js'

/** Part of the configuration for each app, and the way in that it belongs to. */
const parts = {
  'nginx-fastcgi-upstream.conf': 'upstream',
  'nginx-fastcgi.conf': 'plain',
  'nginx-fastcgi-keep.conf': 'keep',
  'nginx-fastcgi-stream.conf': 'stream',
  'nginx-scgi.conf': 'scgi',
}

/** Each app at its name, on a port for each way: PLAIN, KEEP, STREAM, SCGI. */
export async function startNginxPersistent(): Promise<Site> {
  const frame = await makeFrame(['PLAIN', 'KEEP', 'STREAM', 'SCGI'])
  const { run, ports } = frame
  const file = writeConfig(frame, 'nginx-persistent-frame.conf', [], { USER: root ? 'user www-data;' : '' })
  for (const [part, way] of Object.entries(parts)) {
    for (const app of appNames) {
      writePart(frame, part, `${way}-${app}`, { APP: app, APPSOCK: socketOf(frame, app) })
    }
  }
  const responders = await startResponders(frame)
  const args = ['-e', join(run, 'error.log'), '-p', run, '-c', file]
  const listens = Object.values(ports).map((port) => ({ port }))
  try {
    const server = await startServer(which('nginx') ?? 'nginx', args, {
      listens,
      env: environment(frame),
      cwd: run,
    })
    return site(frame, [server, ...responders])
  } catch (error) {
    for (const one of responders) await one.stop()
    throw error
  }
}
