/** lighttpd in front of persistent processes, those that it starts itself among them. */

import { join } from 'node:path'
import { which } from '../../support/needs.js'
import { type ServerProcess, startServer } from '../../support/server-process.js'
import { appNames, scripts } from '../docroot.js'
import { socketOf, startResponders } from '../responder.js'
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

const user = root ? 'server.username = "www-data"\nserver.groupname = "www-data"' : ''

function writeParts(frame: Frame): void {
  for (const app of appNames) {
    const values = {
      APP: app,
      APPSOCK: socketOf(frame, app),
      SCRIPT: join(frame.docroot.path, 'site', scripts[app]),
    }
    const own = { ...values, APPSOCK: socketOf(frame, `${app}-bin`) }
    writePart(frame, 'lighttpd-fastcgi.conf', `bin-${app}`, own)
    writePart(frame, 'lighttpd-fastcgi-socket.conf', `socket-${app}`, values)
    writePart(frame, 'lighttpd-scgi.conf', `scgi-${app}`, values)
  }
}

/** The processes that lighttpd has started end with it; none has to be killed. */
function strict(server: ServerProcess): Member {
  const stop = async () => {
    const killed = await server.stop()
    if (killed.length > 0) throw new Error(`outlived lighttpd: ${killed.join(', ')}`)
    return killed
  }
  return { output: server.output, stop }
}

/**
 * Each app at its name: on the first port, STREAM and BOTH processes that lighttpd has started; on SOCKET
 * and SCGI those of spawn-fcgi.
 */
export async function startLighttpdPersistent(): Promise<Site> {
  const frame = await makeFrame(['STREAM', 'BOTH', 'SOCKET', 'SCGI'])
  const { run, port, ports } = frame
  writeParts(frame)
  const file = writeConfig(
    frame,
    'lighttpd-persistent-frame.conf',
    ['lighttpd-stream.conf', 'lighttpd-stream-upload.conf'],
    {
      USER: user,
    },
  )
  const responders = await startResponders(frame)
  try {
    const server = await startServer(which('lighttpd') ?? 'lighttpd', ['-D', '-f', file], {
      listens: [port, ...Object.values(ports)].map((port) => ({ port })),
      env: environment(frame),
      cwd: run,
    })
    return site(frame, [strict(server), ...responders])
  } catch (error) {
    for (const one of responders) await one.stop()
    throw error
  }
}
