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
    // HAProxy writes the path that it serves into REQUEST_URI.
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
      // The variables of a front controller do not show it: either the server is known, or the request is
      // refused.
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

describe('programs', () => {
  const own = { isOwnFile: (file: string) => file === '/srv/app.mjs' }
  const fixed = { ...nginx, SCRIPT_FILENAME: '/srv/app.mjs' }

  test.each([
    [
      'an error page',
      { REQUEST_URI: '/admin/x?a=1', SCRIPT_NAME: '/denied', DOCUMENT_URI: '/denied' },
      '|/denied',
    ],
    ['auth_request', { REQUEST_URI: '/members', SCRIPT_NAME: '/auth', DOCUMENT_URI: '/auth' }, '|/auth'],
  ])('nginx with the app as SCRIPT_FILENAME of all paths: %s', (_, env, sees) => {
    expect(read({ ...fixed, ...env }, own)).toMatchObject({ row: 'other-path', sees, refused: 0 })
    // fcgiwrap starts it.
    expect(read({ ...fixed, ...env }, { isCgi: true })).toMatchObject({ row: 'other-path', refused: 0 })
  })

  test('Apache with the app as SCRIPT_FILENAME (ProxyFCGISetEnvIf)', () => {
    const apache = { SERVER_SOFTWARE: 'Apache/2.4', SCRIPT_FILENAME: '/srv/app.mjs' }
    const env = { ...apache, REQUEST_URI: '/old/x', SCRIPT_NAME: '/new/x' }
    expect(read(env, own)).toMatchObject({ row: 'other-path' })
  })

  test.each([
    ['/v2/lib/x.js?h=1', '/lib/x.js', 'h=1', '|/lib/x.js?h=1'],
    ['/v2/lib/x%2ejs', '/lib/x.js', '', '|/lib/x.js'],
    ['/a/..//v2/x.js', '/x.js', '', '|/x.js'],
  ])('%s is rewritten to a file of that name, no front controller', (target, script, query, sees) => {
    const env = {
      ...nginx,
      REQUEST_URI: target,
      SCRIPT_NAME: script,
      DOCUMENT_URI: script,
      QUERY_STRING: query,
    }
    expect(read(env)).toMatchObject({ row: 'other-path', sees })
  })

  test('a front controller of CGI needs no extension: the server has run it', () => {
    const env = { SERVER_SOFTWARE: 'Apache/2.4', REQUEST_URI: '/a/b?x=1', QUERY_STRING: 'x=1' }
    const script = { SCRIPT_NAME: '/cgi-bin/app', SCRIPT_FILENAME: '/www/cgi-bin/app' }
    expect(read({ ...env, ...script }, { isCgi: true })).toMatchObject({
      row: 'front-controller',
      sees: '|/a/b?x=1',
    })
    const notFound = { ...env, ...script, REDIRECT_STATUS: '404', QUERY_STRING: '' }
    expect(read(notFound, { isCgi: true })).toMatchObject({ row: 'not-found-controller', sees: '|/a/b?x=1' })
    const wrapped = { ...env, ...script, SERVER_SOFTWARE: 'nginx/1.22', DOCUMENT_URI: '/cgi-bin/app' }
    expect(read(wrapped, { isCgi: true })).toMatchObject({ row: 'front-controller', sees: '|/a/b?x=1' })
    const denied = { ...env, ...script, REDIRECT_STATUS: '403', QUERY_STRING: '' }
    expect(read(denied, { isCgi: true })).toMatchObject({ row: 'error-page', sees: '/cgi-bin/app|' })
  })
})

describe('DOCUMENT_URI shows that nginx has not rewritten the path', () => {
  test.each([
    [{ SCRIPT_NAME: '/mnt' }, '/mnt/x y', 'as-sent'],
    [{ SCRIPT_NAME: '/mnt/x y', PATH_INFO: '/mnt/x%20y?q=1' }, '/mnt/x y', 'as-sent'],
    // Another path is requested on purpose.
    [{ SCRIPT_NAME: '/auth' }, '/mnt/x y', 'other-path'],
    [{ SCRIPT_NAME: '/mnt', PATH_INFO: '/auth' }, '/mnt/x y', 'rewritten'],
    [{ SCRIPT_NAME: '/mnt' }, '/denied', 'other-path'],
  ])('%j, DOCUMENT_URI %s: %s', (env, uri, row) => {
    const request = { REQUEST_URI: '/mnt/x%20y?q=1', QUERY_STRING: 'q=1', DOCUMENT_URI: uri }
    expect(read({ SERVER_SOFTWARE: 'nginx/1.22.1', ...request, ...env } as never).row).toBe(row)
    expect(read({ SCGI: '1', ...request, ...env } as never).row).toBe(row)
    if (row !== 'as-sent') return
    expect(read({ SERVER_SOFTWARE: 'Caddy', ...request, ...env } as never).row).not.toBe(row)
  })
})

