import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Environment } from '../../src/env/environment.js'
import { oldNginx, type Server, serverOf, servers, unknownServer } from '../../src/env/server.js'
import { traitNotes } from '../../src/env/server-notes.js'
import { environmentOf, recordings } from './captures.js'

const named = (software: string) => serverOf(new Environment(['SERVER_SOFTWARE', software]))

describe('which server is in front', () => {
  test.each([
    ['Apache/2.4.71 (Debian)', 'Apache'],
    ['Apache', 'Apache'],
    ['nginx/1.30.1', 'nginx'],
    ['nginx', 'nginx'],
    ['lighttpd/1.4.69', 'lighttpd'],
    ['Caddy/v2.6.2', 'Caddy'],
    ['Caddy', 'Caddy'],
    ['h2o/2.2.5', 'h2o'],
    ['HAProxy 2.6.12-1+deb12u1', 'HAProxy'],
    ['go', 'Go'],
    ['SimpleHTTP/0.6 Python/3.11.2', 'Python'],
    ['LiteSpeed', 'LiteSpeed'],
    ['Microsoft-IIS/10.0', 'IIS'],
    ['APACHE', 'Apache'],
  ])('%s is %s', (software, name) => expect(named(software).name).toBe(name))

  test.each([
    '',
    'cgiup',
    'gopher',
    'Apache-Coyote/1.1',
    'nginxy/1.0',
    'constructor',
    '__proto__',
    '/',
    ' nginx/1',
  ])('%j is not known', (software) => expect(named(software)).toBe(unknownServer))

  test('the version of nginx counts', () => {
    for (const old of ['nginx/0.8.54', 'nginx/1.22.1', 'nginx/1.29.9']) expect(named(old)).toBe(oldNginx)
    for (const later of ['nginx/1.30.0', 'nginx/1.31', 'nginx/2.0.1', 'nginx'])
      expect(named(later)).toBe(servers.nginx)
  })

  test('without SERVER_SOFTWARE: SCGI of nginx, or unknown', () => {
    expect(serverOf(new Environment(['SCGI', '1', 'DOCUMENT_URI', '/']))).toBe(oldNginx)
    expect(serverOf(new Environment(['SCGI', '1']))).toBe(unknownServer)
    expect(serverOf(new Environment(['DOCUMENT_URI', '/']))).toBe(unknownServer)
    expect(serverOf(new Environment([]))).toBe(unknownServer)
  })

  test('consecutive servers are distinguished', () => {
    for (let i = 0; i < 3; i++)
      for (const [product, { name }] of Object.entries(servers))
        expect(named(`${product}/9.9`).name).toBe(name)
  })

  test('every recorded server is in the table', () => {
    for (const { mode, requests } of recordings)
      for (const request of requests)
        expect([mode, serverOf(environmentOf(request)).name]).not.toEqual([mode, unknownServer.name])
  })
})

test('each trait is one of a server, and of not all', () => {
  const all: readonly Server[] = [...Object.values(servers), oldNginx]
  for (const trait of Object.keys(traitNotes) as (keyof typeof traitNotes)[]) {
    const differ = all.filter((server) => server[trait] !== unknownServer[trait])
    expect([trait, differ.length > 0 && differ.length < all.length]).toEqual([trait, true])
  }
})

/** The table rows that name the variable, the lint that checks it, and the module that sets it. */
const mentions = ['env/build.ts', 'env/server.ts', 'env/table.ts', 'lint/environment-rules.ts']

test('only server.ts decides by SERVER_SOFTWARE', () => {
  const src = new URL('../../src/', import.meta.url)
  const found = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .filter((path) => readFileSync(new URL(path, src), 'utf8').includes("'SERVER_SOFTWARE'"))
  expect(found.sort()).toEqual(mentions)
})
