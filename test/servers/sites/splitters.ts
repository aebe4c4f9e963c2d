/** Servers that split a path into SCRIPT_NAME and PATH_INFO, each in its own way, in front of one fetch app. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { which } from '../../support/needs.js'
import { socketOf, startResponder } from '../responder.js'
import { makeFrame, type Site, site } from '../site.js'
import { type Program, startProgram, startPrograms } from './program.js'
import { placeTargetApps } from './targets.js'

/**
 * Caddy's `split`, its php_fastcgi, fastcgi_split_path_info, lighttpd's and h2o's extensions, Apache's file
 * lookup.
 */
const programs = {
  CADDY: 'caddy',
  CADDYPHP: 'caddy',
  NGINX: 'nginx',
  LIGHTTPD: 'lighttpd',
  H2O: 'h2o',
  APACHE: 'apache2',
} as const satisfies Record<string, Program>

export type Splitter = keyof typeof programs

/** Those that can be started here. */
export const splitters = (Object.keys(programs) as Splitter[]).filter(
  (name) => which(programs[name]) !== undefined,
)

/** @param names of the files that the servers look for */
export async function startSplitters(names: readonly string[]): Promise<Site> {
  const frame = await makeFrame(splitters)
  const directory = join(frame.docroot.path, 'split')
  mkdirSync(directory)
  for (const name of names) writeFileSync(join(directory, name), '')
  const sock = socketOf(frame, 'split')
  const file = join(placeTargetApps(frame), 'fetch.mjs')
  const app = await startResponder(frame, { file, listens: { path: sock }, server: 'fastcgi' })
  const used = [...new Set(splitters.map((name) => programs[name]))]
  const starts = used.map((program) => () => {
    const own = splitters.filter((name) => programs[name] === program)
    return startProgram(frame, program, {
      main: `split-${program}-frame.conf`,
      values: { APPSOCK: sock },
      ports: own.map((name) => frame.ports[name] as number),
    })
  })
  return site(frame, [...(await startPrograms(starts, [app])), app])
}
