/** HAProxy in front of persistent processes. */

import { join } from 'node:path'
import { which } from '../../support/needs.js'
import { startServer } from '../../support/server-process.js'
import { type AppName, appNames, scripts } from '../docroot.js'
import {
  inFront,
  socketOf,
  startAll,
  startResponder,
  startResponders,
  startSuiteResponders,
} from '../responder.js'
import {
  environment,
  type Frame,
  type Member,
  makeFrame,
  type Site,
  writeConfig,
  writePart,
} from '../site.js'

const common = ['PLAIN', 'MULTI', 'ROOTED', 'SINGLE']

/** Each app under its name on PLAIN, and on MULTI, over TCP; the fetch app at the root of ROOTED. */
export async function startHaproxy(): Promise<Site> {
  const frame = await makeFrame([...common, ...appNames])
  for (const app of appNames) {
    writePart(frame, 'haproxy-app.conf', app, { APP: app, APPSOCK: socketOf(frame, app) })
    const BACK = String(frame.ports[app])
    writePart(frame, 'haproxy-multiplexed.conf', `${app}-multiplexed`, { APP: app, BACK })
  }
  const main = writeConfig(frame, 'haproxy-frame.conf', [], { APPSOCK: socketOf(frame, 'fetch') })
  const overTcp = (app: AppName) => () => {
    const file = join(frame.docroot.path, 'site', scripts[app])
    return startResponder(frame, { file, listens: { port: frame.ports[app] as number } })
  }
  const responders = await startAll([() => startResponders(frame), ...appNames.map(overTcp)])
  const parts = appNames.flatMap((app) => [app, `${app}-multiplexed`])
  const files = [main, ...parts.map((name) => join(frame.run, 'config', name))]
  return inFront(frame, responders, () => haproxy(frame, files, listens(frame)))
}

const listens = (frame: Frame) => common.map((name) => frame.ports[name] as number)

/** The fetch app at the root of ROOTED, and of SINGLE without kept connections, on a socket of any launcher. */
export async function startHaproxyBefore(
  start: (frame: Frame, file: string, path: string) => Promise<Member>,
): Promise<Site> {
  const frame = await makeFrame(common)
  const path = socketOf(frame, 'app')
  const main = writeConfig(frame, 'haproxy-frame.conf', [], { APPSOCK: path })
  const process = await start(frame, join(frame.docroot.path, 'site', scripts.fetch), path)
  const stop = () => process.stop()
  return inFront(frame, [{ ...process, stop }], () => haproxy(frame, [main], listens(frame)))
}

/** The shared behaviour suite. */
export async function startHaproxySuite(): Promise<Site> {
  const frame = await makeFrame()
  const [FETCHSOCK, NODESOCK] = [socketOf(frame, 'suite-fetch'), socketOf(frame, 'suite-node')]
  const main = writeConfig(frame, 'haproxy-suite-frame.conf', [], { FETCHSOCK, NODESOCK })
  const { fetch, node } = frame.suite
  return inFront(frame, await startSuiteResponders(frame), () => haproxy(frame, [main], [fetch, node]))
}

function haproxy(frame: Frame, files: readonly string[], ports: readonly number[]) {
  return startServer(which('haproxy') ?? 'haproxy', ['-db', ...files.flatMap((name) => ['-f', name])], {
    listens: ports.map((port) => ({ port })),
    env: environment(frame),
    cwd: frame.run,
  })
}
