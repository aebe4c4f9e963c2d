/** A target that begins with several slashes: what a Node app gets depends on whether the server merged them. */
import { describe, expect, test } from 'vitest'
import { Environment } from '../../src/env/environment.js'
import { nodePath } from '../../src/env/reading.js'

const renamed = { SERVER_SOFTWARE: 'web' }

test.each<[string, Record<string, string>, string, string]>([
  ['nginx', { SERVER_SOFTWARE: 'nginx/1.22.1', SCRIPT_NAME: '/x/admin' }, '//x/admin', '/x/admin'],
  ['lighttpd with server.tag', { ...renamed, SCRIPT_NAME: '/x/admin' }, '//x/admin', '/x/admin'],
  [
    'the same below a script',
    { ...renamed, SCRIPT_NAME: '/x', PATH_INFO: '/a b' },
    '///x//a%20b',
    '/x//a%20b',
  ],
  ['nginx with another name', { ...renamed, DOCUMENT_URI: '/x/admin' }, '//x/admin', '/x/admin'],
])('merged: %s', (_, env, sent, seen) => {
  expect(nodePath(sent, Environment.fromObject(env))).toBe(seen)
})

describe('not merged', () => {
  test.each<[string, Record<string, string>]>([
    ['h2o', { SERVER_SOFTWARE: 'h2o/2.2.5', PATH_INFO: '//x/admin' }],
    ['an unknown server that reports the slashes', { ...renamed, PATH_INFO: '//x/admin' }],
    ['an unknown server with a front controller', { ...renamed, SCRIPT_NAME: '/index.php' }],
    ['an unknown server that reports no path', renamed],
    ['HAProxy', { SERVER_SOFTWARE: 'HAProxy 2.6', SCRIPT_NAME: '/x/admin' }],
  ])('%s', (_, env) => {
    expect(nodePath('//x/admin', Environment.fromObject(env))).toBe('//x/admin')
  })
})
