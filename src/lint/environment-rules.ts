import type { Env } from '../core/exchange.js'
import { hostOf, isAuthority, portOf } from '../env/authority.js'
import { decide } from '../env/decide.js'
import type { FactOptions } from '../env/facts.js'
import { translate } from '../env/request.js'
import { proxyNote, targetNote } from '../env/target-note.js'
import { isDigits, isToken } from '../env/text.js'
import { walk } from '../env/walk.js'
import type { Finding } from './finding.js'

/** One check of the lint. */
export interface LintRule extends Omit<Finding, 'seen'> {
  /** What is wrong, or undefined. */
  readonly check: (env: Env, options: FactOptions) => string | undefined
}

const when = (wrong: boolean, seen: string): string | undefined => (wrong ? seen : undefined)
const shown = (value: string | undefined): string =>
  value === undefined ? 'absent' : JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)

function missing(variable: string, section: string, fix: string): LintRule {
  return {
    code: `missing-${variable.toLowerCase().replaceAll('_', '-')}`,
    level: 'must',
    clause: `RFC 3875 ${section}`,
    variable,
    check: (env) => when(env.get(variable) === undefined, `${variable} is absent.`),
    fix,
  }
}

/** Wrong when it is there and not of the form. */
function malformed(
  variable: string,
  section: string,
  fits: (value: string) => boolean,
  fix: string,
): LintRule {
  return {
    code: `malformed-${variable.toLowerCase().replaceAll('_', '-')}`,
    level: 'must',
    clause: `RFC 3875 ${section}`,
    variable,
    check: (env) => {
      const value = env.get(variable)
      return when(value !== undefined && !fits(value), `${variable} is ${shown(value)}.`)
    },
    fix,
  }
}

const send = (name: string): string => `Let the server send ${name}; include its stock file of parameters.`

