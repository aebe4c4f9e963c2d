/** Recordings of which request a server decided to serve: test/fixtures/targets/*.txt. */

import { readFileSync } from 'node:fs'

export type TargetServer = 'caddy' | 'h2o' | 'haproxy'

export interface TargetRow {
  /** The part of the configuration, named like its port. */
  readonly site: string
  /** As sent by the client. */
  readonly target: string
  /** `mount|path?query` that the app must get, or the status with which the request is refused. */
  readonly app: string
  readonly env: Readonly<Record<string, string>>
  /** The request that an HTTP back end gets under the same configuration; undefined if there is none. */
  readonly control: string | undefined
  readonly controlStatus: number
  readonly status: number
}

const form =
  /^\[(?<site>[^\]]+)\] (?<target>\S+)\n {3}app=(?<app>\S+) {2}(?<env>\{.*\})\n(?: {3}HTTP (?<control>\S+)(?: \{(?<controlStatus>\d+)\})?\n)? \{(?<status>\d+)\}$/

export function targetRows(server: TargetServer): TargetRow[] {
  const text = readFileSync(new URL(`../fixtures/targets/${server}.txt`, import.meta.url), 'utf8')
  const rows = text.replace(/^#.*\n/gm, '').split(/\n(?=\[)/)
  return rows.map((row) => {
    const found = form.exec(row.trimEnd())?.groups
    if (found === undefined) throw new Error(`not a recording: ${row}`)
    const { site = '', target = '', app = '', env = '{}', control, controlStatus = '200', status } = found
    const numbers = { controlStatus: Number(controlStatus), status: Number(status) }
    return { site, target, app, env: JSON.parse(env), control, ...numbers }
  })
}
