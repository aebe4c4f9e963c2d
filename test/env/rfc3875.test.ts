import { describe, expect, test } from 'vitest'
import { buildEnv, type HttpFacts } from '../../src/env/build.js'
import { Environment } from '../../src/env/environment.js'
import { translate } from '../../src/env/request.js'
import { type ScriptFacts, scriptEnv } from '../../src/env/script-env.js'

/**
 * The requirements of RFC 3875 for the host's variables, clause by clause. Those for processes and replies
 * are in test/host and test/cgi.
 */
function host(http: Partial<HttpFacts> = {}, script: Partial<ScriptFacts> = {}): Environment {
  const facts: HttpFacts = {
    method: 'GET',
    target: '/cgi-bin/a.cgi/A%20b?x=%20',
    httpVersion: '1.1',
    headers: ['Host', 'Example.test:8080'],
    scheme: 'http',
    remoteAddress: '10.0.0.9',
    serverAddress: '10.0.0.1',
    serverPort: 8080,
    ...http,
  }
  const list = scriptEnv(new Environment(buildEnv(facts)), {
    scriptName: '/cgi-bin/a.cgi',
    pathInfo: '/A b',
    pathTranslated: '/srv/A b',
    scriptFilename: '/srv/cgi-bin/a.cgi',
    contentLength: 0,
    ...script,
  })
  return new Environment(list)
}

