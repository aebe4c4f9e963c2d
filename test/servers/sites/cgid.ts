/** Apache's mod_cgid runs scripts in a separate process. */

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../../support/processes.js'
import type { ServerProcess } from '../../support/server-process.js'
import { root } from '../site.js'

/**
 * Apache listens before that process has given its socket to the server's user; until then requests get 503.
 */
export async function withCgid(server: ServerProcess, run: string): Promise<ServerProcess> {
  if (await until(() => isUp(run))) return server
  await server.stop()
  throw new Error(`mod_cgid is not there: ${server.output()}`)
}

function isUp(run: string): boolean {
  const name = readdirSync(run).find((one) => one.startsWith('cgisock'))
  return name !== undefined && (!root || statSync(join(run, name)).uid !== 0)
}
