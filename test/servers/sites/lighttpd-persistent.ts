/** lighttpd in front of persistent processes, including those that it starts itself. */

import { join } from 'node:path'
import { which } from '../../support/needs.js'
import { freePort } from '../../support/ports.js'
import { type ServerProcess, startServer } from '../../support/server-process.js'
import { type AppName, appNames, fcgiScripts, scripts } from '../docroot.js'
import { limited } from '../early.js'
import {
  type Responder,
  socketOf,
  startResponder,
  startResponders,
  startSuiteResponders,
} from '../responder.js'
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

async function startLighttpd(
  frame: Frame,
  main: string,
  parts: readonly string[] = [],
): Promise<ServerProcess> {
  const { run, port, ports, suite } = frame
  const file = writeConfig(frame, main, parts, { USER: user })
  const more = main.includes('suite') ? [suite.fetch, suite.node] : Object.values(ports)
  return startServer(which('lighttpd') ?? 'lighttpd', ['-D', '-f', file], {
    listens: [port, ...more].map((port) => ({ port })),
    env: environment(frame),
    cwd: run,
  })
}

/** Starts lighttpd once the apps that it does not start itself are running; all or none. */
async function startBoth(
  frame: Frame,
  apps: Promise<Responder[]>,
  main: string,
  parts?: readonly string[],
): Promise<Site> {
  const responders = await apps
  try {
    return site(frame, [strict(await startLighttpd(frame, main, parts)), ...responders])
  } catch (error) {
    for (const one of responders) await one.stop()
    throw error
  }
}

/**
 * Each app under its name: on the first port, STREAM and BOTH processes that lighttpd has started; on SOCKET
 * and SCGI those of spawn-fcgi.
 */
export async function startLighttpdPersistent(): Promise<Site> {
  const frame = await makeFrame(['STREAM', 'BOTH', 'SOCKET', 'SCGI'])
  writeParts(frame)
  const parts = ['lighttpd-stream.conf', 'lighttpd-stream-upload.conf']
  return startBoth(frame, startResponders(frame), 'lighttpd-persistent-frame.conf', parts)
}

/**
 * One app: for the extension `.fcgi` on the first port, else at the root: two processes on PROCS, over TCP
 * on TCP, SCGI on SCGI.
 */
export async function startLighttpdWays(app: AppName): Promise<Site> {
  const back = await freePort()
  const frame = await makeFrame(['PROCS', 'TCP', 'SCGI'])
  const script = join(frame.docroot.path, 'fcgi', fcgiScripts[app])
  const parts = { ext: 'fastcgi-ext', root: 'fastcgi-root', tcp: 'fastcgi-tcp', scgi: 'scgi-bin' }
  for (const [name, part] of Object.entries(parts)) {
    const values = { SCRIPT: script, APPSOCK: socketOf(frame, name), BACK: String(back) }
    writePart(frame, `lighttpd-${part}.conf`, name, values)
  }
  const tcp = startResponder(frame, {
    file: script,
    server: 'fastcgi',
    listens: { port: back },
    env: limited,
  })
  return startBoth(frame, Promise.all([tcp]), 'lighttpd-ways-frame.conf')
}

/** The apps of the shared behaviour suite: FastCGI processes of lighttpd, SCGI ones of spawn-fcgi. */
export async function startLighttpdSuite(protocol: 'fastcgi' | 'scgi'): Promise<Site> {
  const frame = await makeFrame()
  for (const style of ['fetch', 'node']) {
    const script = join(frame.docroot.path, `suite/${style}.mjs`)
    const values = { APPSOCK: socketOf(frame, `suite-${style}`), SCRIPT: script }
    writePart(frame, `lighttpd-suite-${protocol}-frame.conf`, `suite-${style}`, values)
  }
  const apps = protocol === 'scgi' ? startSuiteResponders(frame) : Promise.resolve([])
  return startBoth(frame, apps, 'lighttpd-suite-frame.conf')
}
