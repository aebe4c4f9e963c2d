import { describe, expect, test } from 'vitest'
import { buildEnv } from '../../src/env/build.js'
import { Environment } from '../../src/env/environment.js'
import { translate } from '../../src/env/request.js'
import { type ScriptFacts, scriptEnv } from '../../src/env/script-env.js'
import { metaVariables } from '../../src/env/table.js'
import { lintEnv } from '../../src/lint/environment.js'

const http = (headers: string[] = [], method = 'GET') =>
  buildEnv({
    method,
    target: '/cgi-bin/a.cgi/x%20y?q=1',
    httpVersion: '1.1',
    headers: ['Host', 'example.test', ...headers],
    scheme: 'http',
    remoteAddress: '10.0.0.9',
    remotePort: 4711,
    serverAddress: '10.0.0.1',
    serverPort: 80,
  })

const facts: ScriptFacts = {
  scriptName: '/cgi-bin/a.cgi',
  pathInfo: '/x y',
  pathTranslated: '/srv/www/x y',
  scriptFilename: '/srv/cgi-bin/a.cgi',
  documentRoot: '/srv/www',
  contentLength: 0,
}

const script = (list: readonly string[], more?: Partial<ScriptFacts>) =>
  new Environment(scriptEnv(new Environment(list), { ...facts, ...more }))

test('the whole environment of a script', () => {
  expect(script(http(['Accept', '*/*'])).toObject()).toEqual({
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_SOFTWARE: 'cgiup',
    SERVER_NAME: 'example.test',
    SERVER_PORT: '80',
    SERVER_PROTOCOL: 'HTTP/1.1',
    SERVER_ADDR: '10.0.0.1',
    REQUEST_METHOD: 'GET',
    REQUEST_URI: '/cgi-bin/a.cgi/x%20y?q=1',
    REQUEST_SCHEME: 'http',
    SCRIPT_NAME: '/cgi-bin/a.cgi',
    SCRIPT_FILENAME: '/srv/cgi-bin/a.cgi',
    DOCUMENT_ROOT: '/srv/www',
    PATH_INFO: '/x y',
    PATH_TRANSLATED: '/srv/www/x y',
    QUERY_STRING: 'q=1',
    REDIRECT_STATUS: '200',
    REMOTE_ADDR: '10.0.0.9',
    REMOTE_HOST: '10.0.0.9',
    REMOTE_PORT: '4711',
    HTTP_HOST: 'example.test',
    HTTP_ACCEPT: '*/*',
  })
})

test('breaks no rule that the lint knows, and is read as the request', () => {
  const env = script(http(['Content-Type', 'a/b', 'Transfer-Encoding', 'chunked'], 'POST'), {
    contentLength: 5,
  })
  expect(lintEnv(env)).toEqual([])
  expect(translate(env)).toMatchObject({ mount: '/cgi-bin/a.cgi', rest: '/x%20y', contentLength: 5 })
})

describe('each variable is treated as in the table', () => {
  const rows = metaVariables.filter((row) => row.script !== 'computed')
  test.each(rows)('$name is $script', (row) => {
    const name = row.name.replace('*', 'SOMETHING')
    const list = [...http().filter((_, i, all) => all[i - (i % 2)] !== name), name, 'from-the-request']
    const seen = script(list).get(name)
    expect(seen).toBe(row.script === 'passed' ? 'from-the-request' : undefined)
    const asked = script(list, { passAuthorization: true }).get(name)
    expect(asked).toBe(row.script === 'dropped' ? undefined : 'from-the-request')
  })

  test.each(metaVariables.filter((row) => row.script === 'computed'))('$name is computed', (row) => {
    const list = [...http(), row.name, 'from-the-request']
    expect(script(list, { queryString: '' }).get(row.name)).not.toBe('from-the-request')
  })
})

describe('CONTENT_LENGTH is there if and only if there is a body (RFC 3875 section 4.1.2)', () => {
  test.each([
    [0, undefined],
    [null, undefined],
    [5, '5'],
  ])('%j bytes', (contentLength, value) => {
    const env = script(http(['Content-Length', '999'], 'POST'), { contentLength })
    expect(env.get('CONTENT_LENGTH')).toBe(value)
  })
})

test('PATH_INFO and PATH_TRANSLATED go together (RFC 3875 section 4.1.6)', () => {
  const env = script(http(), { pathInfo: '' })
  expect(env.get('PATH_INFO')).toBeUndefined()
  expect(env.get('PATH_TRANSLATED')).toBeUndefined()
})

describe('nothing leaks in', () => {
  test.each([
    'PATH',
    'HOME',
    'NODE_OPTIONS',
    'LD_PRELOAD',
    'FCGI_ROLE',
    'MYVAR',
    'AWS_SECRET',
    'PATH_INFO_X',
  ])('%s of the outer process', (name) => {
    expect(script([...http(), name, 'x']).get(name)).toBeUndefined()
  })

  test.each(['HTTP_X.Y', 'HTTP_x_y', 'HTTP_', 'HTTP_X-Y'])('a header variable named %s', (name) => {
    expect(script([...http(), name, 'x']).get(name)).toBeUndefined()
  })
})

describe('configured variables', () => {
  test('are added', () => {
    const env = script(http(), { extra: { PATH: '/bin', MYVAR: 'x', GONE: undefined } })
    expect([env.get('PATH'), env.get('MYVAR'), env.get('GONE')]).toEqual(['/bin', 'x', undefined])
  })

  test('do not replace what the server has computed (CVE-2025-65082)', () => {
    const evil = { SCRIPT_NAME: '/evil', REMOTE_ADDR: '127.0.0.1', CONTENT_LENGTH: '9', PATH_INFO: '/evil' }
    const env = script(http(), { extra: evil, pathInfo: '' })
    expect(env.get('SCRIPT_NAME')).toBe('/cgi-bin/a.cgi')
    expect(env.get('REMOTE_ADDR')).toBe('10.0.0.9')
    expect(env.get('CONTENT_LENGTH')).toBeUndefined()
    expect(env.get('PATH_INFO')).toBeUndefined()
  })

  test('do so when they are forced, and can take away', () => {
    const env = script(http(), {
      override: { SERVER_NAME: 'other', REMOTE_HOST: undefined, SCRIPT_NAME: '' },
    })
    expect([env.get('SERVER_NAME'), env.get('REMOTE_HOST'), env.get('SCRIPT_NAME')]).toEqual([
      'other',
      undefined,
      '',
    ])
  })
})

test('a repeated header of the request arrives once', () => {
  const env = script([...http(), 'HTTP_X', '1', 'HTTP_X', '2'])
  expect(env.get('HTTP_X')).toBe('1, 2')
  expect(env.hasRepeats).toBe(false)
})
