/**
 * Which repairs changed what an app gets from a request. For diagnosing single requests: too slow for every
 * request.
 */
import type { Env } from '../core/exchange.js'
import { type DecideOptions, decide } from './decide.js'
import { nodePath, resolvedPath } from './reading.js'
import { optionalRepairs, repairs } from './repair-table.js'
import { type RepairName, type SecurityRepair, withoutRepair } from './repairs.js'
import { serverOf } from './server.js'
import { authorizedPath } from './target.js'

/** Names of the repairs that fired, in the order of the table. */
export function firedRepairs(env: Env, options: DecideOptions = {}): RepairName[] {
  const repaired = reading(env, options)
  const fired = new Set<RepairName>(
    optionalRepairs.filter((name) => withoutRepair(name, () => reading(env, options)) !== repaired),
  )
  for (const [name, isSeen] of Object.entries(signs)) if (isSeen(env, options)) fired.add(name as RepairName)
  return repairs.flatMap(({ name }) => (fired.has(name) ? [name] : []))
}

/** Everything that an app gets from a request, for comparison. */
function reading(env: Env, options: DecideOptions): string {
  const { row, request, refused, status } = decide(env, options)
  const { target, mount, rest, query, url, headers, contentLength, contentType, protocol, user } = request
  const { remoteAddress, serverAddress, serverName, scriptFilename } = request
  const shape = [row, refused?.status, status, target, mount, rest, query, url, headers, contentLength]
  const more = [contentType, protocol, user, remoteAddress, serverAddress, serverName, scriptFilename]
  return JSON.stringify([shape, more])
}

/** For repairs that are always on: whether the variables show that they apply. */
const signs: Readonly<Record<SecurityRepair, (env: Env, options: DecideOptions) => boolean>> = {
  'go-root-slash': (env) =>
    env.get('SCRIPT_NAME')?.endsWith('/') === true && env.get('PATH_INFO')?.startsWith('/') === true,
  'nginx-document-uri': (env) =>
    Boolean(env.get('DOCUMENT_URI')) && !env.get('SCRIPT_NAME') && !env.get('PATH_INFO'),
  'merged-slashes': (env, options) => {
    const { path } = decide(env, options).request
    return nodePath(path, env) !== resolvedPath(path)
  },
  'authorizer-path': (env, { isAuthorizer }) => isAuthorizer === true && authorizedPath(env) !== '',
  'unchecked-user': (env) => {
    const { checksUser } = serverOf(env)
    if (!env.get('REMOTE_USER') || checksUser === 'always') return false
    return checksUser === 'never' || !env.get('AUTH_TYPE')
  },
  'content-doubles': (env) =>
    env.get('HTTP_CONTENT_LENGTH') !== undefined || env.get('HTTP_CONTENT_TYPE') !== undefined,
  'decoded-transfer-encoding': (env) => env.get('HTTP_TRANSFER_ENCODING') !== undefined,
  httpoxy: (env) => env.get('HTTP_PROXY') !== undefined,
  'repeated-variables': ({ list }) => {
    const names = list.filter((_, i) => i % 2 === 0)
    return new Set(names).size < names.length
  },
}
