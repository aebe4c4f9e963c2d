/** Rules about single meta-variables: RFC 3875 section 4.1, and known dangers. */
import { isAuthority, portOf } from '../env/authority.js'
import { translate } from '../env/request.js'
import { isDigits, isToken } from '../env/text.js'
import { type Check, type EnvironmentRule, ruleOf, shown, when } from './environment-check.js'

function missing(variable: string, section: string, fix: string): Check {
  return {
    code: `missing-${variable.toLowerCase().replaceAll('_', '-')}`,
    level: 'error',
    clause: `RFC 3875 ${section}`,
    variable,
    check: (env) => when(env.get(variable) === undefined, `${variable} is absent.`),
    fix,
  }
}

/** Reports a variable that is set but malformed. */
function malformed(variable: string, section: string, fits: (value: string) => boolean, fix: string): Check {
  return {
    code: `malformed-${variable.toLowerCase().replaceAll('_', '-')}`,
    level: 'error',
    clause: `RFC 3875 ${section}`,
    variable,
    check: (env) => {
      const value = env.get(variable)
      return when(value !== undefined && !fits(value), `${variable} is ${shown(value)}.`)
    },
    fix,
  }
}

const send = (name: string): string =>
  `Configure the server to send ${name}; include its stock parameter file.`

const checks: readonly Check[] = [
  missing('GATEWAY_INTERFACE', '4.1.4', send('GATEWAY_INTERFACE=CGI/1.1')),
  missing('QUERY_STRING', '4.1.7', send('QUERY_STRING, empty if there is no query')),
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
  malformed('SERVER_PORT', '4.1.15', (v) => isDigits(v) && Number(v) <= 65535, 'Send the port number.'),
  malformed(
    'SERVER_PROTOCOL',
    '4.1.16',
    (v) => /^HTTP\/\d+(\.\d+)?$/.test(v),
    'Send HTTP/1.1 or another HTTP version.',
  ),
  malformed(
    'SCRIPT_NAME',
    '4.1.13',
    (v) => v === '' || v.startsWith('/'),
    'It must be empty or begin with "/".',
  ),
  malformed(
    'PATH_INFO',
    '4.1.5',
    (v) => v === '' || v.startsWith('/'),
    'It must be empty or begin with "/".',
  ),
  {
    code: 'script-name-slash',
    level: 'note',
    clause: 'RFC 3875 4.1.13',
    variable: 'SCRIPT_NAME',
    check: (env) => when(env.get('SCRIPT_NAME')?.endsWith('/') === true, 'SCRIPT_NAME ends in "/".'),
    fix: 'Send "" for the root, and put the slash at the beginning of PATH_INFO.',
  },
  {
    code: 'server-name-port',
    level: 'error',
    clause: 'RFC 3875 4.1.14',
    variable: 'SERVER_NAME',
    check: (env) => {
      const name = env.get('SERVER_NAME') ?? ''
      return when(isAuthority(name) && portOf(name) !== '', `SERVER_NAME is ${shown(name)}, with a port.`)
    },
    fix: 'Send only the host; the port belongs in SERVER_PORT.',
  },
  {
    code: 'server-name-invalid',
    level: 'error',
    clause: 'RFC 3875 4.1.14',
    variable: 'SERVER_NAME',
    check: (env) => {
      const name = env.get('SERVER_NAME')
      return when(
        name !== undefined && !isAuthority(name),
        `SERVER_NAME is ${shown(name)}, which is not a host name or address.`,
      )
    },
    fix: 'Send a host name or an address; an IPv6 address in brackets.',
  },
  {
    code: 'empty-content-length',
    level: 'warning',
    clause: 'RFC 3875 4.1.2',
    variable: 'CONTENT_LENGTH',
    check: (env) => when(env.get('CONTENT_LENGTH') === '', 'CONTENT_LENGTH is empty.'),
    fix: 'No action is needed: it counts as absent. To avoid it in nginx, add if_not_empty to the line of CONTENT_LENGTH.',
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
    fix: 'No action is needed: it counts as absent.',
  },
  {
    code: 'unknown-length',
    level: 'error',
    clause: 'RFC 3875 4.2',
    variable: 'CONTENT_LENGTH',
    check: (env) =>
      when(
        env.get('HTTP_TRANSFER_ENCODING') !== undefined && !isDigits(env.get('CONTENT_LENGTH') ?? ''),
        'There is a body of unknown length.',
      ),
    fix: 'The script has to read to the end of its input; request buffering in the server adds a length.',
  },
  {
    code: 'empty-content-type',
    level: 'warning',
    clause: 'RFC 3875 4.1.3',
    variable: 'CONTENT_TYPE',
    check: (env) => when(env.get('CONTENT_TYPE') === '', 'CONTENT_TYPE is empty.'),
    fix: 'No action is needed: it counts as absent. To avoid it in nginx, add if_not_empty to the line of CONTENT_TYPE.',
  },
  {
    code: 'path-translated-alone',
    level: 'error',
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
    fix: 'Trust it only if the server checks the password: nginx copies the name from any request.',
  },
  {
    code: 'repeated-variable',
    level: 'error',
    clause: 'RFC 3875 4.1.18',
    variable: '*',
    check: (env) => {
      const name = repeatedName(env, (text) => text)
      return name === undefined ? undefined : `${name} is set more than once.`
    },
    fix: 'Send it once; request headers are joined with ", " (Cookie with "; ").',
  },
  {
    code: 'names-differ-in-case',
    level: 'error',
    clause: 'RFC 3875 4.1',
    variable: '*',
    check: (env) => {
      const distinct = [...new Set(env.list.filter((_, i) => i % 2 === 0))].flatMap((name) => [name, ''])
      const name = repeatedName({ ...env, list: distinct }, (text) => text.toUpperCase())
      return name === undefined ? undefined : `${name} is set in two spellings that differ only in case.`
    },
    fix: 'Send one of them.',
  },
  {
    code: 'header-name-characters',
    level: 'error',
    clause: 'RFC 3875 4.1.18',
    variable: 'HTTP_*',
    check: (env) => {
      const name = env.list.find(
        (text, i) => i % 2 === 0 && /^HTTP_/.test(text) && !/^HTTP_[A-Z0-9_]+$/.test(text),
      )
      return name === undefined
        ? undefined
        : `${shown(name)} is not a variable that a header name can produce.`
    },
    fix: 'Configure the server to drop headers whose names contain characters other than letters, digits and "-".',
  },
  {
    code: 'httpoxy',
    level: 'error',
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
    fix: 'No action is needed if the app checks it itself; otherwise configure the server not to pass it on.',
  },
  {
    code: 'content-doubles',
    level: 'warning',
    clause: 'RFC 3875 4.1.18',
    variable: 'HTTP_CONTENT_LENGTH',
    check: (env) => {
      const names = ['HTTP_CONTENT_LENGTH', 'HTTP_CONTENT_TYPE'].filter((name) => env.get(name) !== undefined)
      return when(
        names.length > 0,
        `The request has ${names.join(' and ')}, which may contradict the variables without HTTP_.`,
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
    fix: 'Use the part after the authority, or scriptFilename of the request.',
  },
  {
    code: 'host-invalid',
    level: 'note',
    clause: 'RFC 9110 7.2',
    variable: 'HTTP_HOST',
    check: (env) => {
      const host = env.get('HTTP_HOST')
      return when(
        host !== undefined && !isAuthority(host),
        `HTTP_HOST is ${shown(host)}, which is not valid as the host of a URL.`,
      )
    },
    fix: 'URLs are built from SERVER_NAME; reject unknown hosts in the server.',
  },
  {
    code: 'scgi-length-first',
    level: 'error',
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

export const variableRules: readonly EnvironmentRule[] = checks.map(ruleOf)

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
