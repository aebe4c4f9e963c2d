import { expect } from 'vitest'
import type { Case, Expectation, Style } from './case.js'

/** The target as both styles see it: parsed and serialized in a Request, raw in `req.url`. */
function sees(fetch: string, node: unknown, mount = ''): (style: Style) => Expectation {
  return (style) => ({ json: { url: style === 'fetch' ? fetch : node, mount } })
}

/** cgiup's own gateways, without a web server in front. */
const unresolved = Object.fromEntries(
  ['cgi', 'fastcgi', 'fastcgi, multiplexed', 'scgi', 'http', 'memory', 'cgi output in memory'].map((name) => [
    name,
    'no server has resolved them: 400',
  ]),
)

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map(
  (method): Case => ({
    name: `method ${method}`,
    clause: 'RFC 3875 4.1.12',
    app: 'see',
    request: { method },
    expect: { json: { method } },
  }),
)

export const targetCases: readonly Case[] = [
  ...methods,
  {
    name: 'an unknown method reaches the app',
    clause: 'RFC 3875 4.3.4',
    app: 'see',
    request: { method: 'PROPFIND' },
    expect: { json: { method: 'PROPFIND' } },
  },
  {
    name: 'the root',
    clause: 'RFC 3875 3.3',
    app: 'see',
    expect: sees('/', '/'),
  },
  {
    name: 'path and query as sent',
    clause: 'RFC 3875 4.1.7',
    app: 'see',
    request: { target: '/a/b.c;d=e?x=1&y=%20z&x=2' },
    expect: sees('/a/b.c;d=e?x=1&y=%20z&x=2', '/a/b.c;d=e?x=1&y=%20z&x=2'),
  },
  {
    name: 'a slash at the end stays',
    clause: 'RFC 3875 4.1.5',
    app: 'see',
    request: { target: '/a/' },
    expect: sees('/a/', '/a/'),
  },
  {
    name: 'repeated slashes stay',
    clause: 'QUIRKS: servers collapse them in PATH_INFO',
    app: 'see',
    request: { target: '/a//b///c' },
    expect: sees('/a//b///c', '/a//b///c'),
  },
  {
    name: 'two slashes at the beginning are not an authority',
    clause: 'RFC 9112 3.2.1',
    app: 'see',
    request: { target: '//evil.example/a' },
    // A Node app gets one slash if the server is known to merge them.
    expect: sees('//evil.example/a', expect.stringMatching(/^\/{1,2}evil\.example\/a$/)),
  },
  {
    name: '%2F is not a slash',
    clause: 'RFC 3986 2.2',
    app: 'see',
    request: { target: '/a%2Fb/c' },
    expect: sees('/a%2Fb/c', '/a%2Fb/c'),
  },
  {
    name: 'escapes are not decoded',
    clause: 'RFC 3986 2.4',
    app: 'see',
    request: { target: '/%61%20%25%3F?%3d' },
    expect: sees('/%61%20%25%3F?%3d', '/%61%20%25%3F?%3d'),
  },
  {
    name: 'dot segments that the server has resolved',
    clause: 'RFC 3986 5.2.4; URL standard',
    app: 'see',
    request: { target: '/a/./b/../c' },
    expect: sees('/a/c', '/a/c'),
    not: unresolved,
  },
  {
    name: 'dot segments that the variables of the server show as resolved',
    clause: 'RFC 3986 5.2.4; URL standard',
    app: 'see',
    request: { target: '/a/./b/../c', env: { SCRIPT_NAME: '', PATH_INFO: '/a/c' } },
    expect: sees('/a/c', '/a/c'),
  },
  {
    name: 'mounted: dot segments before the mount path',
    clause: 'RFC 3986 5.2.4; URL standard',
    app: 'see',
    request: { target: '/x/../app/%2e/c', env: { SCRIPT_NAME: '/app', PATH_INFO: '/c' } },
    expect: sees('/c', '/c', '/app'),
  },
  {
    name: 'an error page gets its own path, not the refused one',
    clause: 'SERVERS: ErrorDocument',
    app: 'see',
    request: {
      target: '/secret?a=1',
      env: { SCRIPT_NAME: '/app', PATH_INFO: '/denied', QUERY_STRING: '', REDIRECT_STATUS: '403' },
    },
    expect: (style) => ({ ...sees('/denied', '/denied', '/app')(style), status: 403 }),
  },
  {
    name: 'UTF-8, percent-encoded',
    clause: 'RFC 3986 2.5',
    app: 'see',
    request: { target: '/gr%C3%BC%C3%9Fe/%E6%97%A5' },
    expect: sees('/gr%C3%BC%C3%9Fe/%E6%97%A5', '/gr%C3%BC%C3%9Fe/%E6%97%A5'),
  },
  {
    name: 'escapes that are not UTF-8',
    clause: 'RFC 3986 2.5',
    app: 'see',
    request: { target: '/caf%E9?%ff' },
    expect: sees('/caf%E9?%ff', '/caf%E9?%ff'),
  },
  {
    name: 'an empty query',
    clause: 'RFC 3875 4.1.7',
    app: 'see',
    request: { target: '/a?' },
    expect: sees('/a?', '/a?'),
  },
  {
    name: 'a query without "="',
    clause: 'RFC 3875 4.4',
    app: 'see',
    request: { target: '/?a+b' },
    expect: sees('/?a+b', '/?a+b'),
  },
  {
    name: 'question marks in the query',
    clause: 'RFC 3986 3.4',
    app: 'see',
    request: { target: '/?a?b=/c' },
    expect: sees('/?a?b=/c', '/?a?b=/c'),
  },
  {
    name: 'a target of 4000 characters',
    clause: 'RFC 9110 4.1',
    app: 'see',
    request: { target: `/${'x'.repeat(3999)}` },
    expect: sees(`/${'x'.repeat(3999)}`, `/${'x'.repeat(3999)}`),
  },
  {
    name: 'mounted: the app sees the path below',
    clause: 'RFC 3875 3.3',
    app: 'see',
    request: { mount: '/cgi-bin/app.cgi', target: '/cgi-bin/app.cgi/a/b?c' },
    expect: sees('/a/b?c', '/a/b?c', '/cgi-bin/app.cgi'),
  },
  {
    name: 'mounted: the mount path itself is the root',
    clause: 'RFC 3875 4.1.5',
    app: 'see',
    request: { mount: '/app', target: '/app?q' },
    expect: sees('/?q', '/?q', '/app'),
  },
  {
    name: 'mounted: repeated slashes after the mount path stay',
    clause: 'QUIRKS 2',
    app: 'see',
    request: { mount: '/app', target: '/app//a%2Fb' },
    expect: sees('//a%2Fb', expect.stringMatching(/^\/{1,2}a%2Fb$/), '/app'),
  },
  {
    name: 'Host determines the origin',
    clause: 'RFC 9110 7.2',
    app: 'see',
    request: { headers: ['Host: example.org:8080'] },
    expect: { json: { origin: 'http://example.org:8080' } },
  },
  {
    name: 'https',
    clause: 'QUIRKS: HTTPS=on',
    app: 'see',
    request: { scheme: 'https' },
    expect: { json: { origin: 'https://localhost' } },
  },
]
