import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildEnv } from '../../src/env/build.js'
import { Environment } from '../../src/env/environment.js'
import { firedRepairs } from '../../src/env/repairs-fired.js'
import { CgiRequest, translate } from '../../src/env/request.js'
import { scriptEnv } from '../../src/env/script-env.js'
import { metaVariables } from '../../src/env/table.js'
import { percentDecode } from '../../src/env/text.js'
import { walk } from '../../src/env/walk.js'
import { lintEnv } from '../../src/lint/environment.js'
import { runs } from '../support/runs.js'

const byte = fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code))
const bytes = fc.string({ unit: byte, maxLength: 40 })
const pathBits = fc.constantFrom(
  '/',
  '//',
  '.',
  '..',
  '%2e',
  '%2F',
  '%41',
  '%c3%a9',
  '%',
  '%zz',
  '#',
  'a',
  'app',
  'é',
  ' ',
)
const wildPath = fc.array(pathBits, { maxLength: 12 }).map((bits) => `/${bits.join('')}`)
const segment = fc.constantFrom('a', 'app', 'b%20c', '%7E', 'x.y', '%C3%A9', '..a', 'A')
const plainPath = fc
  .array(segment, { maxLength: 5 })
  .map((segments) => segments.map((text) => `/${text}`).join(''))

const known = metaVariables.map((row) => row.name.replace('*', 'X'))
const name = fc.oneof(fc.constantFrom(...known), fc.constantFrom(...known), bytes)
const value = fc.oneof(
  bytes,
  wildPath,
  fc.constantFrom(
    '',
    '0',
    '-1',
    '80',
    '99999999999999999999',
    'on',
    'HTTP/1.1',
    'HTTP/2',
    'chunked',
    'POST',
    '*',
  ),
  fc.constantFrom(
    'CONNECT',
    'http://h/x',
    'proxy:fcgi://h:1/x',
    'proxy:unix:/x|fcgi://h/y',
    '[::1]:8080',
    'nginx/1.22.1',
  ),
  fc.constantFrom('Caddy/2.6.2', 'h2o/2.2.5', 'go', '/app', '/app/x', 'a=1;b=2', 'x \t'),
)
const environment = fc
  .array(fc.tuple(name, value), { maxLength: 40 })
  .map((pairs) => new Environment(pairs.flat()))

/** Names of all getters of a request. */
const getters = Object.entries(Object.getOwnPropertyDescriptors(CgiRequest.prototype))
  .filter(([, descriptor]) => descriptor.get !== undefined)
  .map(([key]) => key as keyof CgiRequest)

describe('any variables at all', () => {
  test('nothing throws, and what is read holds together', () => {
    expect(getters.length).toBeGreaterThan(20)
    fc.assert(
      fc.property(environment, fc.option(wildPath, { nil: undefined }), (env, mount) => {
        const request = translate(env, mount === undefined ? undefined : { mount })
        for (const getter of getters) void request[getter]
        expect(request.mount + request.rest).toBe(request.path)
        if (request.form === 'origin' || request.form === 'absolute') {
          expect(request.path[0]).toBe('/')
          expect(request.rest === '' || request.rest[0] === '/').toBe(true)
          expect(new URL(request.relativeUrl).host).toBe(new URL(request.url).host)
        }
        expect(request.mount === '' || request.mount[0] === '/').toBe(true)
        expect(() => new URL(request.url)).not.toThrow()
        expectHeaders(request)
      }),
      {
        numRuns: runs(3000),
        examples: [[new Environment(['SERVER_ADDR', '[::1]:8080', 'SERVER_PORT', '0']), undefined]],
      },
    )
  })

  test('the plain object, the lint, the repairs and a script environment come out too', () => {
    fc.assert(
      fc.property(environment, (env) => {
        const object = env.toObject()
        for (const key of Object.keys(object)) expect(typeof object[key]).toBe('string')
        for (const finding of lintEnv(env)) expect(finding.seen).not.toBe('')
        const fired = firedRepairs(env)
        expect(fired).toEqual([...new Set(fired)])
        const list = scriptEnv(env, {
          scriptName: '/s',
          pathInfo: '',
          scriptFilename: '/s',
          contentLength: null,
        })
        expect(new Set(list.filter((_, i) => i % 2 === 0)).size).toBe(list.length / 2)
        expect(list).not.toContain('HTTP_PROXY')
      }),
      { numRuns: runs(500) },
    )
  })
})

