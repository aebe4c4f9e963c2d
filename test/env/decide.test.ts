import { describe, expect, test } from 'vitest'
import { decide } from '../../src/env/decide.js'
import { Environment } from '../../src/env/environment.js'

const read = (env: Record<string, string>, options = {}) => {
  const { row, request, refused, status } = decide(
    Environment.fromObject({ REQUEST_METHOD: 'GET', ...env }),
    options,
  )
  const { mount, rest, query } = request
  return {
    row,
    sees: `${mount}|${rest}${query === null ? '' : `?${query}`}`,
    refused: refused?.status ?? 0,
    status,
  }
}

const nginx = { SERVER_SOFTWARE: 'nginx/1.22.1', DOCUMENT_URI: '/users', SCRIPT_NAME: '/users' }
const haproxy = { SERVER_SOFTWARE: 'HAProxy 2.6.12' }
const h2o = { SERVER_SOFTWARE: 'h2o/2.2.5' }
const caddy = { SERVER_SOFTWARE: 'Caddy/v2.6.2', SCRIPT_NAME: '' }

describe('what servers do in their own way', () => {
  test.each([
    // Caddy: handle_path /app* cuts in the middle of a name.
    [{ ...caddy, REQUEST_URI: '/appadmin/x', PATH_INFO: 'admin/x' }, 'rewritten', 400, undefined],
    [{ ...caddy, REQUEST_URI: '/app', PATH_INFO: '', DOCUMENT_URI: '' }, 'as-sent', 0, '/app|'],
    // Caddy: rewrite * /
    [{ ...caddy, REQUEST_URI: '/home', PATH_INFO: '/' }, 'rewritten', 0, '|/'],
    [{ ...caddy, REQUEST_URI: '/home/', PATH_INFO: '/' }, 'as-sent', 0, '/home|/'],
    // CVE-2026-27590: SCRIPT_NAME and PATH_INFO are the path, but split in the middle of a name.
    [
      { ...caddy, REQUEST_URI: '/ȺȺ.php.txt.php', SCRIPT_NAME: '/ȺȺ.php.t', PATH_INFO: 'xt.php' },
      'as-sent',
      0,
      '|/\xc8\xba\xc8\xba.php.txt.php',
    ],
    // h2o with setenv SCRIPT_NAME: PATH_INFO is the whole path.
    [
      { ...h2o, REQUEST_URI: '/set/admin', SCRIPT_NAME: '/set', PATH_INFO: '/set/denied' },
      'rewritten',
      0,
      '/set|/denied',
    ],
    [
      { ...h2o, REQUEST_URI: '/set/admin', SCRIPT_NAME: '/set', PATH_INFO: '/denied' },
      'rewritten',
      0,
      '|/denied',
    ],
    // HAProxy writes what it decides into REQUEST_URI.
    [{ ...haproxy, REQUEST_URI: '/dir/', SCRIPT_NAME: '/dir/index.html' }, 'as-sent', 0, '|/dir/'],
  ])('%j', (env, row, refused, sees) => {
    expect(read(env as Record<string, string>)).toMatchObject({ row, refused, ...(sees && { sees }) })
  })
})

describe('one reading', () => {
  test.each([
    '/admin//../users',
    '/admin/.//../users',
    '/admin%2f..%2fusers',
    '/x%252f..%252fusers',
    '/public#/../users',
    'http://h/users#x',
    'http://h#/users',
    '/users?a#b',
    '/users\n',
    '/users\x7f',
    '/admin/y%252fz%2f../../users',
    '/%2F/../users',
    '/a/..%2fusers',
    '/%2e%2e%2fusers',
    '/a%2f.%2fusers',
  ])('%j is refused, whatever the server says', (target) => {
    expect(read({ ...nginx, REQUEST_URI: target })).toMatchObject({ row: 'refused', refused: 400 })
    expect(read({ REQUEST_URI: target }, { target: 'request-uri' }).refused).toBe(400)
    expect(read({ ...nginx, REQUEST_URI: target }, { target: 'script' }).refused).toBe(400)
  })

  test.each([
    ['/wiki/AC%252FDC', '/wiki/AC%2FDC'],
    ['/a/b%2Fc', '/a/b/c'],
    ['/a//b', '/a/b'],
    ['/x/%252e%252e/y', '/x/%2e%2e/y'],
    ['/a%5c..%5cb', '/a\\..\\b'],
    ['/caf%E9', '/caf\xe9'],
    ['/.well-known/x', '/.well-known/x'],
    ['/a/...', '/a/...'],
    ['/a/.b/..c', '/a/.b/..c'],
    ['/a?../..', '/a'],
    ['/a\\..\\b', '/a\\..\\b'],
    ['/%', '/%'],
    ['/a%20b', '/a b'],
  ])('%s passes', (target, info) => {
    const list = ['REQUEST_METHOD', 'GET', 'REQUEST_URI', target, 'SCRIPT_NAME', '', 'PATH_INFO', info]
    const decision = decide(new Environment(list))
    expect([decision.row, decision.refused]).toEqual(['as-sent', null])
    expect(decision.request.target).toBe(target)
  })

  test.each(['/a/../users', '/a/%2e%2E/users', '/a/.%2e/users', '/./users', '/users/b/..'])(
    '%s passes where the server has resolved it, only there',
    (target) => {
      expect(read({ ...nginx, REQUEST_URI: target }).refused).toBe(0)
      expect(read({ ...haproxy, REQUEST_URI: target, SCRIPT_NAME: target }).refused).toBe(400)
      expect(read({ ...caddy, REQUEST_URI: target, PATH_INFO: decodeURI(target) }).refused).toBe(400)
      // Nothing shows that it was resolved.
      expect(read({ REQUEST_URI: target }).refused).toBe(400)
      expect(read({ REQUEST_URI: target, SCRIPT_NAME: '', PATH_INFO: '' }).refused).toBe(400)
      // A front controller's variables show nothing of it: the server is known, or it is not served.
      const front = { REQUEST_URI: target, SCRIPT_NAME: '/index.mjs' }
      expect(read({ ...front, SERVER_SOFTWARE: 'nginx/1.22.1', DOCUMENT_URI: '/index.mjs' }).refused).toBe(0)
      expect(read({ ...front, ...haproxy }).refused).toBe(400)
      expect(read(front).refused).toBe(400)
    },
  )

  test('a handler that resolves dot segments itself gets them, but none of the others', () => {
    const own = { resolvesDots: true }
    expect(read({ REQUEST_URI: '/a/../b', PATH_INFO: '/a/../b' }, own).refused).toBe(0)
    expect(read({ REQUEST_URI: '/a//../b', PATH_INFO: '/a//../b' }, own).refused).toBe(400)
  })

  test('a path of the server that apps would read differently is refused too', () => {
    expect(read({ REQUEST_URI: '/old', SCRIPT_NAME: '/app', PATH_INFO: '/x/../admin' })).toMatchObject({
      row: 'rewritten',
      refused: 400,
    })
    expect(read({ SCRIPT_NAME: '/app', PATH_INFO: '/x//../admin' })).toMatchObject({
      row: 'rebuilt',
      refused: 400,
    })
  })
})
