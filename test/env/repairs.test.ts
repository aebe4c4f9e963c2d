import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { Environment } from '../../src/env/environment.js'
import { optionalRepairs, repairs } from '../../src/env/repair-table.js'
import { type RepairName, switchOffRepairs } from '../../src/env/repairs.js'
import { firedRepairs } from '../../src/env/repairs-fired.js'
import { translate } from '../../src/env/request.js'
import { environmentOf, recordings } from './captures.js'

afterEach(() => switchOffRepairs([]))

const nginx = { SERVER_SOFTWARE: 'nginx/1.22.1' }
const haproxy = { SERVER_SOFTWARE: 'HAProxy 2.6.12' }
const caddy = { SERVER_SOFTWARE: 'Caddy/v2.6.2' }
const h2o = { SERVER_SOFTWARE: 'h2o/2.2.5' }

/** For each repair, a few variables that trigger it. */
const examples: Readonly<Record<RepairName, Readonly<Record<string, string>>>> = {
  'lighttpd-query-rewritten': { REQUEST_URI: '/?%61', SCRIPT_NAME: '', PATH_INFO: '/', QUERY_STRING: 'a' },
  'fragment-in-target': { REQUEST_URI: '/app/x#y', SCRIPT_NAME: '/app', PATH_INFO: '/x' },
  'rewritten-script-name': { REQUEST_URI: '/dir/x', SCRIPT_NAME: '/dir/app.cgi', PATH_INFO: '/x' },
  'nginx-whole-path': { ...nginx, REQUEST_URI: '/a/b', SCRIPT_NAME: '/a/b', DOCUMENT_URI: '/a/b' },
  'haproxy-whole-path': { ...haproxy, REQUEST_URI: '/a/b', SCRIPT_NAME: '/a/b' },
  'haproxy-request-uri': { ...haproxy, REQUEST_URI: '/new/x', SCRIPT_NAME: '/s', PATH_INFO: '/old' },
  'h2o-whole-path': { ...h2o, REQUEST_URI: '/app/x', SCRIPT_NAME: '/app', PATH_INFO: '/app/x' },
  'h2o-absolute-path-info': { ...h2o, REQUEST_URI: 'http://h/x', PATH_INFO: 'http://h/x', SCRIPT_NAME: '' },
  'caddy-stripped-path': { ...caddy, REQUEST_URI: '/app', SCRIPT_NAME: '', PATH_INFO: '', DOCUMENT_URI: '' },
  'apache-proxy-script-filename': {
    SERVER_SOFTWARE: 'Apache/2.4.71',
    REQUEST_URI: '/app/x',
    SCRIPT_NAME: '/app/x',
    SCRIPT_FILENAME: 'proxy:fcgi://127.0.0.1:9000/x',
  },
  'https-spellings': { HTTPS: '1' },
  'nginx-host-port': { ...nginx, SERVER_PORT: '8080', SERVER_NAME: 'h', HTTP_HOST: 'h' },
  'h2o-default-host': { ...h2o, SERVER_NAME: 'default', HTTP_HOST: 'default' },
  'go-server-name-port': { SERVER_NAME: 'h:8080' },
  'lighttpd-bracketed-address': { SERVER_ADDR: '[::1]', SERVER_NAME: 'h' },
  'nginx-empty-protocol': { SERVER_PROTOCOL: '' },
  'h2o-protocol': { SERVER_PROTOCOL: 'HTTP/2' },
  'empty-content-variables': { CONTENT_TYPE: '', CONTENT_LENGTH: '' },
  'invented-zero': { REQUEST_METHOD: 'GET', CONTENT_LENGTH: '0' },
  'length-unknown': { REQUEST_METHOD: 'POST', HTTP_TRANSFER_ENCODING: 'chunked' },
  'caddy-minus-one': { REQUEST_METHOD: 'POST', CONTENT_LENGTH: '-1' },
  'go-unknown-length': { SERVER_SOFTWARE: 'go', REQUEST_METHOD: 'POST' },
  'error-document-body': { REDIRECT_REQUEST_METHOD: 'POST', CONTENT_LENGTH: '5' },
  'caddy-invented-type': { ...caddy, CONTENT_TYPE: 'application/x-www-form-urlencoded' },
  'h2o-cookie-crumbs': { ...h2o, HTTP_COOKIE: 'a=1;b=2' },
  'caddy-empty-user-agent': { ...caddy, HTTP_USER_AGENT: '' },
  'trailing-blanks': { HTTP_X_A: 'b \t' },
  'redirect-authorization': { REDIRECT_HTTP_AUTHORIZATION: 'Basic x' },
  'go-root-slash': { SCRIPT_NAME: '/', PATH_INFO: '/x' },
  'nginx-document-uri': { SCGI: '1', REQUEST_URI: '/old', DOCUMENT_URI: '/new' },
  'merged-slashes': { ...nginx, REQUEST_URI: '//x/y', DOCUMENT_URI: '/x/y', SCRIPT_NAME: '/x/y' },
  'authorizer-path': { SERVER_SOFTWARE: 'lighttpd/1.4.69', REDIRECT_URI: '/x', REQUEST_URI: '/x' },
  'unchecked-user': { ...nginx, REMOTE_USER: 'ann' },
  'content-doubles': { HTTP_CONTENT_LENGTH: '5' },
  'decoded-transfer-encoding': { REQUEST_METHOD: 'POST', HTTP_TRANSFER_ENCODING: 'chunked' },
  httpoxy: { HTTP_PROXY: 'http://evil/' },
  'repeated-variables': { HTTP_X_A: '1' },
}

