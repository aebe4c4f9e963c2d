import { describe, expect, test } from 'vitest'
import { Environment } from '../../src/env/environment.js'
import { type TranslateOptions, translate } from '../../src/env/request.js'

type Variables = Readonly<Record<string, string>>

const read = (variables: Variables, options?: TranslateOptions) =>
  translate(Environment.fromObject({ REQUEST_METHOD: 'GET', ...variables }), options)

describe('the length of the body', () => {
  const post = { REQUEST_METHOD: 'POST' }
  test.each([
    [{ ...post, CONTENT_LENGTH: '11' }, 11, '11'],
    [{ ...post, CONTENT_LENGTH: '0011' }, 11, '11'],
    [{ ...post, CONTENT_LENGTH: '0' }, 0, '0'],
    [{ ...post }, 0, undefined],
    [{ ...post, CONTENT_LENGTH: '' }, 0, undefined],
    [{ ...post, CONTENT_LENGTH: '-1' }, null, undefined],
    [{ ...post, CONTENT_LENGTH: 'x' }, null, undefined],
    [{ ...post, CONTENT_LENGTH: '+5' }, null, undefined],
    [{ ...post, CONTENT_LENGTH: '5 ' }, null, undefined],
    [{ ...post, CONTENT_LENGTH: '0x10' }, null, undefined],
    [{ ...post, CONTENT_LENGTH: '5, 5' }, null, undefined],
    [{ ...post, CONTENT_LENGTH: '99999999999999999999' }, null, undefined],
    [{ ...post, CONTENT_LENGTH: '9007199254740991' }, 9007199254740991, '9007199254740991'],
    [{ ...post, HTTP_TRANSFER_ENCODING: 'chunked' }, null, undefined],
    [{ ...post, CONTENT_LENGTH: '', HTTP_TRANSFER_ENCODING: 'chunked' }, null, undefined],
    [{ ...post, CONTENT_LENGTH: '19', HTTP_TRANSFER_ENCODING: 'chunked' }, 19, '19'],
    [{ ...post, CONTENT_LENGTH: '0', HTTP_TRANSFER_ENCODING: 'chunked' }, 0, undefined],
    [{ ...post, SERVER_PROTOCOL: 'HTTP/2.0' }, null, undefined],
    [{ ...post, SERVER_PROTOCOL: 'HTTP/3.0', CONTENT_LENGTH: '' }, null, undefined],
    [{ SERVER_PROTOCOL: 'HTTP/2.0' }, 0, undefined],
    [{ CONTENT_LENGTH: '0' }, 0, undefined],
    [{ CONTENT_LENGTH: '5' }, 5, '5'],
    [{ REQUEST_METHOD: 'HEAD', CONTENT_LENGTH: '0' }, 0, undefined],
    [{ ...post, HTTP_CONTENT_LENGTH: '999' }, 0, undefined],
    [{ ...post, SERVER_SOFTWARE: 'go' }, null, undefined],
    [{ ...post, SERVER_SOFTWARE: 'go', HTTP_CONTENT_LENGTH: '0' }, 0, undefined],
    [{ SERVER_SOFTWARE: 'go' }, 0, undefined],
    [{ CONTENT_LENGTH: '7', REDIRECT_REQUEST_METHOD: 'POST' }, 0, undefined],
    [{ HTTP_TRANSFER_ENCODING: 'chunked', REDIRECT_REQUEST_METHOD: 'POST' }, 0, undefined],
  ])('of %j is %j', (variables: Variables, length, header) => {
    const request = read(variables)
    expect(request.contentLength).toBe(length)
    expect(request.header('content-length')).toBe(header)
    expect(request.hasBody).toBe(length !== 0)
  })

  test.each([
    [{ CONTENT_LENGTH: '0' }, 7, '7'],
    [{ CONTENT_LENGTH: '0' }, null, undefined],
    [{ CONTENT_LENGTH: '7' }, 7, '7'],
    [{ CONTENT_LENGTH: '-1' }, 0, undefined],
    [{ CONTENT_LENGTH: '0' }, 0, '0'],
  ])('what the adapter knows takes precedence over CONTENT_LENGTH: %j', (variables, bodyLength, header) => {
    const request = read({ ...post, ...variables }, { bodyLength })
    expect(request.contentLength).toBe(bodyLength)
    expect(request.header('content-length')).toBe(header)
  })
})

