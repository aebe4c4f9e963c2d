/** Rules about meta-variables that contradict each other, and about what the server decided. */
import { hostOf } from '../env/authority.js'
import { decide } from '../env/decide.js'
import { translate } from '../env/request.js'
import { proxyNote, targetNote } from '../env/target-note.js'
import { walk } from '../env/walk.js'
import { type Check, type EnvironmentRule, ruleOf, shown, when } from './environment-check.js'

const checks: readonly Check[] = [
  {
    code: 'query-contradiction',
    level: 'error',
    clause: 'RFC 3875 4.1.7',
    variable: 'QUERY_STRING',
    check: (env) => {
      const query = env.get('QUERY_STRING')
      if (!env.get('REQUEST_URI') || query === undefined) return undefined
      const sent = translate(env).query ?? ''
      return when(sent !== query, `QUERY_STRING is ${shown(query)}, the query of REQUEST_URI ${shown(sent)}.`)
    },
    fix: 'No action is needed: an app gets the query of REQUEST_URI, or that of a rewrite rule (docs/environment.md).',
  },
  {
    code: 'path-contradiction',
    level: 'error',
    clause: 'RFC 3875 3.3',
    variable: 'SCRIPT_NAME',
    check: (env) => {
      const script = walk(env.get('SCRIPT_NAME') ?? '', false).segments.join('/')
      if (!env.get('REQUEST_URI') || script === '') return undefined
      const { path, mount } = translate(env)
      return when(
        walk(mount, true).segments.join('/') !== script,
        `SCRIPT_NAME ${shown(env.get('SCRIPT_NAME'))} does not lead to ${shown(path)}.`,
      )
    },
    fix: 'The server has rewritten the path: set the option mount if links are wrong.',
  },
  {
    code: 'target-refused',
    level: 'error',
    clause: 'RFC 9112 3.2',
    variable: 'REQUEST_URI',
    check: (env, options) => {
      const { row, refused } = decide(env, options)
      return refused === null
        ? undefined
        : `${refused.why} The reply is ${refused.status} (row ${row} of the table in docs/environment.md).`
    },
    fix: 'No action is needed: the app is not called (docs/environment.md).',
  },
  {
    code: 'target-served',
    level: 'note',
    clause: 'de facto',
    variable: 'REQUEST_URI',
    check: (env, options) => {
      const { row, request, refused } = decide(env, options)
      if (refused !== null || request.target === (env.get('REQUEST_URI') || request.target)) return undefined
      const note = targetNote(row, request)
      const seen = `The client asked for ${shown(env.get('REQUEST_URI'))}, the server serves ${shown(request.target)}`
      return `${seen} (row ${row} of the table in docs/environment.md).${note === null ? '' : ` Note: ${note}`}`
    },
    fix: 'No action is needed if this is intended; otherwise set the option target, or mount.',
  },
  {
    code: 'proxy-rewritten',
    level: 'note',
    clause: 'de facto',
    variable: 'SCRIPT_FILENAME',
    check: (env) => proxyNote(env) ?? undefined,
    fix: 'Set the mount option, or use [PT] instead of [P] in the RewriteRule, with a ProxyPass.',
  },
  {
    code: 'scheme-contradiction',
    level: 'note',
    clause: 'de facto',
    variable: 'HTTPS',
    check: (env) => {
      const scheme = env.get('REQUEST_SCHEME')
      const read = translate(env).scheme
      return when(
        scheme !== undefined && scheme !== read,
        `HTTPS is ${shown(env.get('HTTPS'))}, REQUEST_SCHEME ${shown(scheme)}.`,
      )
    },
    fix: 'Derive both from the same source; HTTPS takes precedence.',
  },
  {
    code: 'host-contradiction',
    level: 'note',
    clause: 'RFC 3875 4.1.14',
    variable: 'SERVER_NAME',
    check: (env) => {
      const host = hostOf(env.get('HTTP_HOST') ?? '')
      const name = translate(env).serverName
      return when(
        host !== '' && name !== undefined && host.toLowerCase() !== name.toLowerCase(),
        `SERVER_NAME is ${shown(name)}, the client asked for ${shown(host)}.`,
      )
    },
    fix: 'No action is needed if it is the configured name of the server; URLs are built from Host.',
  },
]

export const contradictionRules: readonly EnvironmentRule[] = checks.map(ruleOf)
