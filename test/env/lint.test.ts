import { describe, expect, test } from 'vitest'
import { Environment } from '../../src/env/environment.js'
import { environmentRules, lintEnv } from '../../src/lint/environment.js'
import { environmentOf, recordings } from './captures.js'

const clean: Readonly<Record<string, string>> = {
  GATEWAY_INTERFACE: 'CGI/1.1',
  SERVER_SOFTWARE: 'test/1',
  SERVER_NAME: 'example.test',
  SERVER_PORT: '80',
  SERVER_PROTOCOL: 'HTTP/1.1',
  REQUEST_METHOD: 'GET',
  REQUEST_URI: '/app/x?q',
  SCRIPT_NAME: '/app',
  PATH_INFO: '/x',
  PATH_TRANSLATED: '/srv/x',
  QUERY_STRING: 'q',
  REMOTE_ADDR: '10.0.0.9',
  HTTP_HOST: 'example.test',
}

const list = (variables: Readonly<Record<string, string | undefined>>) =>
  Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [name, value]))

type Changes = Readonly<Record<string, string | undefined>>

/**
 * For each rule, a change to the clean environment that violates that rule, and no other except those listed.
 */
const broken: Readonly<Record<string, readonly [Changes, ...(readonly string[])]>> = {
  'missing-gateway-interface': [{ GATEWAY_INTERFACE: undefined }],
  'missing-query-string': [{ QUERY_STRING: undefined }],
  'missing-remote-addr': [{ REMOTE_ADDR: undefined }],
  'missing-request-method': [{ REQUEST_METHOD: undefined }],
  'missing-script-name': [{ SCRIPT_NAME: undefined }],
  'missing-server-name': [{ SERVER_NAME: undefined }],
  'missing-server-port': [{ SERVER_PORT: undefined }],
  'missing-server-protocol': [{ SERVER_PROTOCOL: undefined }],
  'missing-server-software': [{ SERVER_SOFTWARE: undefined }],
  'malformed-gateway-interface': [{ GATEWAY_INTERFACE: 'CGI' }],
  'malformed-content-length': [{ CONTENT_LENGTH: '-1' }],
  'malformed-request-method': [{ REQUEST_METHOD: 'GE T' }],
  'malformed-server-port': [{ SERVER_PORT: '123456' }],
  'malformed-server-protocol': [{ SERVER_PROTOCOL: '' }],
  'malformed-script-name': [{ SCRIPT_NAME: 'app' }],
  'malformed-path-info': [{ PATH_INFO: 'x' }],
  'script-name-slash': [{ SCRIPT_NAME: '/app/' }],
  'server-name-port': [{ SERVER_NAME: 'example.test:80' }],
  'server-name-invalid': [{ SERVER_NAME: '::1', HTTP_HOST: undefined }],
  'empty-content-length': [{ CONTENT_LENGTH: '' }],
  'length-without-body': [{ CONTENT_LENGTH: '0' }],
  'unknown-length': [{ HTTP_TRANSFER_ENCODING: 'chunked' }],
  'empty-content-type': [{ CONTENT_TYPE: '' }],
  'path-translated-alone': [{ PATH_INFO: '', REQUEST_URI: '/app?q' }],
  'remote-user-alone': [{ REMOTE_USER: 'ann' }],
  'repeated-variable': [{}],
  'names-differ-in-case': [{ Server_Name: 'x' }],
  'header-name-characters': [{ 'HTTP_X.Y': '1' }],
  httpoxy: [{ HTTP_PROXY: 'http://evil/' }],
  'authorization-passed': [{ HTTP_AUTHORIZATION: 'Basic x' }],
  'content-doubles': [{ HTTP_CONTENT_TYPE: 'a/b' }],
  'script-filename-proxy': [{ SCRIPT_FILENAME: 'proxy:fcgi://h/x' }],
  'query-contradiction': [{ QUERY_STRING: 'other' }, 'target-served'],
  'path-contradiction': [{ SCRIPT_NAME: '/other.cgi' }],
  'target-refused': [{ REQUEST_URI: '/app/x#?q' }],
  'target-served': [{ REQUEST_URI: '/old?q' }, 'path-contradiction'],
  'proxy-rewritten': [
    {
      REQUEST_URI: '/p/x?q',
      SCRIPT_NAME: '/p/x',
      PATH_INFO: undefined,
      PATH_TRANSLATED: undefined,
      SCRIPT_FILENAME: 'proxy:fcgi://h/new/x',
    },
    'script-filename-proxy',
    'path-contradiction',
  ],
  'scheme-contradiction': [{ HTTPS: 'on', REQUEST_SCHEME: 'http' }],
  'host-contradiction': [{ HTTP_HOST: 'other.test' }],
  'host-invalid': [{ HTTP_HOST: 'a b' }, 'host-contradiction'],
  'scgi-length-first': [{ SCGI: '1' }],
}

