/** Caddy in front of persistent processes. */

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

const common = ['PLAIN', 'STREAM', 'SPLIT']

/** The ports where each app is at the root. */
export const rooted: Readonly<Record<AppName, string>> = {
  fetch: 'ROOTED',
  hono: 'HONO',
  express: 'EXPRESS',
  koa: 'KOA',
  fastify: 'FASTIFY',
}

/**
 * Each app under its name on PLAIN and STREAM, and at the root; the fetch app under its name on SPLIT, over
 * TCP.
 */
export async function startCaddy(): Promise<Site> {
  const frame = await makeFrame([...common, ...Object.values(rooted), 'BACK'])
  for (const app of appNames) {
    const names = { APP: app, APPSOCK: socketOf(frame, app) }
    writePart(frame, 'caddy-mount.conf', `mount-${app}`, names)
    writePart(frame, 'caddy-stream.conf', `stream-${app}`, names)
    writeRoot(frame, app, socketOf(frame, app))
  }
  writePart(frame, 'caddy-split.conf', 'split-fetch', { APP: 'fetch' })
  const { BACK, ...ports } = frame.ports
  const file = join(frame.docroot.path, 'site', scripts.fetch)
  const overTcp = () => startResponder(frame, { file, listens: { port: BACK as number } })
  const responders = await startAll([() => startResponders(frame), overTcp])
  return inFront(frame, responders, () => caddy(frame, Object.values(ports)))
}

function writeRoot(frame: Frame, app: AppName, socket: string): void {
  writePart(frame, 'caddy-app.conf', `root-${app}`, { APPSOCK: socket })
  const LISTEN = String(frame.ports[rooted[app]])
  writePart(frame, 'caddy-site-frame.conf', `site-${app}`, { APP: app, LISTEN })
}

/** The fetch app at the root of ROOTED, on a socket of any launcher. */
export async function startCaddyBefore(
  start: (frame: Frame, file: string, path: string) => Promise<Member>,
): Promise<Site> {
  const frame = await makeFrame([...common, rooted.fetch])
  const path = socketOf(frame, 'app')
  writeRoot(frame, 'fetch', path)
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
  // Otherwise it keeps its state below HOME.
  const env = { ...environment(frame), HOME: frame.run }
  return startServer(which('caddy') ?? 'caddy', ['run', '--adapter', 'caddyfile', '--config', config], {
    listens: ports.map((port) => ({ port: port as number })),
    env,
    cwd: frame.run,
  })
}
