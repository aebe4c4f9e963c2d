/** Apache in front of persistent processes: mod_fcgid, which starts them. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { which } from '../../support/needs.js'
import { startServer } from '../../support/server-process.js'
import { environment, makeFrame, root, type Site, site, writeConfig } from '../site.js'

/** Placeholders of Apache templates, in addition to those of every server. */
const common = {
  MODULES: '/usr/lib/apache2/modules',
  USER: root ? 'User www-data\nGroup www-data' : '',
}

/** mod_fcgid in the event MPM; the second port has FcgidOutputBufferSize 0 and HTTP/2. */
export async function startFcgid(): Promise<Site & { readonly pid: number }> {
  const frame = await makeFrame(['IMPATIENT'])
  const parts = ['fcgid', 'fcgid-authorization', 'fcgid-stream', 'fcgid-wrapper'].map(
    (name) => `apache-${name}.conf`,
  )
  const { port, port2, run, docroot } = frame
  const own = join(docroot.path, 'bin/node')
  const file = writeConfig(frame, 'apache-fcgid-frame.conf', parts, {
    ...common,
    NODEBIN: existsSync(own) ? own : process.execPath,
  })
  mkdirSync(join(docroot.path, 'pages'))
  writeFileSync(join(docroot.path, 'pages/one.page'), '')
  const server = await startServer(which('apache2') ?? 'apache2', ['-f', file, '-D', 'FOREGROUND'], {
    listens: [{ port }, { port: port2 }],
    env: environment(frame),
    cwd: run,
    directory: docroot.path,
  })
  return { ...site(frame, [server]), pid: server.pid }
}
