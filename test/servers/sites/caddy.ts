/** Caddy in front of persistent processes. */

import { join } from 'node:path'
import { which } from '../../support/needs.js'
import { startServer } from '../../support/server-process.js'
import { appNames, scripts } from '../docroot.js'
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

/**
 * Each app at its name on PLAIN and STREAM; the fetch app at its name on SPLIT, over TCP, and at the root
 * of ROOT.
 */
export async function startCaddy(): Promise<Site> {
  const frame = await makeFrame(['PLAIN', 'STREAM', 'SPLIT', 'ROOTED', 'BACK'])
  for (const app of appNames) {
    const names = { APP: app, APPSOCK: socketOf(frame, app) }
    writePart(frame, 'caddy-mount.conf', `mount-${app}`, names)
    writePart(frame, 'caddy-stream.conf', `stream-${app}`, names)
  }
  const names = { APP: 'fetch', APPSOCK: socketOf(frame, 'fetch') }
  writePart(frame, 'caddy-split.conf', 'split-fetch', names)
  writePart(frame, 'caddy-app.conf', 'root-fetch', names)
  const { PLAIN, STREAM, SPLIT, ROOTED, BACK } = frame.ports as Record<string, number>
  const file = join(frame.docroot.path, 'site', scripts.fetch)
  const overTcp = () => startResponder(frame, { file, listens: { port: BACK as number } })
  const responders = await startAll([() => startResponders(frame), overTcp])
  return inFront(frame, responders, () => caddy(frame, [PLAIN, STREAM, SPLIT, ROOTED]))
}

/** The fetch app at the root of ROOTED, on a socket of whatever starts it. */
export async function startCaddyBefore(
  start: (frame: Frame, file: string, path: string) => Promise<Member>,
): Promise<Site> {
  const frame = await makeFrame(['PLAIN', 'STREAM', 'SPLIT', 'ROOTED'])
  const path = socketOf(frame, 'app')
  writePart(frame, 'caddy-app.conf', 'root-app', { APPSOCK: path })
  const process = await start(frame, join(frame.docroot.path, 'site', scripts.fetch), path)
  const stop = () => process.stop()
  return inFront(frame, [{ ...process, stop }], () => caddy(frame, [frame.ports.ROOTED]))
}

/** The shared behaviour suite. */
export async function startCaddySuite(): Promise<Site> {
  const frame = await makeFrame()
  for (const style of ['fetch', 'node'])
    writePart(frame, 'caddy-suite-part-frame.conf', `suite-${style}`, {
      APPSOCK: socketOf(frame, `suite-${style}`),
    })
  const { fetch, node } = frame.suite
  const responders = await startSuiteResponders(frame)
  return inFront(frame, responders, () => caddy(frame, [fetch, node], 'caddy-suite-frame.conf'))
}

function caddy(frame: Frame, ports: readonly (number | undefined)[], main = 'caddy-frame.conf') {
  const config = writeConfig(frame, main, [], {})
  // It would keep its state below HOME.
  const env = { ...environment(frame), HOME: frame.run }
  return startServer(which('caddy') ?? 'caddy', ['run', '--adapter', 'caddyfile', '--config', config], {
    listens: ports.map((port) => ({ port: port as number })),
    env,
    cwd: frame.run,
  })
}