describe('RFC 3875, host side: variables', () => {
  test('3.3: the Script-URI leads to the same SCRIPT_NAME, PATH_INFO and QUERY_STRING', () => {
    const env = host()
    const list = env.list.filter((_, i, all) => all[i - (i % 2)] !== 'REQUEST_URI')
    const uri = translate(new Environment(list)).url
    expect(uri).toBe('http://Example.test:8080/cgi-bin/a.cgi/A%20b?x=%20')
    const again = translate(new Environment([...list, 'REQUEST_URI', uri]))
    expect([again.mount, again.rest, again.query]).toEqual(['/cgi-bin/a.cgi', '/A%20b', 'x=%20'])
  })

  test('4.1: no two names differ only in case', () => {
    const names = host({ headers: ['x-a', '1', 'X-A', '2'] }).list.filter((_, i) => i % 2 === 0)
    expect(new Set(names.map((name) => name.toUpperCase())).size).toBe(names.length)
  })

  test('4.1.1, 4.1.11: AUTH_TYPE and REMOTE_USER come from a server that has checked them, never from a header', () => {
    const env = host({
      headers: ['Authorization', 'Basic YTpi', 'Auth-Type', 'Basic', 'Remote-User', 'root'],
    })
    expect([env.get('AUTH_TYPE'), env.get('REMOTE_USER')]).toEqual([undefined, undefined])
  })

  test('4.1.2: CONTENT_LENGTH if and only if there is a body, without its transfer coding', () => {
    const chunked = { method: 'POST', headers: ['Transfer-Encoding', 'chunked'] }
    expect(host(chunked, { contentLength: 7 }).get('CONTENT_LENGTH')).toBe('7')
    expect(host({ headers: ['Content-Length', '0'] }).get('CONTENT_LENGTH')).toBeUndefined()
  })

  test('4.1.3: CONTENT_TYPE if and only if the client sent one', () => {
    expect(host({ headers: ['Content-Type', 'a/b'] }).get('CONTENT_TYPE')).toBe('a/b')
    expect(host({ method: 'POST' }, { contentLength: 1 }).get('CONTENT_TYPE')).toBeUndefined()
    expect(host({ headers: ['Content-Type', ''] }).get('CONTENT_TYPE')).toBeUndefined()
  })

  test('4.1.4: GATEWAY_INTERFACE is CGI/1.1', () => {
    expect(host().get('GATEWAY_INTERFACE')).toBe('CGI/1.1')
  })

  test('4.1.5: PATH_INFO is decoded once, its case kept', () => {
    const env = new Environment(buildEnv({ ...facts('/Caf%C3%A9/%2541') }))
    expect(env.toObject().PATH_INFO).toBe('/Café/%41')
  })

  test('4.1.6: PATH_TRANSLATED with PATH_INFO, and not without', () => {
    expect(host().get('PATH_TRANSLATED')).toBe('/srv/A b')
    expect(host({}, { pathInfo: '' }).get('PATH_TRANSLATED')).toBeUndefined()
  })

  test('4.1.7: QUERY_STRING always, not decoded', () => {
    expect(host().get('QUERY_STRING')).toBe('x=%20')
    expect(host({ target: '/cgi-bin/a.cgi' }).get('QUERY_STRING')).toBe('')
  })

  test('4.1.8, 4.1.9: REMOTE_ADDR, and it for REMOTE_HOST', () => {
    expect([host().get('REMOTE_ADDR'), host().get('REMOTE_HOST')]).toEqual(['10.0.0.9', '10.0.0.9'])
    expect(host({ remoteAddress: '2001:db8::1' }).get('REMOTE_ADDR')).toBe('2001:db8::1')
  })

  test('4.1.10: REMOTE_IDENT is not sent', () => {
    expect(host({ headers: ['Remote-Ident', 'x'] }).get('REMOTE_IDENT')).toBeUndefined()
  })

  test('4.1.12: REQUEST_METHOD as sent, in its case', () => {
    for (const method of ['GET', 'get', 'PROPFIND', 'M-SEARCH']) {
      expect(host({ method }).get('REQUEST_METHOD')).toBe(method)
    }
  })

  test('4.1.13: SCRIPT_NAME is empty or begins with a slash', () => {
    expect(host().get('SCRIPT_NAME')).toBe('/cgi-bin/a.cgi')
    expect(host({}, { scriptName: '' }).get('SCRIPT_NAME')).toBe('')
  })

  test('4.1.14: SERVER_NAME is the host that was asked for, without a port, IPv6 in brackets', () => {
    expect(host().get('SERVER_NAME')).toBe('Example.test')
    expect(host({ headers: ['Host', '[2001:db8::1]:8080'] }).get('SERVER_NAME')).toBe('[2001:db8::1]')
    expect(host({ headers: [], serverAddress: '::1' }).get('SERVER_NAME')).toBe('[::1]')
  })

  test('4.1.15: SERVER_PORT is the port of the connection, not that of Host', () => {
    expect(host({ headers: ['Host', 'h:99'] }).get('SERVER_PORT')).toBe('8080')
  })

  test('4.1.16: SERVER_PROTOCOL', () => {
    expect(host({ httpVersion: '1.0' }).get('SERVER_PROTOCOL')).toBe('HTTP/1.0')
  })

  test('4.1.17: SERVER_SOFTWARE names a product', () => {
    expect(host({ software: 'cgiup/0.1.0' }).get('SERVER_SOFTWARE')).toBe('cgiup/0.1.0')
    expect(host().get('SERVER_SOFTWARE')).toBeTruthy()
  })

  test('4.1.18: header fields as HTTP_*, repeats merged, Authorization and Content-* withheld', () => {
    const headers = [
      'X-A',
      '1',
      'x-a',
      '2',
      'Cookie',
      'a=1',
      'Cookie',
      'b=2',
      'Authorization',
      'x',
      'Content-Type',
      'a/b',
    ]
    const env = host({ headers })
    expect([env.get('HTTP_X_A'), env.get('HTTP_COOKIE')]).toEqual(['1, 2', 'a=1; b=2'])
    for (const name of ['HTTP_AUTHORIZATION', 'HTTP_CONTENT_TYPE', 'HTTP_CONTENT_LENGTH']) {
      expect(env.get(name)).toBeUndefined()
    }
    expect(host({ headers }, { passAuthorization: true }).get('HTTP_AUTHORIZATION')).toBe('x')
  })

  test('4.2: no transfer coding is announced for a body that has none any more', () => {
    expect(host({ headers: ['Transfer-Encoding', 'chunked'] }).get('HTTP_TRANSFER_ENCODING')).toBeUndefined()
  })
})

function facts(target: string): HttpFacts {
  return { method: 'GET', target, httpVersion: '1.1', headers: [], scheme: 'http' }
}