test('an environment in order gives no findings', () => {
  expect(lintEnv(new Environment(list(clean)))).toEqual([])
})

test('no variables at all give every MUST that is missing', () => {
  const codes = lintEnv(new Environment([])).map((finding) => finding.code)
  expect(codes).toEqual(
    environmentRules.map((rule) => rule.code).filter((code) => code.startsWith('missing-')),
  )
})

describe('each rule finds what it is for', () => {
  test.each(environmentRules.map((rule) => rule.code))('%s', (code) => {
    const [changes, ...others] = broken[code] ?? [undefined]
    expect(changes, 'every rule has an example').toBeDefined()
    const variables = list({ ...clean, ...changes })
    if (code === 'repeated-variable') variables.push('SERVER_NAME', 'example.test')
    const findings = lintEnv(new Environment(variables))
    expect(findings.map((finding) => finding.code).sort()).toEqual([code, ...others].sort())
  })

  test('there is no example without a rule', () => {
    expect(Object.keys(broken).sort()).toEqual(environmentRules.map((rule) => rule.code).sort())
  })
})

test('a finding says what was seen, where, and what to do', () => {
  const [finding] = lintEnv(new Environment(list({ ...clean, CONTENT_LENGTH: '-1' })))
  expect(finding).toEqual({
    code: 'malformed-content-length',
    level: 'error',
    clause: 'RFC 3875 4.1.2',
    variable: 'CONTENT_LENGTH',
    line: null,
    seen: 'CONTENT_LENGTH is "-1".',
    fix: 'Send a number of bytes, or nothing.',
  })
})

test('a long value is cut in the message', () => {
  const [finding] = lintEnv(new Environment(list({ ...clean, SERVER_PORT: 'x'.repeat(10_000) })))
  expect(finding?.seen.length).toBeLessThan(150)
})

/** Only for plain GET requests: the rules that each server always violates. */
const always: Readonly<Record<string, readonly string[]>> = {
  'apache-cgid-event-scriptalias': [],
  'apache-proxyscgi-proxypass-prefix': [
    'missing-gateway-interface',
    'script-filename-proxy',
    'path-contradiction',
  ],
  'apache-proxyfcgi-proxypass-prefix': ['script-filename-proxy', 'path-contradiction'],
  'apache-cgi-prefork-rewrite-pathinfo': ['path-contradiction'],
  'caddy-fcgi-root': ['length-without-body', 'empty-content-type'],
  'gohost-cgi-app': [],
  'h2o-fcgi-app': ['missing-gateway-interface', 'host-contradiction'],
  'lighttpd-fcgi-prefix': ['length-without-body'],
  'nginx-fcgi-params-root': ['empty-content-length', 'empty-content-type', 'path-contradiction'],
  'nginx-scgi-root': [
    'missing-gateway-interface',
    'missing-script-name',
    'missing-server-software',
    'empty-content-type',
  ],
}

test.each(Object.keys(always))('what %s breaks with every GET', (mode) => {
  const requests = recordings.find((recording) => recording.mode === mode)?.requests ?? []
  const plain = requests.find((request) => request.name === 'get-query')
  const codes = plain && lintEnv(environmentOf(plain)).map((finding) => finding.code)
  expect(codes).toEqual(always[mode])
})

test('a front controller of CGI without extension is not one that the server has rewritten', () => {
  const env = new Environment(
    list({
      ...clean,
      REQUEST_URI: '/a/b',
      QUERY_STRING: '',
      SCRIPT_NAME: '/cgi-bin/app',
      PATH_INFO: '',
      SERVER_SOFTWARE: 'Apache/2.4',
    }),
  )
  const codes = (isCgi: boolean) => lintEnv(env, { isCgi }).map(({ code }) => code)
  expect(codes(false)).toContain('target-served')
  expect(codes(true)).not.toContain('target-served')
})
