/** Apache running CGI scripts. */

import { which } from '../../support/needs.js'
import { startServer } from '../../support/server-process.js'
import { environment, makeFrame, root, type Site, site, writeConfig } from '../site.js'
import { withCgid } from './cgid.js'

/** Apache: mod_cgi in the prefork MPM, mod_cgid in the event MPM. */
export async function startApache(mpm: 'prefork' | 'event'): Promise<Site> {
  const frame = await makeFrame()
  const parts = ['scriptalias', 'addhandler', 'authorization', 'content-length'].map(
    (name) => `apache-${name}.conf`,
  )
  const file = writeConfig(frame, 'apache-frame.conf', parts, {
    MPM: mpm,
    CGI: mpm === 'prefork' ? 'cgi' : 'cgid',
    MODULES: '/usr/lib/apache2/modules',
    USER: root ? 'User www-data\nGroup www-data' : '',
  })
  const { port, run, docroot } = frame
  const server = await startServer(which('apache2') ?? 'apache2', ['-f', file, '-D', 'FOREGROUND'], {
    listens: { port },
    env: environment(frame),
    cwd: run,
    directory: docroot.path,
  })
  return site(frame, [mpm === 'event' ? await withCgid(server, run) : server])
}
