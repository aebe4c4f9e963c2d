import { describe, expect, test } from 'vitest'
import { Environment } from '../../src/env/environment.js'
import { translate } from '../../src/env/request.js'

interface Case {
  readonly how: string
  readonly uri: string
  readonly script?: string
  readonly info?: string
  readonly more?: Readonly<Record<string, string>>
  readonly mount: string
}

function read(row: Case, mount?: string) {
  const env: Record<string, string> = { REQUEST_METHOD: 'GET', REQUEST_URI: row.uri, ...row.more }
  if (row.script !== undefined) env.SCRIPT_NAME = row.script
  if (row.info !== undefined) env.PATH_INFO = row.info
  return translate(Environment.fromObject(env), mount === undefined ? undefined : { mount })
}

const nginx = { DOCUMENT_URI: '/x', SERVER_SOFTWARE: 'nginx/1.22.1' }
const haproxy = { SERVER_SOFTWARE: 'HAProxy 2.6.12' }
const h2o = { SERVER_SOFTWARE: 'h2o/2.2.5' }
const proxy = (rest: string) => ({
  SCRIPT_FILENAME: `proxy:fcgi://127.0.0.1:9000${rest}`,
  DOCUMENT_ROOT: '/srv/www',
})
const generic = (filename: string) => ({
  SCRIPT_FILENAME: filename,
  DOCUMENT_ROOT: '/srv/www',
  SERVER_SOFTWARE: 'Apache/2.4.71',
})

const mounted: Case[] = [
  {
    how: 'script and path',
    uri: '/cgi-bin/a.cgi/x/y',
    script: '/cgi-bin/a.cgi',
    info: '/x/y',
    mount: '/cgi-bin/a.cgi',
  },
  { how: 'script alone, as Apache and lighttpd send it', uri: '/a.cgi', script: '/a.cgi', mount: '/a.cgi' },
  {
    how: 'script alone, as Go and nginx send it',
    uri: '/a.cgi?x',
    script: '/a.cgi',
    info: '',
    mount: '/a.cgi',
  },
  { how: 'only a slash behind it', uri: '/a.cgi/', script: '/a.cgi', info: '/', mount: '/a.cgi' },
  { how: 'at the root', uri: '/x', script: '', info: '/x', mount: '' },
  { how: 'at the root, nothing sent', uri: '/x', mount: '' },
  { how: 'absolute-form', uri: 'http://h/app/x', script: '/app', info: '/x', mount: '/app' },
  { how: 'a doubled slash before it', uri: '//app/y', script: '/app', info: '/y', mount: '//app' },
  { how: 'a doubled slash behind it', uri: '/app//y', script: '/app', info: '/y', mount: '/app' },
  { how: 'slashes kept (Go, Caddy)', uri: '/app//y', script: '/app', info: '//y', mount: '/app' },
  { how: 'an escape in it', uri: '/%61pp/y', script: '/app', info: '/y', mount: '/%61pp' },
  { how: 'dot segments before it', uri: '/x/../app/y', script: '/app', info: '/y', mount: '/x/../app' },
  {
    how: 'encoded dot segments before it',
    uri: '/x/%2e%2E/app/y',
    script: '/app',
    info: '/y',
    mount: '/x/%2e%2E/app',
  },
  { how: 'dot segments behind it', uri: '/app/a/./b/../c', script: '/app', info: '/a/c', mount: '/app' },
  { how: 'a dot segment at the end', uri: '/app/a/.', script: '/app', info: '/a/', mount: '/app' },
  { how: 'in and out and in again', uri: '/app/../app/y', script: '/app', info: '/y', mount: '/app/../app' },
  { how: 'an encoded slash, decoded', uri: '/app/a%2Fb', script: '/app', info: '/a/b', mount: '/app' },
  {
    how: 'an encoded slash, kept (NoDecode)',
    uri: '/app/a%2Fb%20c',
    script: '/app',
    info: '/a%2Fb c',
    mount: '/app',
  },
  { how: 'PATH_INFO not decoded', uri: '/app/a%20b', script: '/app', info: '/a%20b', mount: '/app' },
  { how: 'Latin-1', uri: '/caf%E9/x', script: '/caf\xe9', info: '/x', mount: '/caf%E9' },
  { how: 'raw UTF-8', uri: '/café/x', script: '/café', info: '/x', mount: '/caf\xc3\xa9' },
  {
    how: 'a fragment, cut off (nginx, lighttpd)',
    uri: '/app/a#b',
    script: '/app',
    info: '/a',
    mount: '/app',
  },
  { how: 'a fragment, kept (h2o)', uri: '/app/a#b', script: '/app', info: '/a#b', mount: '/app' },
  { how: 'an invalid escape', uri: '/app/%zz%4', script: '/app', info: '/%zz%4', mount: '/app' },
  { how: 'Go, Root "/"', uri: '/x/y', script: '/', info: '/x/y', mount: '' },
  { how: 'Go, Root "/dir/"', uri: '/dir/x', script: '/dir/', info: 'x', mount: '/dir' },
  {
    how: 'lighttpd prefix "/app/"',
    uri: '/app/first/x',
    script: '/app/first',
    info: '/x',
    mount: '/app/first',
  },
]

