/** CGIUP_REPAIRS, the option `repairs` and `--no-repair`, over CGI, FastCGI and SCGI. */
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it, test } from 'vitest'
import { UsageError } from '../../src/core/errors.js'
import { repairs } from '../../src/env/repair-table.js'
import { isRepairOn, switchOffRepairs } from '../../src/env/repairs.js'
import { namesIn, setRepairs } from '../../src/run/repairs.js'
import { cgiup } from '../cli/cgiup.js'
import { get, Peer } from '../fastcgi/peer.js'
import { all, encodeScgiHead } from '../scgi/peer.js'
import { until } from '../support/processes.js'
import { directory, node, program, serve } from './programs.js'

/** Variables that the repairs nginx-host-port and redirect-authorization change. */
const variables = {
  SERVER_SOFTWARE: 'nginx/1.22.1',
  SERVER_PROTOCOL: 'HTTP/1.1',
  REQUEST_METHOD: 'GET',
  REQUEST_URI: '/x',
  SCRIPT_NAME: '',
  PATH_INFO: '/x',
  SERVER_PORT: '8080',
  SERVER_NAME: 'h',
  HTTP_HOST: 'h',
  REDIRECT_HTTP_AUTHORIZATION: 'Basic x',
}
const list = Object.entries(variables).flat()
const repaired = 'http://h:8080/x Basic x'
const sent = 'http://h/x null'
const off = { CGIUP_REPAIRS: '-nginx-host-port, -redirect-authorization' }

const appText = (options: string) => `import { run } from 'cgiup'
run({ fetch: (r) => new Response(r.url + ' ' + r.headers.get('authorization'), { headers: { 'content-type': 'text/plain' } }) }, ${options})`

const bodyOf = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4)

/** The reply of a process that listens on a Unix socket. */
const overSocket = async (
  name: string,
  ask: (path: string) => Promise<string>,
  env: Record<string, string>,
) => {
  const path = join(directory, `${name}.sock`)
  const file = program(`${name}.mjs`, appText(`{ listen: 'unix:${path}' }`))
  // The process prints no banner, and ends with the test.
  void serve(file, { CGIUP_SERVER: name.split('-')[0] as string, ...env }).catch(() => {})
  await until(() => existsSync(path), 10_000)
  return ask(path)
}

const ways: Record<string, (env: Record<string, string>, id: string) => Promise<string>> = {
  cgi: async (env, id) => {
    const file = program(`repairs-${id}.mjs`, appText('{}'))
    return bodyOf((await node(file, { GATEWAY_INTERFACE: 'CGI/1.1', ...variables, ...env })).stdout)
  },
  fastcgi: (env, id) =>
    overSocket(
      `fastcgi-${id}`,
      async (path) => {
        const peer = new Peer(path)
        peer.send(get(1, list, false))
        return (await peer.ended(1)).body
      },
      env,
    ),
  scgi: (env, id) =>
    overSocket(
      `scgi-${id}`,
      async (path) => {
        const socket = connect(path)
        socket.end(encodeScgiHead(list, 0), 'latin1')
        return bodyOf(await all(socket))
      },
      env,
    ),
}

describe.each(Object.keys(ways))('over %s', (way) => {
  it('all repairs are on, and CGIUP_REPAIRS switches some off', async () => {
    expect(await ways[way]?.({}, 'on')).toBe(repaired)
    expect(await ways[way]?.(off, 'off')).toBe(sent)
  })
})

describe('as a CGI script', () => {
  const env = { GATEWAY_INTERFACE: 'CGI/1.1', ...variables }

  it('the option of run() switches one off', async () => {
    const { stdout } = await node(
      program('option.mjs', appText("{ repairs: { 'nginx-host-port': false } }")),
      env,
    )
    expect(bodyOf(stdout)).toBe('http://h/x Basic x')
  })

  it('a wrong name is a 500 page, and its reason is in the log', async () => {
    const { stdout, stderr } = await node(program('wrong.mjs', appText('{}')), {
      ...env,
      CGIUP_REPAIRS: '-nginx-host-prot',
    })
    expect(stdout).toMatch(/^Status: 500 /)
    expect(stdout).not.toContain('CGIUP_REPAIRS')
    expect(stderr).toContain('Did you mean "nginx-host-port"?')
  })
})

test('--no-repair, and a wrong name on the command line', async () => {
  const file = program('command.mjs', 'export default { fetch: (r) => new Response(r.url) }')
  const args = ['--no-repair', 'nginx-host-port', '--no-repair', 'h2o-protocol']
  const { out } = await cgiup([...args, file], { env: { GATEWAY_INTERFACE: 'CGI/1.1', ...variables } })
  expect(bodyOf(out)).toBe('http://h/x')
  const wrong = await cgiup([file, '--no-repair', 'httpoxy'])
  expect(wrong.err).toContain(
    'The repair "httpoxy" (the option "repairs", --no-repair) cannot be switched off',
  )
  expect(wrong.code).toBe(2)
})

describe('names', () => {
  afterEach(() => switchOffRepairs([]))

  test('are read from a list', () => {
    expect(namesIn('-h2o-protocol,-nginx-host-port')).toEqual(['h2o-protocol', 'nginx-host-port'])
    expect(namesIn(' -h2o-protocol , ,')).toEqual(['h2o-protocol'])
    expect(namesIn('-h2o-protocol -h2o-protocol\n')).toEqual(['h2o-protocol', 'h2o-protocol'])
    expect(namesIn('')).toEqual([])
  })

  test.each([
    [
      '-nothing',
      /There is no repair "nothing" \(CGIUP_REPAIRS\)\. Repairs that can be switched off: .*trailing-blanks/,
    ],
    ['nothing', /There is no repair "nothing"/],
    ['-', /There is no repair ""/],
    ['+h2o-protocol', /has "\+h2o-protocol"; "-h2o-protocol" would/],
    ['nothing', /There is no repair "nothing"/],
    ['h2o-protocol', /"-h2o-protocol" would switch that repair off/],
    ['-h2o-protocoll', /Did you mean "h2o-protocol"\?/],
    ...repairs
      .filter(({ security }) => security !== null)
      .map(({ name }) => [`-${name}`, /cannot be switched off: without it/] as [string, RegExp]),
  ])('%j is wrong', (text, message) => {
    expect(() => namesIn(text)).toThrow(UsageError)
    expect(() => namesIn(text)).toThrow(message)
  })

  test.each([
    ['-h2o-protocol'],
    [['h2o-protocol']],
    [null],
    [{ 'h2o-protocol': 'no' }],
    [{ x: false }],
    [{ httpoxy: false }],
    [new Map([['h2o-protocol', false]])],
  ])('the option %j is wrong', (option) => expect(() => setRepairs(option, undefined)).toThrow(UsageError))

  test('true leaves a repair on, a security repair as well, and undefined has no effect', () => {
    setRepairs({ httpoxy: true, 'go-server-name-port': undefined }, undefined)
    expect(isRepairOn('go-server-name-port')).toBe(true)
    setRepairs({ 'h2o-protocol': false, 'nginx-host-port': true }, undefined)
    expect([isRepairOn('h2o-protocol'), isRepairOn('nginx-host-port')]).toEqual([false, true])
    setRepairs({}, undefined)
    expect(isRepairOn('h2o-protocol')).toBe(true)
  })
})
