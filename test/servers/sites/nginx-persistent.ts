/** nginx in front of persistent processes. */

import { join } from 'node:path'
import { which } from '../../support/needs.js'
import { type ServerProcess, startServer } from '../../support/server-process.js'
import { appNames } from '../docroot.js'
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

/** A part of the configuration, with the values of its placeholders. */
type Part = readonly [template: string, values?: Record<string, string>]

/** The contents of a server block, by the name of its port. */
type Ways = Readonly<Record<string, readonly Part[]>>

/** Writes the configuration. `upstream` has no port: it is shared. */
function configure(frame: Frame, ways: Ways): string {
  for (const [way, parts] of Object.entries(ways)) {
    for (const [at, [template, values = {}]] of parts.entries())
      writePart(frame, template, `${way}-${at}`, values)
    if (way === 'upstream') continue
    const port = way === 'FETCH' ? frame.suite.fetch : way === 'NODE' ? frame.suite.node : frame.ports[way]
    writePart(frame, 'nginx-server-frame.conf', `server-${way}`, { LISTEN: String(port), WAY: way })
  }
  return writeConfig(frame, 'nginx-http-frame.conf', [], { USER: root ? 'user www-data;' : '' })
}

async function startNginx(frame: Frame, ways: Ways): Promise<ServerProcess> {
  const { run, ports, suite } = frame
  const used = { ...ports, ...(ways.FETCH && { FETCH: suite.fetch, NODE: suite.node }) }
  const args = ['-e', join(run, 'error.log'), '-p', run, '-c', configure(frame, ways)]
  const listens = Object.values(used).map((port) => ({ port }))
  return startServer(which('nginx') ?? 'nginx', args, { listens, env: environment(frame), cwd: run })
}

/** Starts nginx once the apps are running; all or none. */
async function startBoth(frame: Frame, ways: Ways, apps: Promise<Responder[]>): Promise<Site> {
  const responders = await apps
  try {
    return site(frame, [await startNginx(frame, ways), ...responders])
  } catch (error) {
    for (const one of responders) await one.stop()
    throw error
  }
}

/** Each app under its name, on one port per protocol and setting: PLAIN, KEEP, STREAM, SCGI. */
export async function startNginxPersistent(): Promise<Site> {
  const frame = await makeFrame(['PLAIN', 'KEEP', 'STREAM', 'SCGI'])
  const forEach = (template: string): Part[] =>
    appNames.map((app) => [template, { APP: app, APPSOCK: socketOf(frame, app) }])
  const ways = {
    upstream: forEach('nginx-fastcgi-upstream.conf'),
    PLAIN: forEach('nginx-fastcgi.conf'),
    KEEP: forEach('nginx-fastcgi-keep.conf'),
    STREAM: forEach('nginx-fastcgi-stream.conf'),
    SCGI: forEach('nginx-scgi.conf'),
  }
  return startBoth(frame, ways, startResponders(frame))
}

/**
 * Apps at the root: ROOT with fastcgi_params over TCP, KEEP the same with kept connections, FILES behind
 * try_files, SCGI, PROXY. Each is a `cgiup` process with a separate socket; FILES and SCGI limit uploads.
 */
export async function startNginxRoots(app: 'fetch.mjs' | 'express.cgi'): Promise<Site> {
  const frame = await makeFrame(['ROOT', 'KEEP', 'FILES', 'SCGI', 'PROXY', 'BACK', 'BACKSCGI'])
  const { BACK, BACKSCGI, ...ports } = frame.ports as Record<string, number>
  const nginx = { ...frame, ports }
  const file = join(frame.docroot.path, 'site', app)
  const at = (name: string) => ({ path: socketOf(frame, name) })
  const ways = {
    upstream: [['nginx-tcp-upstream-frame.conf', { BACK: String(BACK) }]],
    ROOT: [['nginx-fastcgi-root.conf', { BACK: String(BACK) }]],
    KEEP: [['nginx-two-keep-frame.conf']],
    FILES: [['nginx-fastcgi-files.conf', { APPSOCK: at('own').path }]],
    SCGI: [['nginx-scgi-root.conf', { BACK: String(BACKSCGI) }]],
    PROXY: [['nginx-proxy.conf', { APPSOCK: at('http').path }]],
  } satisfies Record<string, Part[]>
  const responders = Promise.all([
    startResponder(frame, { file, server: 'fastcgi', listens: { port: BACK as number } }),
    startResponder(frame, { file, server: 'fastcgi', listens: at('own'), env: limited }),
    startResponder(frame, { file, server: 'scgi', listens: { port: BACKSCGI as number }, env: limited }),
    startResponder(frame, { file, server: 'http', listens: at('http') }),
  ])
  return startBoth(nginx, ways, responders)
}

/** The apps of the shared behaviour suite at the root and at two mount paths. */
export async function startNginxSuite(protocol: 'fastcgi' | 'scgi'): Promise<Site> {
  const frame = await makeFrame()
  const part = (style: string): Part[] => [
    [`nginx-suite-${protocol}-frame.conf`, { APPSOCK: socketOf(frame, `suite-${style}`) }],
  ]
  const ways = { FETCH: part('fetch'), NODE: part('node') }
  return startBoth(frame, ways, startSuiteResponders(frame))
}

export interface Pair extends Site {
  /** Stops one of the two gracefully, and starts it again. */
  restart(which: 0 | 1): Promise<void>
}

/** Two processes of one app behind an upstream, on KEEP with kept connections, on PLAIN without. */
export async function startNginxPair(): Promise<Pair> {
  const frame = await makeFrame(['KEEP', 'PLAIN'])
  const sockets = [socketOf(frame, 'one'), socketOf(frame, 'other')] as const
  const start = (which: 0 | 1) =>
    startResponder(frame, {
      file: join(frame.docroot.path, 'site/fetch.mjs'),
      server: 'fastcgi',
      listens: { path: sockets[which] },
    })
  const pair = await Promise.all([start(0), start(1)])
  const current = (which: 0 | 1): Member => ({
    output: () => pair[which].output(),
    stop: () => pair[which].stop(),
  })
  const ways = {
    upstream: [['nginx-fastcgi-two.conf', { ONE: sockets[0], OTHER: sockets[1] }]],
    KEEP: [['nginx-two-keep-frame.conf']],
    PLAIN: [['nginx-two-plain-frame.conf']],
  } satisfies Record<string, Part[]>
  const nginx = await startNginx(frame, ways)
  const all = site(frame, [nginx, current(0), current(1)])
  const restart = async (which: 0 | 1) => {
    await pair[which].stop()
    pair[which] = await start(which)
  }
  return { ...all, restart }
}
