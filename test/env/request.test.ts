import { describe, expect, test } from 'vitest'
import { Environment } from '../../src/env/environment.js'
import { type TranslateOptions, translate } from '../../src/env/request.js'

type Variables = Readonly<Record<string, string>>

const read = (variables: Variables, options?: TranslateOptions) =>
  translate(Environment.fromObject({ REQUEST_METHOD: 'GET', ...variables }), options)

describe('the target (RFC 9112 section 3.2)', () => {
  test.each([
    ['/a/b?x=1', 'origin', '/a/b', 'x=1'],
    ['/', 'origin', '/', null],
    ['/?', 'origin', '/', ''],
    ['/a??b', 'origin', '/a', '?b'],
    ['/a?x=http://h/', 'origin', '/a', 'x=http://h/'],
    ['//h/x', 'origin', '//h/x', null],
    ['http://h/a?x', 'absolute', '/a', 'x'],
    ['http://h', 'absolute', '/', null],
    ['http://h?x', 'absolute', '/', 'x'],
    ['http://h:81/', 'absolute', '/', null],
    ['coap+tcp://h/x', 'absolute', '/x', null],
    ['*', 'asterisk', '*', null],
    ['x/y?z', 'origin', '/x/y', 'z'],
    ['?z', 'origin', '/', 'z'],
    ['://h/', 'origin', '/://h/', null],
    ['a b://h/', 'origin', '/a b://h/', null],
  ])('%s', (target, form, path, query) => {
    expect(read({ REQUEST_URI: target })).toMatchObject({ target, form, path, query })
  })

  test('of CONNECT it is an authority', () => {
    const request = read({ REQUEST_METHOD: 'CONNECT', REQUEST_URI: 'h:443', HTTP_HOST: 'other' })
    expect(request).toMatchObject({ form: 'authority', path: 'h:443', query: null, authority: 'h:443' })
    expect(request.url).toBe('http://h:443')
  })

  test('the query is that of REQUEST_URI, not QUERY_STRING', () => {
    expect(read({ REQUEST_URI: '/a?x=%3d', QUERY_STRING: 'x==' }).query).toBe('x=%3d')
    expect(read({ REQUEST_URI: '/a', QUERY_STRING: 'x' }).query).toBeNull()
  })

  test.each([
    [{ SCRIPT_NAME: '/app.cgi', PATH_INFO: '/x y', QUERY_STRING: 'a=b c' }, '/app.cgi/x%20y?a=b%20c'],
    [{ SCRIPT_NAME: '/app.cgi', PATH_INFO: '', QUERY_STRING: '' }, '/app.cgi'],
    [{ SCRIPT_NAME: '', PATH_INFO: '/' }, '/'],
    [{ SCRIPT_NAME: '/', PATH_INFO: '/x' }, '/x'],
    [{ SCRIPT_NAME: '/dir/', PATH_INFO: 'x' }, '/dir/x'],
    [{ PATH_INFO: '/100%?#[]' }, '/100%25%3F%23%5B%5D'],
    [{ PATH_INFO: '/café' }, '/caf%C3%A9'],
    [{ PATH_INFO: 'x' }, '/x'],
    [{ DOCUMENT_URI: '/only' }, '/only'],
    [{}, '/'],
    [{ REQUEST_URI: '', PATH_INFO: '/x' }, '/x'],
  ])('without REQUEST_URI it is rebuilt: %j', (variables: Variables, target) => {
    expect(read(variables).target).toBe(target)
  })
})

describe('url', () => {
  test.each([
    ['/a/../b//c/%7e?x=%3d', 'http://h/a/../b//c/%7e?x=%3d'],
    ['/caf\xc3\xa9?q=\xe9', 'http://h/caf%C3%A9?q=%E9'],
    ['/a#b', 'http://h/a%23b'],
    ['/a\\b<c>"^`{|}', 'http://h/a%5Cb%3Cc%3E%22%5E%60%7B%7C%7D'],
    ['/%zz', 'http://h/%zz'],
    ['/a?', 'http://h/a?'],
    ['*', 'http://h'],
    ['http://other:81/x', 'http://other:81/x'],
    ['http://user:pw@other/x@y', 'http://other/x@y'],
  ])('of %s', (target, url) => {
    const env = new Environment(['REQUEST_METHOD', 'GET', 'REQUEST_URI', target, 'HTTP_HOST', 'h'])
    expect(translate(env).url).toBe(url)
  })
})