const rewritten: Case[] = [
  { how: '.htaccess `^(.*)$ app.cgi/$1`', uri: '/a/b', script: '/app.cgi', info: '/a/b', mount: '' },
  { how: 'the same in a folder', uri: '/blog/a', script: '/blog/app.cgi', info: '/a', mount: '/blog' },
  {
    how: 'the same, path to resolve',
    uri: '//blog/x/../a',
    script: '/blog/app.cgi',
    info: '/a',
    mount: '//blog',
  },
  { how: '.htaccess `^ app.cgi`', uri: '/a/b', script: '/app.cgi', mount: '' },
  { how: 'the same in a folder', uri: '/blog/a/b', script: '/blog/app.cgi', mount: '/blog' },
  { how: 'the same, script in another folder', uri: '/blog/a', script: '/cgi-bin/app.cgi', mount: '' },
  { how: 'DirectoryIndex', uri: '/blog/', script: '/blog/app.cgi', mount: '/blog' },
  { how: 'Action … virtual', uri: '/page/x', script: '/cgi-bin/handler', info: '/page/x', mount: '' },
  { how: 'a rewrite of a prefix', uri: '/app/x/y', script: '/cgi-bin/app.cgi', info: '/x/y', mount: '/app' },
  { how: 'Caddy handle_path', uri: '/app/x', script: '', info: '/x', mount: '/app' },
  { how: 'Caddy php_fastcgi', uri: '/a/b', script: '/index.php', info: '', mount: '' },
  { how: 'h2o: the whole path in PATH_INFO', uri: '/app/x', script: '', info: '/app/x', mount: '' },
  { how: 'another path altogether', uri: '/old', script: '/app.cgi', info: '/new', mount: '' },
]

/** h2o sends the whole path as PATH_INFO, and SCRIPT_NAME as set by `setenv`. */
const told: Case[] = [
  { how: 'the mount path itself', uri: '/app', script: '/app', info: '/app', more: h2o, mount: '/app' },
  { how: 'a slash', uri: '/app/', script: '/app', info: '/app/', more: h2o, mount: '/app' },
  { how: 'its name again', uri: '/app/app/x', script: '/app', info: '/app/app/x', more: h2o, mount: '/app' },
  { how: 'with a slash', uri: '/app/x', script: '/app/', info: '/app/x', more: h2o, mount: '/app' },
  { how: 'a deeper one', uri: '/a/b/c', script: '/a/b', info: '/a/b/c', more: h2o, mount: '/a/b' },
  { how: 'an escape', uri: '/%61pp/a%2fb', script: '/app', info: '/app/a/b', more: h2o, mount: '/%61pp' },
  { how: 'to resolve', uri: '/y/../app/z', script: '/app', info: '/app/z', more: h2o, mount: '/y/../app' },
  {
    how: 'escapes kept',
    uri: '/app/%zz/%41',
    script: '/app',
    info: '/app/%zz/%41',
    more: h2o,
    mount: '/app',
  },
  { how: 'redirected inside h2o', uri: '/b/q', script: '/app', info: '/app/q', more: h2o, mount: '' },
  { how: 'a longer name', uri: '/application', script: '/app', info: '/application', more: h2o, mount: '' },
  {
    how: 'a file that h2o has found',
    uri: '/a.cgi/b',
    script: '/a.cgi',
    info: '/b',
    more: { ...h2o, SCRIPT_FILENAME: '/srv/www/a.cgi' },
    mount: '/a.cgi',
  },
  {
    how: 'another server: a front controller',
    uri: '/app/x',
    script: '/app',
    info: '/app/x',
    more: nginx,
    mount: '',
  },
]