function exampleOf(name: RepairName): Environment {
  const list = Object.entries(examples[name]).flat()
  return new Environment(name === 'repeated-variables' ? [...list, 'HTTP_X_A', '2'] : list)
}

const isAuthorizer = (name: RepairName) => name === 'authorizer-path'

describe('each repair', () => {
  test.each(repairs.map(({ name }) => name))('%s fires on its example', (name) => {
    expect(firedRepairs(exampleOf(name), { isAuthorizer: isAuthorizer(name) })).toContain(name)
  })

  test.each(optionalRepairs)('%s does not fire when it is switched off', (name) => {
    switchOffRepairs([name])
    expect(firedRepairs(exampleOf(name))).not.toContain(name)
    for (const other of optionalRepairs)
      if (other !== name)
        expect([other, firedRepairs(exampleOf(other)).includes(other)]).toEqual([other, true])
  })

  test('an environment in order needs none', () => {
    const plain = ['REQUEST_METHOD', 'GET', 'REQUEST_URI', '/a/x', 'SCRIPT_NAME', '/a', 'PATH_INFO', '/x']
    expect(firedRepairs(new Environment(plain))).toEqual([])
  })
})

test('what an app gets without one', () => {
  const get = (name: RepairName) => translate(exampleOf(name))
  expect(get('nginx-host-port').authority).toBe('h:8080')
  expect(get('redirect-authorization').header('authorization')).toBe('Basic x')
  switchOffRepairs(['nginx-host-port', 'redirect-authorization'])
  expect(get('nginx-host-port').authority).toBe('h')
  expect(get('redirect-authorization').header('authorization')).toBeUndefined()
  expect(get('caddy-invented-type').contentType).toBeUndefined()
})

describe('the table', () => {
  test('each repair appears in the code, under its name', () => {
    const found = new Set<string>()
    const env = new URL('../../src/env/', import.meta.url)
    for (const file of readdirSync(env)) {
      const text = readFileSync(new URL(file, env), 'utf8')
      for (const [, mark, call] of text.matchAll(/repair: ([a-z0-9-]+)|isRepairOn\('([a-z0-9-]+)'\)/g))
        found.add((mark ?? call) as string)
    }
    expect([...found].sort()).toEqual(repairs.map(({ name }) => name).sort())
  })

  const seen = new Map<string, Set<string>>()
  for (const { mode, requests } of recordings) {
    const fired = new Set(requests.flatMap((request) => firedRepairs(environmentOf(request))))
    for (const name of fired) seen.set(name, (seen.get(name) ?? new Set()).add(mode))
  }
  const recorded = repairs.flatMap(({ name, source }) => {
    const mode = /recording (\S+)$/.exec(source)?.[1]
    return mode === undefined ? [] : [[name, mode] as const]
  })
  test.each(recorded)('%s fires in the recording %s', (name, mode) => {
    expect([...(seen.get(name) ?? [])]).toContain(mode)
  })

  test('files that are named as sources are there', () => {
    for (const { source } of repairs) {
      const file = /test\/\S+\.ts/.exec(source)?.[0]
      if (file) expect(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')).not.toBe('')
    }
  })

  const servers = {
    Apache: /^apache/,
    nginx: /^nginx/,
    lighttpd: /^lighttpd/,
    Caddy: /^caddy/,
    h2o: /^h2o/,
    Go: /^gohost/,
  }
  test.each(recorded)('%s: the servers that are named were seen to do it', (name) => {
    const { servers: text } = repairs.find((repair) => repair.name === name) ?? { servers: '' }
    const modes = [...(seen.get(name) ?? [])]
    for (const [word, mode] of Object.entries(servers))
      if (text.includes(word)) expect([word, modes.some((one) => mode.test(one))]).toEqual([word, true])
  })
})
