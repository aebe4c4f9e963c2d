/** nginx with fcgiwrap, which runs the CGI scripts. */

import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { which } from '../../support/needs.js'
import { startServer } from '../../support/server-process.js'
import { environment, makeFrame, root, type Site, site, writeConfig } from '../site.js'

/** nginx in front of fcgiwrap, which starts the scripts. */
export async function startNginx(): Promise<Site> {
  const frame = await makeFrame()
  const parts = ['nginx-fcgiwrap.conf', 'nginx-fcgiwrap-front.conf', 'nginx-fcgiwrap-stream.conf']
  const file = writeConfig(frame, 'nginx-frame.conf', parts, { USER: root ? 'user www-data;' : '' })
  const { port, port2, run, docroot } = frame
  const socket = join(run, 'fcgiwrap.sock')
  const env = environment(frame)
  const wrap = await startServer(which('fcgiwrap') ?? 'fcgiwrap', ['-c', '6', '-s', `unix:${socket}`], {
    listens: { path: socket },
    env,
    cwd: run,
    directory: docroot.path,
    stopChildren: true,
  })
  chmodSync(socket, 0o777)
  try {
    const args = ['-e', join(run, 'error.log'), '-p', run, '-c', file]
    const listens = [{ port }, { port: port2 }]
    const server = await startServer(which('nginx') ?? 'nginx', args, { listens, env, cwd: run })
    return site(frame, [server, wrap])
  } catch (error) {
    await wrap.stop()
    throw error
  }
}