test('a header of 1 MiB is one value', () => {
  const value = 'x'.repeat(2 ** 20)
  const env = Environment.fromBytes(Buffer.from(`HTTP_X=${value}\0REQUEST_URI=/${value}?${value}\0`))
  expect(translate(env).header('x')).toBe(value)
  expect(translate(env).path).toHaveLength(2 ** 20 + 1)
})

// Anything worse than linear exceeds the time limit of a test.
test('200,000 header lines are read in time that grows with their number only', () => {
  const list = Array.from({ length: 200_000 }, (_, i) => [`HTTP_X${i % 100_000}`, 'v']).flat()
  expect(translate(new Environment(list)).headers).toHaveLength(200_000)
}, 10_000)

describe('header fields', () => {
  test('have lower-case names, Latin-1 values and the order of the environment', () => {
    const env = new Environment([
      'HTTP_X_B',
      'caf\xe9',
      'CONTENT_TYPE',
      'text/plain',
      'HTTP_A',
      '',
      'HTTP_HOST',
      'h',
    ])
    expect(translate(env).headers).toEqual([
      'host',
      'h',
      'content-type',
      'text/plain',
      'x-b',
      'caf\xe9',
      'a',
      '',
    ])
  })

  test('come once each', () => {
    const list = ['HTTP_X', '1', 'HTTP_COOKIE', 'a=1', 'HTTP_X', '2', 'HTTP_COOKIE', 'b=2', 'HTTP_X', '3']
    expect(translate(new Environment(list)).headers).toEqual(['x', '1, 2, 3', 'cookie', 'a=1; b=2'])
  })

  test('come once each, too, when two variables give the same name', () => {
    const list = ['HTTP_X_Y', '1', 'HTTP_X-Y', '2', 'HTTP_x_y', '3', 'HTTP_Z', '4']
    expect(translate(new Environment(list)).headers).toEqual(['x-y', '1, 2, 3', 'z', '4'])
  })

  test('any implementation of Env will do', () => {
    const list = ['HTTP_X', '1', 'HTTP_X', '2']
    const env = { list, get: () => undefined, toObject: () => ({}) }
    expect(translate(env).headers).toEqual(['x', '1, 2'])
  })

  test.each(['HTTP_', 'HTTP_X Y', 'HTTP_X:Y', 'HTTP_\xe9', 'HTTP_X\nY', 'HTTPS', 'http_x', 'X_HTTP_Y'])(
    'a variable named %j gives none',
    (name) => {
      expect(translate(new Environment([name, 'on'])).headers).toEqual([])
    },
  )

  test('marks that a token may have stay (Caddy, h2o)', () => {
    expect(translate(new Environment(["HTTP_X.Y!$+~'", '1'])).headers).toEqual(["x.y!$+~'", '1'])
  })

  test('Proxy never comes through (httpoxy)', () => {
    expect(translate(new Environment(['HTTP_PROXY', 'http://evil/', 'HTTP_PROXY', 'x'])).headers).toEqual([])
  })

  test('names of one request are never taken for those of another', () => {
    for (let i = 0; i < 2000; i++) {
      expect(translate(new Environment([`HTTP_N${i}`, 'v', `HTTP_n${i}`, 'w'])).headers).toEqual([
        `n${i}`,
        'v, w',
      ])
    }
  })

  test.each([
    [['HTTP_AUTHORIZATION', 'a'], 'a'],
    [['REDIRECT_HTTP_AUTHORIZATION', 'a'], 'a'],
    [['REDIRECT_REDIRECT_HTTP_AUTHORIZATION', 'a'], 'a'],
    [['HTTP_AUTHORIZATION', '', 'REDIRECT_HTTP_AUTHORIZATION', 'a'], 'a'],
    [['HTTP_AUTHORIZATION', 'own', 'REDIRECT_HTTP_AUTHORIZATION', 'a'], 'own'],
    [['Authorization', 'a'], 'a'],
    [['HTTP_AUTHORIZATION', ''], undefined],
    [[], undefined],
  ])('Authorization of %j', (list, value) => {
    const request = translate(new Environment(list))
    expect(request.header('authorization')).toBe(value)
    expect(request.headers).toEqual(value === undefined ? [] : ['authorization', value])
  })

  test('a header that is absent is undefined', () => {
    expect(read({ HTTP_X: '1' }).header('y')).toBeUndefined()
  })
})
