/** lighttpd running CGI scripts. */

import { which } from '../../support/needs.js'
import { startServer } from '../../support/server-process.js'
import { environment, makeFrame, root, type Site, site, writeConfig } from '../site.js'

export async function startLighttpd(): Promise<Site> {
  const frame = await makeFrame()
  const parts = ['ext', 'alias', 'rewrite', 'path', 'stream'].map((name) => `lighttpd-${name}.conf`)
  const file = writeConfig(frame, 'lighttpd-frame.conf', parts, {
    USER: root ? 'server.username = "www-data"\nserver.groupname = "www-data"' : '',
  })
  const { port, port2, run, docroot } = frame
  const server = await startServer(which('lighttpd') ?? 'lighttpd', ['-D', '-f', file], {
    listens: [{ port }, { port: port2 }],
    env: environment(frame),
    cwd: run,
    directory: docroot.path,
  })
  return site(frame, [server])
}