describe('Apache', () => {
  const redirected = (redirects: number, status: string) => {
    const env: Record<string, string> = { REDIRECT_URL: '/deep/e/x', REDIRECT_STATUS: status }
    for (let n = 2; n <= redirects; n++) env[`${'REDIRECT_'.repeat(n)}STATUS`] = status
    env[`${'REDIRECT_'.repeat(redirects)}REQUEST_METHOD`] = 'GET'
    return {
      SERVER_SOFTWARE: 'Apache/2.4',
      REQUEST_URI: '/outer?a=1',
      SCRIPT_NAME: '/deep/index.cgi',
      ...env,
    }
  }

  test.each([2, 3, 4, 6, 10])('rewrites after a local redirect or an error: %d redirects', (redirects) => {
    expect(read(redirected(redirects, '200'))).toMatchObject({ row: 'local-redirect', sees: '/deep|/e/x' })
    for (const status of ['403', '404']) {
      const found = read(redirected(redirects, status))
      expect(found).toMatchObject({ row: 'error-page-rewritten', sees: '/deep|/e/x', status: Number(status) })
    }
  })

  test('QualifyRedirectURL On', () => {
    const env = { ...redirected(2, '403'), REDIRECT_URL: 'http://h:8080/deep/e/x%20y?e=1' }
    expect(read({ ...env, QUERY_STRING: 'e=1' })).toMatchObject({
      row: 'error-page-rewritten',
      sees: '/deep|/e/x%20y?e=1',
    })
  })
})

describe('an Authorizer gets the path that will be served', () => {
  const lighttpd = { SERVER_SOFTWARE: 'lighttpd/1.4.69', REDIRECT_STATUS: '200', REQUEST_URI: '/pub/x?q=1' }
  const apache = {
    SERVER_SOFTWARE: 'Apache/2.4',
    REQUEST_URI: '/pub/x?q=1',
    QUERY_STRING: 'q=1',
    DOCUMENT_ROOT: '/www',
    CONTEXT_PREFIX: '',
    CONTEXT_DOCUMENT_ROOT: '/www',
  }

  test.each([
    [{ ...lighttpd }, '|/pub/x?q=1'],
    [{ ...lighttpd, REDIRECT_URI: '/private/x?q=1', QUERY_STRING: 'q=1' }, '|/private/x?q=1'],
    [{ ...lighttpd, REDIRECT_URI: '/private/a%20b' }, '|/private/a%20b'],
    // The same path, in lighttpd's spelling.
    [{ ...lighttpd, REQUEST_URI: '/%70ub//x', REDIRECT_URI: '/pub/x' }, '|/%70ub//x'],
    [{ ...lighttpd, REDIRECT_URI: '/index.cgi' }, '|/pub/x?q=1'],
    [{ ...lighttpd, REDIRECT_STATUS: '404', REDIRECT_URI: '/private/nf' }, '|/private/nf'],
    [{ ...apache, SCRIPT_FILENAME: '/www/pub/x' }, '|/pub/x?q=1'],
    // The part that would be PATH_INFO is missing there.
    [{ ...apache, SCRIPT_FILENAME: '/www/pub' }, '|/pub/x?q=1'],
    [{ ...apache, SCRIPT_FILENAME: '/www/private/x' }, '|/private/x?q=1'],
    [{ ...apache, SCRIPT_FILENAME: '/www/pub/index.cgi' }, '|/pub/x?q=1'],
    [{ ...apache, REQUEST_URI: '/pub/', SCRIPT_FILENAME: '/www/pub/index.html' }, '|/pub/?q=1'],
    [
      { ...apache, CONTEXT_PREFIX: '/pub', CONTEXT_DOCUMENT_ROOT: '/a/', SCRIPT_FILENAME: '/a/x' },
      '|/pub/x?q=1',
    ],
    [{ ...apache, SCRIPT_FILENAME: '/wwwelse/private/x' }, '|/pub/x?q=1'],
    [{ ...apache, SCRIPT_FILENAME: 'proxy:http://h/x' }, '|/pub/x?q=1'],
    [{ ...apache, SERVER_PROTOCOL: 'INCLUDED', SCRIPT_FILENAME: '/www/private/x' }, '|/private/x?q=1'],
  ])('%j', (env, sees) => {
    expect(read(env as never, { isAuthorizer: true })).toMatchObject({ sees, refused: 0, status: 0 })
  })

  test('a request that was denied already, while no variable shows which path', () => {
    const env = { REQUEST_URI: '/admin', REDIRECT_STATUS: '403' }
    expect(read(env, { isAuthorizer: true })).toMatchObject({ row: 'denied', refused: 403 })
  })
})