const unsplit: Case[] = [
  { how: 'nginx fastcgi_params', uri: '/a/b', script: '/a/b', more: nginx, mount: '' },
  { how: 'nginx, path to resolve', uri: '//a/./b', script: '/a/b', more: nginx, mount: '' },
  { how: 'nginx try_files', uri: '/a/b', script: '/app.fcgi', more: nginx, mount: '' },
  { how: 'HAProxy', uri: '/a/b%20c', script: '/a/b c', more: haproxy, mount: '' },
  { how: 'HAProxy with an index', uri: '/a/', script: '/a/app.fcgi', more: haproxy, mount: '' },
  { how: 'HAProxy with path-info', uri: '/a/b', script: '/a', info: '/b', more: haproxy, mount: '/a' },
  {
    how: 'HAProxy and fcgiwrap: a script',
    uri: '/a.cgi',
    script: '/a.cgi',
    more: { ...haproxy, FCGI_ROLE: 'RESPONDER' },
    mount: '/a.cgi',
  },
  {
    how: 'nginx and fcgiwrap: a script',
    uri: '/a.cgi',
    script: '/a.cgi',
    more: { ...nginx, FCGI_ROLE: 'RESPONDER' },
    mount: '/a.cgi',
  },
  {
    how: 'ProxyPass "/app" "fcgi://h:9000/"',
    uri: '/app/x',
    script: '/app/x',
    more: proxy('//x'),
    mount: '/app',
  },
  {
    how: 'ProxyPass, encoded again',
    uri: '/app/a b',
    script: '/app/a b',
    more: proxy('//a%20b'),
    mount: '/app',
  },
  { how: 'ProxyPass, the mount path itself', uri: '/app', script: '/app', more: proxy('/'), mount: '/app' },
  { how: 'ProxyPass, and a slash', uri: '/app/', script: '/app/', more: proxy('//'), mount: '/app' },
  {
    how: 'ProxyPass, path to resolve',
    uri: '//app/./x',
    script: '/app/x',
    more: proxy('//x'),
    mount: '//app',
  },
  { how: 'ProxyPass "/"', uri: '/a/b', script: '/a/b', more: proxy('/a/b'), mount: '' },
  { how: 'ProxyPass "/", the root', uri: '/', script: '/', more: proxy('/'), mount: '' },
  {
    how: 'ProxyPass nocanon with a query',
    uri: '/app/x?q',
    script: '/app/x',
    more: proxy('//x?q'),
    mount: '/app',
  },
  { how: 'ProxyPass, nothing told', uri: '/app/x', script: '/app/x', more: proxy(''), mount: '' },
  {
    how: 'ProxyPass over a Unix socket',
    uri: '/app/x',
    script: '/app/x',
    more: { SCRIPT_FILENAME: 'proxy:unix:/run/a.sock|fcgi://localhost/x' },
    mount: '/app',
  },
  {
    how: 'SetHandler on a file',
    uri: '/app.fcgi',
    script: '/app.fcgi',
    more: proxy('/srv/www/app.fcgi'),
    mount: '/app.fcgi',
  },
  {
    how: 'SetHandler on a file elsewhere',
    uri: '/app',
    script: '/app',
    more: { ...proxy('/usr/lib/app/app'), CONTEXT_PREFIX: '/app' },
    mount: '/app',
  },
  {
    how: 'ProxyPass to a script',
    uri: '/app/x/y%20z',
    script: '/app/x/y z',
    more: proxy('/srv/app.fcgi/x/y%20z'),
    mount: '/app',
  },
  {
    how: 'ProxyPass to a script, the mount path itself',
    uri: '/app',
    script: '/app',
    more: proxy('/srv/app.fcgi'),
    mount: '/app',
  },
  {
    how: 'ProxyPass "/" to a script',
    uri: '/x/y',
    script: '/x/y',
    more: proxy('/srv/app.fcgi/x/y'),
    mount: '',
  },
  {
    how: 'ProxyPass to a script, proxy-fcgi-pathinfo=unescape',
    uri: '/app/x',
    script: '/app',
    info: '/srv/app.fcgi/x',
    more: proxy('/srv/app.fcgi/x'),
    mount: '/app',
  },
  { how: 'GENERIC', uri: '/app/x', script: '/app/x', more: generic('/x'), mount: '/app' },
  { how: 'GENERIC, the mount path itself', uri: '/app', script: '/app', more: generic('/'), mount: '/app' },
  { how: 'GENERIC at the root', uri: '/x', script: '/x', more: generic('/x'), mount: '' },
  {
    how: 'a CGI script behind a ScriptAlias is not GENERIC',
    uri: '/a.cgi',
    script: '/a.cgi',
    more: { ...generic('/a.cgi'), CONTEXT_PREFIX: '/a.cgi' },
    mount: '/a.cgi',
  },
  {
    how: 'nor is one that lies elsewhere',
    uri: '/cgi-bin/a.cgi',
    script: '/cgi-bin/a.cgi',
    more: generic('/usr/lib/cgi-bin/a.cgi'),
    mount: '/cgi-bin/a.cgi',
  },
]