describe('authority', () => {
  const server = { SERVER_NAME: 'server.test', SERVER_PORT: '8080' }
  test.each([
    ['example.test', 'example.test'],
    ['Example.TEST:8080', 'Example.TEST:8080'],
    ['[::1]:8080', '[::1]:8080'],
    ['[::ffff:127.0.0.1]', '[::ffff:127.0.0.1]'],
    ['[2001:db8::8:800:200c:417a]', '[2001:db8::8:800:200c:417a]'],
    ['127.0.0.1:80', '127.0.0.1:80'],
    ['my_host.test', 'my_host.test'],
    ['h.', 'h.'],
    ['h:', 'h:'],
  ])('is Host %s', (host, authority) => {
    const request = read({ HTTP_HOST: host, ...server, REQUEST_URI: '/x' })
    expect(request.authority).toBe(authority)
    expect(() => new URL(request.url)).not.toThrow()
  })

  test.each([
    '',
    'a b',
    'a/b',
    'user@h',
    'h:80a',
    'h:65536',
    'h:1:2',
    '::1',
    '[::1',
    '[::1]x',
    '[1:2:3]',
    '[1::2::3]',
    '[::g]',
    '[]',
    '%41',
    'h#',
    '1.2.3.256',
    '1.2.3',
    'a.0x1',
    '.',
    ':80',
    'h, h',
    'caf\xe9',
  ])('is the name of the server where Host is %j', (host) => {
    const request = read({ HTTP_HOST: host, ...server, REQUEST_URI: '/x' })
    expect(request.authority).toBe('server.test:8080')
    expect(request.header('host')).toBe(Environment.fromObject({ HTTP_HOST: host }).get('HTTP_HOST'))
  })

  test.each([
    [{ SERVER_NAME: 's', SERVER_PORT: '80' }, 's'],
    [{ SERVER_NAME: 's', SERVER_PORT: '443', HTTPS: 'on' }, 's'],
    [{ SERVER_NAME: 's', SERVER_PORT: '443' }, 's:443'],
    [{ SERVER_NAME: 's', SERVER_PORT: 'x' }, 's'],
    [{ SERVER_NAME: 's', SERVER_PORT: '99999' }, 's'],
    [{ SERVER_NAME: 's:81', SERVER_PORT: '81' }, 's:81'],
    [{ SERVER_NAME: '::1', SERVER_PORT: '8080' }, '[::1]:8080'],
    [{ SERVER_NAME: '[::1]', SERVER_PORT: '8080' }, '[::1]:8080'],
    [{ SERVER_NAME: '', SERVER_ADDR: '10.0.0.1', SERVER_PORT: '8080' }, '10.0.0.1:8080'],
    [{ SERVER_NAME: '', SERVER_ADDR: '[::1]' }, '[::1]'],
    [{ SERVER_NAME: '~^(www)?(.+)$' }, 'localhost'],
    [{ SERVER_NAME: '', SERVER_ADDR: '', SERVER_PORT: '' }, 'localhost'],
    [{}, 'localhost'],
  ])('without Host is made from %j', (variables: Variables, authority) => {
    const request = read(variables)
    expect(request.authority).toBe(authority)
    expect(() => new URL(request.url)).not.toThrow()
  })

  test('is that of an absolute-form target before everything else (RFC 9112 section 3.2.2)', () => {
    expect(read({ REQUEST_URI: 'http://a:1/x', HTTP_HOST: 'b', ...server }).authority).toBe('a:1')
    expect(read({ REQUEST_URI: 'http://a b/x', HTTP_HOST: 'b', ...server }).authority).toBe('b')
  })
})

describe('the port that nginx takes from Host', () => {
  const nginx = (software: string, port: string, before = 'REDIRECT_STATUS', host = 'example.test') =>
    translate(
      new Environment([
        'SERVER_SOFTWARE',
        software,
        'SERVER_PORT',
        port,
        before,
        '200',
        'HTTP_HOST',
        host,
        'HTTP_ACCEPT',
        '*',
      ]),
    ).authority

  test.each([
    ['nginx/1.22.1', '8080', 'example.test:8080'],
    ['nginx/1.26.3', '8443', 'example.test:8443'],
    ['nginx/1.22.1', '80', 'example.test'],
    ['nginx/1.22.1', '443', 'example.test'],
    ['nginx/1.22.1', 'x', 'example.test'],
    ['nginx/1.30.0', '8080', 'example.test'],
    ['nginx/2.0.0', '8080', 'example.test'],
    ['Apache/2.4.71', '8080', 'example.test'],
  ])('%s on port %s', (software, port, authority) => {
    expect(nginx(software, port)).toBe(authority)
  })

  test('is added only where the stock file has its line', () => {
    expect(nginx('nginx/1.22.1', '8080', 'SERVER_NAME')).toBe('example.test:8080')
    expect(nginx('nginx/1.22.1', '8080', 'SCRIPT_FILENAME')).toBe('example.test')
    expect(nginx('nginx/1.22.1', '8080', 'HTTP_ACCEPT')).toBe('example.test')
  })

  test('is not added to a host that has one', () => {
    expect(nginx('nginx/1.22.1', '8080', 'REDIRECT_STATUS', 'h:81')).toBe('h:81')
    expect(nginx('nginx/1.22.1', '8080', 'REDIRECT_STATUS', '[::1]')).toBe('[::1]:8080')
  })
})

