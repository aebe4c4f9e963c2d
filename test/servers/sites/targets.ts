/**
 * Caddy, h2o and HAProxy serving a request other than the one that was sent, with an HTTP back end as the
 * control.
 */

import { chmodSync, copyFileSync, mkdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inFront, socketOf, startResponder } from '../responder.js'
import { type Frame, type Member, makeFrame, type Site, writePart } from '../site.js'
import { type Program, startProgram } from './program.js'

const fixtures = join(dirname(fileURLToPath(import.meta.url)), '../../fixtures/targets')

/** `site.ports.NAME` leads to the app, `site.ports.NAME2` to the control. */
export type TargetsSite = Site

/** Puts the apps that show their target into `targets/` of the document root. */
export function placeTargetApps(frame: Frame): string {
  const directory = join(frame.docroot.path, 'targets')
  mkdirSync(directory)
  for (const name of ['fetch.mjs', 'express.cjs', 'mounted.cjs']) {
    copyFileSync(join(fixtures, name), join(directory, name))
    chmodSync(join(directory, name), 0o755)
  }
  return directory
}

/** An HTTP back end that answers as fixtures/targets/fetch.mjs does. */
async function startControl(): Promise<Member & { readonly port: number }> {
  const server = createServer((req, res) => {
    const asked = req.url ?? ''
    res.setHeader('X-Seen', asked)
    if (asked === '/accel') res.setHeader('X-Accel-Redirect', '/files/1')
    if (asked === '/reproxy') res.setHeader('X-Reproxy-URL', '/files/1?z=2')
    if (asked.startsWith('/missing')) res.statusCode = 404
    res.end(JSON.stringify({ seen: asked, env: { HTTP_X_SEEN: req.headers['x-seen'] } }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    return []
  }
  return { port: (server.address() as AddressInfo).port, output: () => '', stop }
}

type Start = (frame: Frame, control: number, sock: string) => Promise<Member>

async function startTargets(names: readonly string[], start: Start): Promise<TargetsSite> {
  const frame = await makeFrame(names)
  const file = join(placeTargetApps(frame), 'fetch.mjs')
  const control = await startControl()
  const sock = socketOf(frame, 'targets')
  const members: Member[] = [control]
  try {
    members.unshift(await startResponder(frame, { file, listens: { path: sock }, server: 'fastcgi' }))
  } catch (error) {
    await control.stop()
    throw error
  }
  return inFront(frame, members, () => start(frame, control.port, sock))
}

const two = (names: readonly string[]) => names.flatMap((name) => [name, `${name}2`])

const caddySites = ['REWRITE', 'STRIP', 'FRONT', 'SPLITAPP', 'AUTH', 'ACCEL', 'STATUS']

export const startCaddyTargets = (): Promise<TargetsSite> =>
  startTargets(two(caddySites), (frame, control, sock) => {
    const ports = (mark: string) =>
      Object.fromEntries(caddySites.map((name) => [name, String(frame.ports[name + mark])]))
    const values = { CONTROL: String(control) }
    writePart(frame, 'targets-caddy-frame.conf', 'fastcgi', { ...values, ...ports(''), ...fastcgi(sock) })
    writePart(frame, 'targets-caddy-frame.conf', 'http', { ...values, ...ports('2'), ...http(control) })
    return startWith(frame, 'caddy', 'targets-caddy-main-frame.conf', values)
  })

/** The back ends of the Caddyfile. */
function fastcgi(sock: string): Record<string, string> {
  const back = (...lines: string[]) =>
    `reverse_proxy unix/${sock} {\ntransport fastcgi {\n${lines.join('\n')}\n}\n}`
  return {
    SERVER: `unix/${sock}`,
    TRANSPORT: 'transport fastcgi',
    BACK: back(),
    SPLIT: back('split .mjs'),
    APP: back('split /app'),
    ERRORS: back('split /app', 'env REDIRECT_STATUS {http.error.status_code}'),
    STATUSSPLIT: back('split .mjs', 'env REDIRECT_STATUS {http.error.status_code}'),
  }
}

function http(port: number): Record<string, string> {
  const back = `reverse_proxy 127.0.0.1:${port}`
  const same = { BACK: back, SPLIT: back, APP: back, ERRORS: back, STATUSSPLIT: back }
  return { SERVER: `127.0.0.1:${port}`, TRANSPORT: '', ...same }
}

export const startH2oTargets = (): Promise<TargetsSite> =>
  startTargets([...two(['ERRORS', 'MOUNTED']), 'FILES'], (frame, control, sock) =>
    startWith(frame, 'h2o', 'targets-h2o-frame.conf', { CONTROL: String(control), APPSOCK: sock }),
  )

export const startHaproxyTargets = (): Promise<TargetsSite> =>
  startTargets(two(['REWRITE', 'INFO', 'NORMAL']), (frame, control, sock) =>
    startWith(frame, 'haproxy', 'targets-haproxy-frame.conf', { CONTROL: String(control), APPSOCK: sock }),
  )

const startWith = (frame: Frame, program: Program, main: string, values: Record<string, string>) =>
  startProgram(frame, program, { main, values, ports: Object.values(frame.ports) })