export const lintRules: readonly LintRule[] = [
  missing('GATEWAY_INTERFACE', '4.1.4', send('GATEWAY_INTERFACE=CGI/1.1')),
  missing('QUERY_STRING', '4.1.7', send('QUERY_STRING, empty where there is no query')),
  missing('REMOTE_ADDR', '4.1.8', send('REMOTE_ADDR')),
  missing('REQUEST_METHOD', '4.1.12', send('REQUEST_METHOD')),
  missing('SCRIPT_NAME', '4.1.13', send('SCRIPT_NAME, empty for an app at the root')),
  missing('SERVER_NAME', '4.1.14', send('SERVER_NAME')),
  missing('SERVER_PORT', '4.1.15', send('SERVER_PORT')),
  missing('SERVER_PROTOCOL', '4.1.16', send('SERVER_PROTOCOL')),
  missing('SERVER_SOFTWARE', '4.1.17', send('SERVER_SOFTWARE')),
  malformed('GATEWAY_INTERFACE', '4.1.4', (v) => /^CGI\/\d+\.\d+$/.test(v), 'Send CGI/1.1.'),
  malformed('CONTENT_LENGTH', '4.1.2', (v) => v === '' || isDigits(v), 'Send a number of bytes, or nothing.'),
  malformed('REQUEST_METHOD', '4.1.12', isToken, 'Send the method as the client sent it.'),
  malformed(
    'SERVER_PORT',
    '4.1.15',
    (v) => isDigits(v) && Number(v) <= 65535,
    'Send the number of the port.',
  ),
  malformed('SERVER_PROTOCOL', '4.1.16', (v) => /^HTTP\/\d+(\.\d+)?$/.test(v), 'Send HTTP/1.1 or the like.'),
  malformed(
    'SCRIPT_NAME',
    '4.1.13',
    (v) => v === '' || v.startsWith('/'),
    'Let it be empty or begin with "/".',
  ),
  malformed('PATH_INFO', '4.1.5', (v) => v === '' || v.startsWith('/'), 'Let it be empty or begin with "/".'),
  {
    code: 'script-name-slash',
    level: 'note',
    clause: 'RFC 3875 4.1.13',
    variable: 'SCRIPT_NAME',
    check: (env) => when(env.get('SCRIPT_NAME')?.endsWith('/') === true, 'SCRIPT_NAME ends in "/".'),
    fix: 'Send "" for the root, and the slash as the beginning of PATH_INFO.',
  },
  {
    code: 'server-name-port',
    level: 'must',
    clause: 'RFC 3875 4.1.14',
    variable: 'SERVER_NAME',
    check: (env) => {
      const name = env.get('SERVER_NAME') ?? ''
      return when(isAuthority(name) && portOf(name) !== '', `SERVER_NAME is ${shown(name)}, with a port.`)
    },
    fix: 'Send the host alone; the port belongs into SERVER_PORT.',
  },
  {
    code: 'server-name-invalid',
    level: 'must',
    clause: 'RFC 3875 4.1.14',
    variable: 'SERVER_NAME',
    check: (env) => {
      const name = env.get('SERVER_NAME')
      return when(
        name !== undefined && !isAuthority(name),
        `SERVER_NAME is ${shown(name)}: no host name or address.`,
      )
    },
    fix: 'Send a host name or an address; an IPv6 address in brackets.',
  },
  {
    code: 'empty-content-length',
    level: 'should',
    clause: 'RFC 3875 4.1.2',
    variable: 'CONTENT_LENGTH',
    check: (env) => when(env.get('CONTENT_LENGTH') === '', 'CONTENT_LENGTH is empty.'),
    fix: 'Nothing: it counts as absent. In nginx, add if_not_empty to the line.',
  },
  {
    code: 'length-without-body',
    level: 'note',
    clause: 'RFC 3875 4.1.2',
    variable: 'CONTENT_LENGTH',
    check: (env) =>
      when(
        env.get('CONTENT_LENGTH') === '0' &&
          env.get('SCGI') === undefined &&
          translate(env).header('content-length') === undefined,
        'CONTENT_LENGTH is 0 for a request without a body.',
      ),
    fix: 'Nothing: it counts as absent.',
  },
  {
    code: 'unknown-length',
    level: 'must',
    clause: 'RFC 3875 4.2',
    variable: 'CONTENT_LENGTH',
    check: (env) =>
      when(
        env.get('HTTP_TRANSFER_ENCODING') !== undefined && !isDigits(env.get('CONTENT_LENGTH') ?? ''),
        'A body follows whose length is not told.',
      ),
    fix: 'The script has to read to the end of its input; request buffering in the server gives it a length.',
  },
  {
    code: 'empty-content-type',
    level: 'should',
    clause: 'RFC 3875 4.1.3',
    variable: 'CONTENT_TYPE',
    check: (env) => when(env.get('CONTENT_TYPE') === '', 'CONTENT_TYPE is empty.'),
    fix: 'Nothing: it counts as absent. In nginx, add if_not_empty to the line.',
  },
  {
    code: 'path-translated-alone',
    level: 'must',
    clause: 'RFC 3875 4.1.6',
    variable: 'PATH_TRANSLATED',
    check: (env) =>
      when(
        Boolean(env.get('PATH_TRANSLATED')) && !env.get('PATH_INFO'),
        'PATH_TRANSLATED is set without PATH_INFO.',
      ),
    fix: 'Leave PATH_TRANSLATED out when PATH_INFO is empty.',
  },
  {
    code: 'remote-user-alone',
    level: 'note',
    clause: 'RFC 3875 4.1.1',
    variable: 'REMOTE_USER',
    check: (env) =>
      when(Boolean(env.get('REMOTE_USER')) && !env.get('AUTH_TYPE'), 'REMOTE_USER is set without AUTH_TYPE.'),
    fix: 'Trust it only where the server checks the password: nginx copies the name from any request.',
  },
  {
    code: 'repeated-variable',
    level: 'must',
    clause: 'RFC 3875 4.1.18',
    variable: '*',
    check: (env) => {
      const name = repeatedName(env, (text) => text)
      return name === undefined ? undefined : `${name} is there more than once.`
    },
    fix: 'Send it once; request headers are joined with ", " (Cookie with "; ").',
  },
  {
    code: 'names-differ-in-case',
    level: 'must',
    clause: 'RFC 3875 4.1',
    variable: '*',
    check: (env) => {
      const distinct = [...new Set(env.list.filter((_, i) => i % 2 === 0))].flatMap((name) => [name, ''])
      const name = repeatedName({ ...env, list: distinct }, (text) => text.toUpperCase())
      return name === undefined ? undefined : `${name} is there in two spellings that differ only in case.`
    },
    fix: 'Send one of them.',
  },
  {
    code: 'header-name-characters',
    level: 'must',
    clause: 'RFC 3875 4.1.18',
    variable: 'HTTP_*',
    check: (env) => {
      const name = env.list.find(
        (text, i) => i % 2 === 0 && /^HTTP_/.test(text) && !/^HTTP_[A-Z0-9_]+$/.test(text),
      )
      return name === undefined ? undefined : `${shown(name)} is no variable that a header name gives.`
    },
    fix: 'Let the server drop headers whose names have other characters than letters, digits and "-".',
  },
  {
    code: 'httpoxy',
    level: 'must',
    clause: 'CVE-2016-5385',
    variable: 'HTTP_PROXY',
    check: (env) =>
      when(
        env.get('HTTP_PROXY') !== undefined,
        `HTTP_PROXY is ${shown(env.get('HTTP_PROXY'))}, sent by the client.`,
      ),
    fix: 'Drop the request header Proxy in the server (nginx: fastcgi_param HTTP_PROXY "").',
  },
  {
    code: 'authorization-passed',
    level: 'note',
    clause: 'RFC 3875 4.1.18',
    variable: 'HTTP_AUTHORIZATION',
    check: (env) =>
      when(
        Boolean(env.get('HTTP_AUTHORIZATION')),
        'The password or token of the client is passed to the script.',
      ),
    fix: 'Nothing, when the app checks it itself; else let the server withhold it.',
  },
  {
    code: 'content-doubles',
    level: 'should',
    clause: 'RFC 3875 4.1.18',
    variable: 'HTTP_CONTENT_LENGTH',
    check: (env) => {
      const names = ['HTTP_CONTENT_LENGTH', 'HTTP_CONTENT_TYPE'].filter((name) => env.get(name) !== undefined)
      return when(
        names.length > 0,
        `${names.join(' and ')} repeats what another variable says, or contradicts it.`,
      )
    },
    fix: 'Read CONTENT_LENGTH and CONTENT_TYPE only.',
  },
  {
    code: 'script-filename-proxy',
    level: 'note',
    clause: 'de facto',
    variable: 'SCRIPT_FILENAME',
    check: (env) =>
      when(
        env.get('SCRIPT_FILENAME')?.startsWith('proxy:') === true,
        `SCRIPT_FILENAME is ${shown(env.get('SCRIPT_FILENAME'))}.`,
      ),
    fix: 'Read what follows the authority, or scriptFilename of the request.',
  },
  {
    code: 'query-contradiction',
    level: 'must',
    clause: 'RFC 3875 4.1.7',
    variable: 'QUERY_STRING',
    check: (env) => {
      const query = env.get('QUERY_STRING')
      if (!env.get('REQUEST_URI') || query === undefined) return undefined
      const sent = translate(env).query ?? ''
      return when(sent !== query, `QUERY_STRING is ${shown(query)}, the query of REQUEST_URI ${shown(sent)}.`)
    },
    fix: 'Nothing: an app gets the query of REQUEST_URI, or that of a rewrite rule (docs/environment.md).',
  },
  {
    code: 'path-contradiction',
    level: 'must',
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
    fix: 'The server has rewritten the path: set the mount option if links go wrong.',
  },
  {
    code: 'target-refused',
    level: 'must',
    clause: 'RFC 9112 3.2',
    variable: 'REQUEST_URI',
    check: (env, options) => {
      const { row, refused } = decide(env, options)
      return refused === null ? undefined : `${refused.why} Row ${row}: ${refused.status}.`
    },
    fix: 'Nothing: the app is not called (docs/environment.md).',
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
      return `${seen} (row ${row} of the table).${note === null ? '' : ` Mind: ${note}`}`
    },
    fix: 'Nothing, when the server is meant to; else set the option target, or mount.',
  },
  {
    code: 'proxy-rewritten',
    level: 'note',
    clause: 'de facto',
    variable: 'SCRIPT_FILENAME',
    check: (env) => proxyNote(env) ?? undefined,
    fix: 'Set the mount option, or let the RewriteRule pass through to a ProxyPass: [PT] for [P].',
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
    fix: 'Send both from one source; HTTPS counts.',
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
    fix: 'Nothing, when it is the configured name of the server; URLs are made from Host.',
  },
  {
    code: 'host-invalid',
    level: 'note',
    clause: 'RFC 9110 7.2',
    variable: 'HTTP_HOST',
    check: (env) => {
      const host = env.get('HTTP_HOST')
      return when(host !== undefined && !isAuthority(host), `HTTP_HOST is ${shown(host)}: no host for a URL.`)
    },
    fix: 'URLs are made from SERVER_NAME; refuse unknown hosts in the server.',
  },
  {
    code: 'scgi-length-first',
    level: 'must',
    clause: 'SCGI',
    variable: 'CONTENT_LENGTH',
    check: (env) =>
      when(
        env.get('SCGI') !== undefined && env.list[0] !== 'CONTENT_LENGTH',
        'CONTENT_LENGTH is not the first variable.',
      ),
    fix: 'Send CONTENT_LENGTH first, also when it is 0.',
  },
]

function repeatedName(
  env: { readonly list: readonly string[] },
  key: (name: string) => string,
): string | undefined {
  const seen = new Set<string>()
  for (let i = 0; i < env.list.length; i += 2) {
    const name = env.list[i] as string
    if (seen.has(key(name))) return name
    seen.add(key(name))
  }
  return undefined
}