describe.each([
  ['SCRIPT_NAME is the mount path', mounted],
  ['SCRIPT_NAME is the file of a front controller', rewritten],
  ['SCRIPT_NAME is the whole path', unsplit],
  ['SCRIPT_NAME is what h2o is configured to send', told],
])('%s', (_, rows) => {
  test.each(rows)('$how: $uri', (row) => {
    const request = read(row)
    expect(request.mount).toBe(row.mount)
    expect(request.mount + request.rest).toBe(request.path)
  })
})

describe('where it cannot be known', () => {
  test('a boundary inside an escape is not a boundary', () => {
    const request = read({ how: '', uri: '/app%2Fx', script: '/app', info: '/x', mount: '' })
    expect([request.mount, request.rest]).toEqual(['', '/app%2Fx'])
  })

  test('a fragment directly after the mount path', () => {
    const request = read({ how: '', uri: '/app#x', script: '/app', mount: '' })
    expect([request.mount, request.rest]).toEqual(['', '/app#x'])
  })

  test('lighttpd at "/" without fix-root-scriptname: the first segment looks like a script', () => {
    const row = { how: '', uri: '/a/b', script: '/a', info: '/b', mount: '' }
    expect(read(row).mount).toBe('/a')
    expect(read(row, '').mount).toBe('')
  })

  test('asterisk and authority have no mount path', () => {
    expect(read({ how: '', uri: '*', script: '', info: '/*', mount: '' })).toMatchObject({
      mount: '',
      rest: '*',
    })
    const connect = read({
      how: '',
      uri: 'h:443',
      script: '/app',
      more: { REQUEST_METHOD: 'CONNECT' },
      mount: '',
    })
    expect(connect).toMatchObject({ mount: '', rest: 'h:443', form: 'authority' })
  })
})

describe('the mount option', () => {
  test.each([
    ['/app/x', '/app', '/app'],
    ['/app/x', '/app/', '/app'],
    ['/app', '/app', '/app'],
    ['/application', '/app', ''],
    ['//app/x', '/app', '//app'],
    ['/%61pp/x', '/app', '/%61pp'],
    ['/caf%C3%A9/x', '/café', '/caf%C3%A9'],
    ['/caf%C3%A9/x', '/caf%C3%A9', '/caf%C3%A9'],
    ['/a/b/c', '/a/b', '/a/b'],
    ['/elsewhere', '/app', ''],
    ['/app/../app/x', '/app', '/app/../app'],
    ['/app/../x', '/app', ''],
    ['/app/%2e%2e/x', '/app', ''],
    ['/x', '', ''],
    ['/x', '/', ''],
  ])('%s below %j is %j', (uri, mount, found) => {
    const request = read({ how: '', uri, script: '/other', info: '/thing', mount: '' }, mount)
    expect([request.mount, request.rest]).toEqual([found, request.path.slice(found.length)])
  })
})
