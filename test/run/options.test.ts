/**
 * Options of `run()`: wrong ones in a CGI script, and those of the command line combined with those of the
 * app.
 */
import { describe, expect, it, test } from 'vitest'
import { overridden } from '../../src/run/launch-state.js'
import type { RunOptions } from '../../src/run/options.js'
import { node, program } from './programs.js'

const env = {
  GATEWAY_INTERFACE: 'CGI/1.1',
  REQUEST_METHOD: 'GET',
  SCRIPT_NAME: '/a',
  SERVER_NAME: 'h',
  SERVER_PORT: '80',
}

describe('in a CGI script', () => {
  it.each([
    ['8080', 'The second argument of run() must be an object of options, such as { port: 3000 }, not 8080.'],
    ['{ mount: 5 }', 'The option mount must be a string, not 5.'],
    ["{ development: 'false' }", 'The option development must be true or false, not "false".'],
    ['{ onError: 5 }', 'The option onError must be a function, not 5.'],
    ['{ url: 0 }', "The option url must be 'relative' or 'full', not 0."],
    ['{ limits: null }', 'The option limits must be an object of limits, not null.'],
    ['{ cgi: false }', 'The option cgi must be an object of limits, not false.'],
    ["{ cgi: { maxBodyBytes: '1m' } }", 'not "1m". Write 1048576.'],
    ['{ limit: {} }', 'run() has no option "limit".'],
    ['{ server: 5 }', 'the option "server" names the unknown server 5;'],
  ])('%s: a 500 page, and the reason in the log', async (options, message) => {
    const app = "import { run } from 'cgiup'\nrun({ fetch: () => new Response('served') }, OPTIONS)"
    const file = program('options.mjs', app.replace('OPTIONS', options))
    const { stdout, stderr } = await node(file, env)
    expect(stdout).toMatch(/^Status: 500 /)
    expect(stdout).not.toContain('served')
    expect(stderr).toContain(message)
    expect(stderr).not.toContain('The error page failed')
  })
})

test('options of the command line take precedence; recycle limits and repairs are combined', () => {
  const own: RunOptions = {
    mount: '/own',
    quiet: true,
    recycle: { maxMemory: 1 << 28, maxRequests: 5 },
    repairs: { 'h2o-protocol': false },
  }
  const flags: RunOptions = {
    mount: '/flag',
    recycle: { maxRequests: 9 },
    repairs: { 'nginx-host-port': false },
  }
  expect(overridden(own, flags)).toEqual({
    mount: '/flag',
    quiet: true,
    recycle: { maxMemory: 1 << 28, maxRequests: 9 },
    repairs: { 'h2o-protocol': false, 'nginx-host-port': false },
  })
  expect(overridden(own, undefined)).toEqual(own)
  expect(overridden(null, undefined)).toEqual({})
})
