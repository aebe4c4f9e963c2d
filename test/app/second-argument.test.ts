import { describe, expect, test } from 'vitest'
import { fetchHandler } from '../../src/app/fetch.js'
import { seesSecondArgument } from '../../src/app/second-argument.js'
import type { FetchApp } from '../../src/app/types.js'
import { Environment } from '../../src/env/environment.js'
import { exchangeOf } from './fetch-exchange.mjs'

type Fn = (...args: never[]) => unknown

/** As it is written: the test's own compiler would write it anew. */
const written = (source: string): Fn => new Function(`return ${source}`)() as Fn

describe('a function that cannot see its second argument', () => {
  test.each([
    '() => 1',
    '(request) => request',
    'request => request',
    'async request => request',
    'async => async',
    'async ( $request ) => 1',
    '() => { const { x } = {}; return (...args) => args }',
    '({ fetch(request) { return request } }).fetch',
    '({ async fetch(request) { return request } }).fetch',
    '(function (request) { return request })',
    '(function named ( ) { return 1 })',
  ])('%s', (source) => {
    expect(seesSecondArgument(written(source))).toBe(false)
  })
})

describe('one that can, or may', () => {
  test.each([
    '(request, env) => env',
    '(request, ...rest) => rest',
    '(...all) => all',
    '(request, env = {}) => env',
    '(request = 1, env) => env',
    '({ url }) => url',
    '(request /* and no more */) => request',
    '(function (request) { return arguments[1] })',
    '(function () { return eval("argu" + "ments")[1] })',
    '({ fetch(...all) { return all } }).fetch',
    '({ *fetch(request) { yield request } }).fetch',
    '((request, env) => env).bind(null)',
    '(function (request) { return request }).bind(null)',
    'new Proxy((request, env) => env, {})',
    'new Proxy(() => 1, { apply: (target, self, all) => all[1] })',
    'class { constructor(request) {} }',
    'Math.max',
  ])('%s', (source) => {
    expect(seesSecondArgument(written(source))).toBe(true)
  })
})

test('an app whose fetch is wrapped while it runs sees the variables from then on', async () => {
  const app: FetchApp = { fetch: () => new Response('') }
  const handler = fetchHandler(app)
  const seen: unknown[] = []
  await handler(exchangeOf({ Environment }, '/', { env: { REMOTE_USER: 'ann' } }))
  app.fetch = (_request, env) => {
    seen.push((env as Record<string, string>).REMOTE_USER)
    return new Response('')
  }
  await handler(exchangeOf({ Environment }, '/', { env: { REMOTE_USER: 'ann' } }))
  expect(seen).toEqual(['ann'])
})
