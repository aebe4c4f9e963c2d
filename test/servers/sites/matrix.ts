/**
 * Every web server with /admin denied, and three apps behind each: a fetch app, Express, and Express with
 * `app.use('/admin')`.
 */

import { join } from 'node:path'
import { which } from '../../support/needs.js'
import { socketOf, startAll, startResponder } from '../responder.js'
import { type Frame, type Member, makeFrame, type Site, site, writePart } from '../site.js'
import { type Program, startProgram, startPrograms } from './program.js'
import { placeTargetApps } from './targets.js'

const apps = { fetch: 'fetch.mjs', express: 'express.cjs', mounted: 'mounted.cjs' } as const
export type App = keyof typeof apps
export const appNames = Object.keys(apps) as App[]

/** The program of each server; null: cgiup's own HTTP. `front`: a front controller by try_files. */
const programs = {
  cgi: 'apache2',
  fcgid: 'apache2',
  proxy: 'apache2',
  nginx: 'nginx',
  front: 'nginx',
  lighttpd: 'lighttpd',
  caddy: 'caddy',
  h2o: 'h2o',
  haproxy: 'haproxy',
  production: null,
  development: null,
} as const satisfies Record<string, Program | null>
export type Front = keyof typeof programs

/** Those that can be started here. */
export const fronts = (Object.keys(programs) as Front[]).filter((front) => {
  const program = programs[front]
  return program === null || which(program) !== undefined
})

type PortOf = (front: Front, app: App) => number

export interface MatrixSite extends Site {
  readonly portOf: PortOf
}

const nameOf = (front: Front, app: App) => `${front.toUpperCase()}-${app}`

/** One process per app on a Unix socket serves all servers except CGI, mod_fcgid and HTTP. */
export async function startMatrix(): Promise<MatrixSite> {
  const names = fronts.flatMap((front) => appNames.map((app) => nameOf(front, app)))
  const frame = await makeFrame([...names, 'SPARE'])
  const directory = placeTargetApps(frame)
  const portOf: PortOf = (front, app) => frame.ports[nameOf(front, app)] as number
  const responders = await startAll(
    appNames.flatMap((app) => {
      const file = join(directory, apps[app])
      const overHttp = (front: Front) => () => {
        const listens = { port: portOf(front, app) }
        return startResponder(frame, { file, listens, server: 'http', env: { NODE_ENV: front } })
      }
      return [
        () => startResponder(frame, { file, listens: { path: socketOf(frame, app) }, server: 'fastcgi' }),
        ...fronts.filter((front) => programs[front] === null).map(overHttp),
      ]
    }),
  )
  const used = new Set(fronts.flatMap((front) => programs[front] ?? []))
  const starts = [...used].map((program) => () => startFronts(frame, portOf, program))
  const servers = await startPrograms(starts, responders)
  return { ...site(frame, [...servers, ...responders]), portOf }
}

function startFronts(frame: Frame, portOf: PortOf, program: Program): Promise<Member> {
  const own = fronts.filter((front) => programs[front] === program)
  for (const app of appNames) {
    const ports = own.map((front) => [front.toUpperCase(), String(portOf(front, app))])
    const values = { APP: app, APPSOCK: socketOf(frame, app), FILE: apps[app], ...Object.fromEntries(ports) }
    writePart(frame, `matrix-${program}-app-frame.conf`, `${program}-${app}`, values)
  }
  return startProgram(frame, program, {
    main: `matrix-${program}-frame.conf`,
    values: {},
    ports: own.flatMap((front) => appNames.map((app) => portOf(front, app))),
    // Included by the others.
    ...(program === 'haproxy' && { parts: appNames.map((app) => `haproxy-${app}`) }),
  })
}