describe('scheme', () => {
  test.each([
    [{ HTTPS: 'on' }, 'https'],
    [{ HTTPS: 'ON' }, 'https'],
    [{ HTTPS: '1' }, 'https'],
    [{ HTTPS: 'https' }, 'https'],
    [{ HTTPS: 'true' }, 'https'],
    [{ HTTPS: 'off' }, 'http'],
    [{ HTTPS: '0' }, 'http'],
    [{ HTTPS: '' }, 'http'],
    [{ HTTPS: 'off', REQUEST_SCHEME: 'https' }, 'http'],
    [{ HTTPS: '', REQUEST_SCHEME: 'https' }, 'https'],
    [{ REQUEST_SCHEME: 'https' }, 'https'],
    [{ REQUEST_SCHEME: 'http' }, 'http'],
    [{ REDIRECT_HTTPS: 'on' }, 'https'],
    [{ HTTP_X_FORWARDED_PROTO: 'https', SERVER_PORT: '443' }, 'http'],
    [{}, 'http'],
  ])('of %j', (variables: Variables, scheme) => {
    expect(read(variables).scheme).toBe(scheme)
  })
})

describe('type, addresses, protocol, user, file', () => {
  test.each([
    [{ CONTENT_TYPE: 'text/plain' }, 'text/plain'],
    [{ CONTENT_TYPE: '' }, undefined],
    [{ HTTP_CONTENT_TYPE: 'evil/x' }, undefined],
    [{ CONTENT_TYPE: 'a/b', HTTP_CONTENT_TYPE: 'evil/x' }, 'a/b'],
  ])('Content-Type of %j', (variables: Variables, type) => {
    expect(read(variables).contentType).toBe(type)
    expect(read(variables).header('content-type')).toBe(type)
  })

  test('addresses', () => {
    const request = read({
      REMOTE_ADDR: '::1',
      REMOTE_PORT: '4711',
      SERVER_ADDR: '[::1]',
      SERVER_PORT: '80',
      SERVER_NAME: '[::1]:80',
    })
    expect(request).toMatchObject({
      remoteAddress: '::1',
      remotePort: 4711,
      serverAddress: '::1',
      serverPort: 80,
      serverName: '[::1]',
    })
  })

  test.each(['', 'x', '-1', '65536', '1e3'])('a port %j is not a port', (port) => {
    expect(read({ REMOTE_PORT: port, SERVER_PORT: port })).toMatchObject({
      remotePort: undefined,
      serverPort: undefined,
    })
  })

  test('nothing is undefined, not empty', () => {
    const request = read({ REMOTE_ADDR: '', SERVER_NAME: '', REMOTE_USER: '', SCRIPT_FILENAME: '' })
    const nothing = { remoteAddress: undefined, serverAddress: undefined, serverName: undefined }
    expect(request).toMatchObject({ ...nothing, user: undefined, scriptFilename: undefined })
  })

  test.each([
    ['HTTP/1.1', 'HTTP/1.1'],
    ['HTTP/2', 'HTTP/2.0'],
    ['HTTP/2.0', 'HTTP/2.0'],
    ['', 'HTTP/0.9'],
    ['INCLUDED', 'INCLUDED'],
  ])('protocol %j is %s', (sent, protocol) => {
    expect(read({ SERVER_PROTOCOL: sent }).protocol).toBe(protocol)
  })

  test.each([
    [{ REMOTE_USER: 'ann' }, 'ann'],
    [{ REDIRECT_REMOTE_USER: 'ann' }, 'ann'],
    [{ REMOTE_USER: 'ann', SERVER_SOFTWARE: 'Apache/2.4' }, 'ann'],
    [{ REMOTE_USER: 'ann', SERVER_SOFTWARE: 'nginx/1.22.1' }, undefined],
    [{ REMOTE_USER: 'ann', SERVER_SOFTWARE: 'nginx/1.22.1', AUTH_TYPE: 'Basic' }, 'ann'],
    [{ REMOTE_USER: 'ann', SERVER_SOFTWARE: 'HAProxy 2.6.12', AUTH_TYPE: 'Basic' }, undefined],
    [{ REMOTE_USER: 'ann', SERVER_SOFTWARE: 'SimpleHTTP/0.6 Python/3.11', AUTH_TYPE: 'Basic' }, undefined],
  ])('user of %j', (variables: Variables, user) => {
    expect(read(variables).user).toBe(user)
  })

  test.each([
    ['/srv/a.cgi', '/srv/a.cgi'],
    ['proxy:fcgi://localhost/srv/a.cgi', '/srv/a.cgi'],
    ['proxy:fcgi://127.0.0.1:9000/srv/a.cgi?x', '/srv/a.cgi'],
    ['proxy:unix:/run/a.sock|fcgi://localhost/srv/a.cgi', '/srv/a.cgi'],
    ['proxy:fcgi://127.0.0.1:9000', undefined],
    ['proxy:', undefined],
  ])('SCRIPT_FILENAME %s', (sent, filename) => {
    expect(read({ SCRIPT_FILENAME: sent }).scriptFilename).toBe(filename)
  })
})