function expectHeaders(request: CgiRequest): void {
  const names = request.headers.filter((_, i) => i % 2 === 0)
  expect(new Set(names).size).toBe(names.length)
  for (const [i, header] of names.entries()) {
    expect(header).toMatch(/^[!#$%&'*+\-.^_`|~0-9a-z]+$/)
    expect(['proxy', 'transfer-encoding']).not.toContain(header)
    expect(request.header(header)).toBe(request.headers[2 * i + 1])
  }
}

describe('a target and a mount path', () => {
  const servers = {
    'decoded once': (path: string) => percentDecode(path),
    'decoded and resolved': (path: string) => {
      const { segments, slash } = walk(path, true)
      return segments.map((text) => `/${text}`).join('') + (slash ? '/' : '')
    },
  }

  test.each(Object.entries(servers))('are found again in SCRIPT_NAME and PATH_INFO, %s', (_, resolve) => {
    fc.assert(
      fc.property(plainPath, plainPath, fc.constantFrom('', '/', '?', '?q=%20'), (mount, rest, end) => {
        const path = mount + rest + (end === '/' ? '/' : '')
        fc.pre(path !== '')
        const info = resolve(path).slice(resolve(mount).length)
        const list = ['SCRIPT_NAME', resolve(mount), 'PATH_INFO', info, 'REQUEST_URI', mount + rest + end]
        const request = translate(new Environment(list))
        expect([request.mount, request.rest]).toEqual([mount, path.slice(mount.length)])
      }),
      { numRuns: runs(2000) },
    )
  })

  test('are found however the client writes the path', () => {
    const noise = fc
      .array(fc.constantFrom('/.', '/', '/x/..', '/%2e', '/y/%2E.'), { maxLength: 3 })
      .map((a) => a.join(''))
    fc.assert(
      fc.property(noise, plainPath, noise, segment, (before, rest, between, last) => {
        const uri = `${before}/%61pp${between}${rest}/${last}`
        const info = servers['decoded and resolved'](`${rest}/${last}`)
        const request = translate(
          new Environment(['SCRIPT_NAME', '/app', 'PATH_INFO', info, 'REQUEST_URI', uri]),
        )
        expect([request.mount, request.rest]).toEqual([`${before}/%61pp`, `${between}${rest}/${last}`])
      }),
      { numRuns: runs(1000) },
    )
  })

  // Anything worse than linear exceeds the time limit of a test.
  test('a hostile path is resolved in time that grows with its length only', () => {
    const steps = '/a/../%2e%2e//.'.repeat(200_000)
    const env = new Environment(['SCRIPT_NAME', '/app', 'PATH_INFO', '/b', 'REQUEST_URI', steps])
    expect(translate(env).mount).toBe('')
    expect(translate(env, { mount: '/app' }).mount).toBe('')
  }, 10_000)
})

describe('request -> variables -> request', () => {
  const method = fc.constantFrom('GET', 'POST', 'HEAD', 'OPTIONS', 'PROPFIND', 'get', 'M-SEARCH')
  const headerName = fc.constantFrom(
    'Accept',
    'X-A',
    'x-b-c',
    'Cookie',
    'User-Agent',
    'Content-Type',
    'Range',
  )
  const headerValue = bytes
    .map((text) => text.replace(/[\r\n]/g, '').trim())
    .filter((text) => !/[ \t]$/.test(text))
  const target = fc.oneof(
    wildPath,
    wildPath.map((path) => `${path}?`),
    wildPath.map((path) => `http://h:81${path}?x`),
  )

  test('nothing is lost on the way', () => {
    fc.assert(
      fc.property(method, target, fc.array(fc.tuple(headerName, headerValue)), (verb, uri, fields) => {
        const headers = ['Host', 'example.test:81', ...fields.flat()]
        const facts = { method: verb, target: uri, httpVersion: '1.1', headers, scheme: 'https' as const }
        const request = translate(
          new Environment(buildEnv({ ...facts, remoteAddress: '::1', serverPort: 81 })),
        )
        expect(request).toMatchObject({
          method: verb,
          target: uri,
          scheme: 'https',
          mount: '',
          rest: request.path,
        })
        expect(request).toMatchObject({ remoteAddress: '::1', serverPort: 81, protocol: 'HTTP/1.1' })
        expect(request.authority).toBe(request.form === 'absolute' ? 'h:81' : 'example.test:81')
        for (const [field] of fields) {
          const all = fields.filter(([other]) => other === field).map(([, text]) => text)
          if (field === 'Content-Type') continue
          expect(request.header(field.toLowerCase())).toBe(
            all.join(field === 'Cookie' ? '; ' : ', ').replace(/[ \t]+$/, ''),
          )
        }
      }),
      { numRuns: runs(1000) },
    )
  })

  test('a block of bytes gives back what went in', () => {
    const text = fc.string({ unit: byte, minLength: 1, maxLength: 20 }).filter((part) => !part.includes('='))
    fc.assert(
      fc.property(fc.array(fc.tuple(text, bytes)), (pairs) => {
        const block = Buffer.from(pairs.map(([key, text]) => `${key}=${text}\0`).join(''), 'latin1')
        expect(Environment.fromBytes(block).list).toEqual(pairs.flat())
      }),
    )
  })
})
