import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { normalUrl, requestUrl } from '../../src/app/url.js'
import { Environment } from '../../src/env/environment.js'
import { translate } from '../../src/env/request.js'
import { runs } from '../support/runs.js'

const part = fc.oneof(
  fc.constantFrom(
    '/',
    '/.',
    '/..',
    '%2e',
    '%2E',
    '//',
    'a',
    '?',
    "'",
    '%',
    '[',
    '\\',
    ';',
    ':',
    '@',
    '~',
    '"',
  ),
  fc.string({ unit: 'grapheme-ascii', maxLength: 3 }),
)
const target = fc.array(part, { maxLength: 10 }).map((parts) => `/${parts.join('')}`)
const host = fc.constantFrom(
  'a.example',
  'A.Example:80',
  '[::1]:8080',
  '127.0.0.1',
  'xn--bcher-kva.example',
  'a:0443',
)

describe('URLs of requests', () => {
  test('the fast path gives the same result as the parser', () => {
    fc.assert(
      fc.property(target, host, fc.boolean(), (uri, authority, full) => {
        const list = ['REQUEST_METHOD', 'GET', 'REQUEST_URI', uri, 'HTTP_HOST', authority]
        const cgi = translate(new Environment(list))
        expect(requestUrl(cgi, full)).toBe(normalUrl(full ? cgi.url : cgi.relativeUrl))
      }),
      { numRuns: runs(2000) },
    )
  })

  test('two schemes with one host do not get mixed up', () => {
    const url = (https: string) =>
      requestUrl(
        translate(new Environment(['REQUEST_URI', '/x', 'HTTP_HOST', 'one.example:443', 'HTTPS', https])),
        true,
      )
    expect([url('on'), url('off'), url('on')]).toEqual([
      'https://one.example/x',
      'http://one.example:443/x',
      'https://one.example/x',
    ])
  })
})
