/** For any variables: nothing throws, and an app gets one unambiguous path, below its mount path. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decide } from '../../src/env/decide.js'
import { Environment } from '../../src/env/environment.js'
import { hasDotSegment, isReadAsOne } from '../../src/env/reading.js'
import { serverOf } from '../../src/env/server.js'
import { runs } from '../support/runs.js'

const bit = fc.constantFrom(
  ...['/', '/', '//', '..', '/../', '/./', '%2e', '%2f', '%252f', '%', '#', '\\', '?', 'a=1', 'é', '\0'],
  ...['app', '/app', '/app', '/index.mjs', '.php', 'x', '/x', 'admin', '/admin', 'http://h', '*', ':'],
)
const text = fc.array(bit, { maxLength: 6 }).map((bits) => Buffer.from(bits.join('')).toString('latin1'))
const path = fc.oneof(
  text.map((rest) => `/${rest}`),
  text,
)
const status = fc.constantFrom('200', '403', '404', '500', '999', '', 'x', '40')
const method = fc.constantFrom('GET', 'POST', 'CONNECT')

const environment = fc
  .record(
    {
      REQUEST_METHOD: method,
      REQUEST_URI: path,
      SCRIPT_NAME: path,
      PATH_INFO: path,
      DOCUMENT_URI: path,
      QUERY_STRING: text,
      SCRIPT_FILENAME: fc.oneof(
        path,
        path.map((rest) => `proxy:fcgi://127.0.0.1:9000${rest}`),
      ),
      SERVER_SOFTWARE: fc.constantFrom(
        'Apache/2.4',
        'nginx/1.22',
        'lighttpd/1.4',
        'Caddy/2.6',
        'h2o/2.2',
        'HAProxy 2.6',
      ),
      SERVER_PROTOCOL: fc.constantFrom('HTTP/1.1', 'INCLUDED'),
      REDIRECT_STATUS: status,
      REDIRECT_URL: path,
      REDIRECT_REQUEST_METHOD: method,
      REDIRECT_REDIRECT_STATUS: status,
      REDIRECT_REDIRECT_REQUEST_METHOD: method,
    },
    { requiredKeys: [] },
  )
  .map((record) => new Environment(Object.entries(record).flat()))

const target = fc.constantFrom('auto', 'request-uri', 'script' as const)
const mount = fc.option(path, { nil: undefined })

test('any variables of a target', () => {
  fc.assert(
    fc.property(environment, target, mount, (env, mode, at) => {
      const { request, refused, status } = decide(env, {
        target: mode,
        ...(at !== undefined && { mount: at }),
      })
      expect(status === 0 || (status >= 400 && status < 600)).toBe(true)
      if (refused) {
        expect([400, 401, 403, 404]).toContain(refused.status)
        return
      }
      expect(request.mount + request.rest).toBe(request.path)
      if (request.form !== 'origin' && request.form !== 'absolute') return
      expect(request.path[0]).toBe('/')
      expect(request.rest === '' || request.rest[0] === '/').toBe(true)
      expect(request.mount === '' || request.mount[0] === '/').toBe(true)
      for (const odd of ['#', '\0']) expect(request.path).not.toContain(odd)
      expect(isReadAsOne(request.path)).toBe(true)
      // Only if the server is known to have resolved it.
      if (hasDotSegment(request.path)) expect(shown(env) || serverOf(env).resolvesDots).toBe(true)
    }),
    { numRuns: runs(5000) },
  )
})

/** The server's own path has no dot segment. */
function shown(env: Environment): boolean {
  const own = `${env.get('SCRIPT_NAME') ?? ''}${env.get('PATH_INFO') ?? ''}`
  const uri = env.get('DOCUMENT_URI') ?? ''
  return own + uri !== '' && !hasDotSegment(own) && !hasDotSegment(uri)
}
