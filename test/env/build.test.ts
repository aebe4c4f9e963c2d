import { describe, expect, test } from 'vitest'
import { buildEnv, type HttpFacts, variableOf } from '../../src/env/build.js'
import { Environment } from '../../src/env/environment.js'
import { translate } from '../../src/env/request.js'
import { lintEnv } from '../../src/lint/environment.js'

const facts: HttpFacts = {
  method: 'GET',
  target: '/a%20b/c?x=1',
  httpVersion: '1.1',
  headers: ['Host', 'example.test:8080', 'Accept', '*/*'],
  scheme: 'http',
  remoteAddress: '10.0.0.9',
  remotePort: 4711,
  serverAddress: '10.0.0.1',
  serverPort: 8080,
}

const build = (more?: Partial<HttpFacts>) => new Environment(buildEnv({ ...facts, ...more }))

test('an app at the root (RFC 3875 section 4.1)', () => {
  expect(build({ software: 'cgiup/0.1.0' }).toObject()).toEqual({
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_SOFTWARE: 'cgiup/0.1.0',
    SERVER_NAME: 'example.test',
    SERVER_PORT: '8080',
    SERVER_PROTOCOL: 'HTTP/1.1',
    SERVER_ADDR: '10.0.0.1',
    REQUEST_METHOD: 'GET',
    REQUEST_URI: '/a%20b/c?x=1',
    REQUEST_SCHEME: 'http',
    SCRIPT_NAME: '',
    PATH_INFO: '/a b/c',
    QUERY_STRING: 'x=1',
    REMOTE_ADDR: '10.0.0.9',
    REMOTE_HOST: '10.0.0.9',
    REMOTE_PORT: '4711',
    HTTP_HOST: 'example.test:8080',
    HTTP_ACCEPT: '*/*',
  })
})

test('breaks no rule that the lint knows', () => {
  expect(lintEnv(build())).toEqual([])
  expect(lintEnv(build({ method: 'POST', headers: [...facts.headers, 'Content-Length', '5'] }))).toEqual([])
  expect(lintEnv(build({ scheme: 'https' }))).toEqual([])
})

describe('header fields (RFC 3875 section 4.1.18)', () => {
  test('repeats are joined, Cookie with "; "', () => {
    const headers = ['Cookie', 'a=1', 'X', '1', 'cookie', 'b=2', 'x', '2']
    const env = build({ headers })
    expect(env.get('HTTP_COOKIE')).toBe('a=1; b=2')
    expect(env.get('HTTP_X')).toBe('1, 2')
    expect(env.hasRepeats).toBe(false)
  })

  test.each([
    ['Accept', 'HTTP_ACCEPT'],
    ['x-forwarded-for', 'HTTP_X_FORWARDED_FOR'],
    ['Content-Type', 'CONTENT_TYPE'],
    ['content-length', 'CONTENT_LENGTH'],
    ['Transfer-Encoding', 'HTTP_TRANSFER_ENCODING'],
    ['Authorization', 'HTTP_AUTHORIZATION'],
    ['Proxy', ''],
    ['pRoXy', ''],
    ['X_Forwarded_For', ''],
    ['Content_Length', ''],
    ['X.Y', ''],
    ['X Y', ''],
    ['X\xe9', ''],
    ['', ''],
  ])('%j becomes %j', (header, variable) => {
    expect(variableOf(header)).toBe(variable)
  })

  test('a name that would double another one is dropped (GHSA-f59h-q822-g45g)', () => {
    const env = build({ headers: ['X_Real_IP', 'evil', 'X-Real-IP', 'good', 'Content_Type', 'evil/x'] })
    expect(env.get('HTTP_X_REAL_IP')).toBe('good')
    expect(env.get('CONTENT_TYPE')).toBeUndefined()
  })
})

describe('SERVER_NAME has no port (RFC 3875 section 4.1.14)', () => {
  test.each([
    ['example.test:8080', 'example.test'],
    ['[::1]:8080', '[::1]'],
    ['evil host', '10.0.0.1'],
  ])('Host %s', (host, name) => {
    expect(build({ headers: ['Host', host] }).get('SERVER_NAME')).toBe(name)
  })

  test('without Host it is the address, IPv6 in brackets', () => {
    expect(build({ headers: [], serverAddress: '::1' }).get('SERVER_NAME')).toBe('[::1]')
    expect(build({ headers: [], serverAddress: '::ffff:10.0.0.1' }).get('SERVER_NAME')).toBe('10.0.0.1')
    expect(build({ headers: [], serverAddress: undefined }).get('SERVER_NAME')).toBe('localhost')
  })
})

describe('targets', () => {
  test.each([
    ['*', '', ''],
    ['http://other:81/x%2Fy?q', '/x/y', 'q'],
    ['/caf%E9', '/caf\xe9', ''],
    ['/%zz', '/%zz', ''],
    ['/%2541', '/%41', ''],
    ['//a/../b', '//a/../b', ''],
  ])('%s', (target, info, query) => {
    const env = build({ method: 'OPTIONS', target })
    expect([env.get('REQUEST_URI'), env.get('PATH_INFO'), env.get('QUERY_STRING')]).toEqual([
      target,
      info,
      query,
    ])
  })

  test('CONNECT names no path', () => {
    expect(build({ method: 'CONNECT', target: 'h:443' }).get('PATH_INFO')).toBe('')
  })

  test('the authority of an absolute-form target replaces Host (RFC 9112 section 3.2.2)', () => {
    const env = build({ target: 'http://other:81/x' })
    expect(env.get('HTTP_HOST')).toBe('other:81')
    expect(env.get('SERVER_NAME')).toBe('other')
  })
})

test('over TLS', () => {
  const env = build({ scheme: 'https', serverPort: undefined })
  expect([env.get('HTTPS'), env.get('REQUEST_SCHEME'), env.get('SERVER_PORT')]).toEqual([
    'on',
    'https',
    '443',
  ])
})

test('an IPv4 client on an IPv6 socket, and one without an address', () => {
  expect(build({ remoteAddress: '::ffff:10.0.0.9' }).get('REMOTE_ADDR')).toBe('10.0.0.9')
  expect(build({ remoteAddress: '::1' }).get('REMOTE_ADDR')).toBe('::1')
  expect(build({ remoteAddress: undefined, remotePort: undefined }).get('REMOTE_ADDR')).toBe('')
})

test('is read as the request that it was made from', () => {
  const headers = [
    'Host',
    'h:1',
    'X-A',
    'caf\xe9',
    'Content-Type',
    'a/b',
    'Content-Length',
    '3',
    'Authorization',
    'B x',
  ]
  const request = translate(build({ method: 'PATCH', target: '/x?', headers }))
  expect(request).toMatchObject({ method: 'PATCH', target: '/x?', query: '', mount: '', rest: '/x' })
  expect(request).toMatchObject({
    remoteAddress: '10.0.0.9',
    remotePort: 4711,
    serverPort: 8080,
    contentLength: 3,
  })
  for (let i = 0; i < headers.length; i += 2) {
    expect(request.header((headers[i] as string).toLowerCase())).toBe(headers[i + 1])
  }
  expect(request.headers).toHaveLength(headers.length)
})
