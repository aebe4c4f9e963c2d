import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Environment } from '../../src/env/environment.js'
import { quirks, seenQuirks } from '../../src/env/quirks.js'
import { environmentOf, recordings } from './captures.js'

/** Recorded servers by the word that the table has for them. */
const servers: Readonly<Record<string, string>> = {
  apache: 'Apache',
  mod_fcgid: 'mod_fcgid',
  caddy: 'Caddy',
  gohost: 'Go',
  h2o: 'h2o',
  lighttpd: 'lighttpd',
  nginx: 'nginx',
}

/** Quirks of configurations that the recordings in test/fixtures do not have. */
const unrecorded = new Set([
  'error-document-body',
  'go-root-slash',
  'haproxy-whole-path',
  'redirect-authorization',
])

test('every quirk has a name of its own', () => {
  expect(new Set(quirks.map((quirk) => quirk.name)).size).toBe(quirks.length)
})

test('the repair of every quirk is marked in the code, and every mark is in the table', () => {
  const directory = new URL('../../src/env/', import.meta.url)
  const marks = new Set<string>()
  for (const file of readdirSync(directory)) {
    const text = readFileSync(new URL(file, directory), 'utf8')
    for (const [, name] of text.matchAll(/quirk: ([a-z0-9-]+)/g)) marks.add(name as string)
  }
  expect([...marks].sort()).toEqual(quirks.map((quirk) => quirk.name).sort())
})

describe('the servers that are named were seen to do it', () => {
  const seen = new Map<string, Set<string>>()
  for (const { server, mode, requests } of recordings) {
    for (const request of requests) {
      for (const name of seenQuirks(environmentOf(request))) {
        const by = seen.get(name) ?? seen.set(name, new Set()).get(name)
        by?.add(servers[server] as string)
        if (mode.includes('fcgid')) by?.add('mod_fcgid')
      }
    }
  }

  test.each(quirks.filter((quirk) => !unrecorded.has(quirk.name)))('$name: $servers', (quirk) => {
    const by = [...(seen.get(quirk.name) ?? [])]
    expect(by.length).toBeGreaterThan(0)
    const named = Object.values(servers).filter((word) => quirk.servers.includes(word))
    expect(by).toEqual(expect.arrayContaining(named))
  })

  test.each([...unrecorded])('%s is in no recording', (name) => {
    expect(seen.has(name)).toBe(false)
  })
})

test('an environment in order shows none', () => {
  const plain = ['REQUEST_METHOD', 'GET', 'REQUEST_URI', '/a/x', 'SCRIPT_NAME', '/a', 'PATH_INFO', '/x']
  expect(seenQuirks(new Environment(plain))).toEqual([])
})

test('those of configurations that were not recorded', () => {
  const names = (...list: string[]) => seenQuirks(new Environment(list))
  expect(names('SCRIPT_NAME', '/dir/', 'PATH_INFO', 'x')).toContain('go-root-slash')
  expect(names('SCRIPT_NAME', '/x', 'SERVER_SOFTWARE', 'HAProxy 2.6.12')).toEqual(['haproxy-whole-path'])
  expect(names('REDIRECT_REDIRECT_HTTP_AUTHORIZATION', 'x')).toContain('redirect-authorization')
  expect(names('REDIRECT_REQUEST_METHOD', 'POST')).toEqual(['error-document-body'])
  expect(names('Authorization', 'x')).toContain('redirect-authorization')
})
