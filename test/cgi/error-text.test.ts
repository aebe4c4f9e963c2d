import { describe, expect, it } from 'vitest'
import { failureText, logLine, markExplained, textOf, workFailed } from '../../src/cgi/codec/error-text.js'
import { RequestError } from '../../src/core/errors.js'
import type { Reply } from '../../src/core/exchange.js'
import { Environment } from '../../src/env/environment.js'

const env = (target: string | undefined, more: Record<string, string> = {}) =>
  Environment.fromObject({
    REQUEST_METHOD: 'GET',
    ...(target !== undefined && { REQUEST_URI: target }),
    ...more,
  })

describe('a line about a request', () => {
  it.each([
    ['/x', '/x'],
    ['/x?password=secret', '/x'],
    ['/x?', '/x'],
    ['/x#token?secret', '/x'],
    ['/x?a=1\nFAKE', '/x'],
    ['/a\r\nFAKE \u001b[31m', '/a??FAKE ?[31m'],
    ['http://user:secret@host/x?y', '/x'],
    ['/é%0aFAKE', '/??%0aFAKE'],
    ['*', '*'],
    [`/${'x'.repeat(5000)}`, `/${'x'.repeat(195)}`],
  ])('%j', (target, shown) => {
    expect(logLine(env(target), 'text')).toBe(`cgiup: GET ${shown}: text\n`)
  })

  it('has the path of SCRIPT_NAME and PATH_INFO where there is no target', () => {
    const line = logLine(
      env(undefined, { SCRIPT_NAME: '/s', PATH_INFO: '/p', QUERY_STRING: 'secret' }),
      'text',
    )
    expect(line).toBe('cgiup: GET /s/p: text\n')
  })

  it('cannot be forged by a method, or by what an error repeats of the request', () => {
    expect(logLine(env('/', { REQUEST_METHOD: 'G\nFAKE' }), 'x')).toBe('cgiup: G?FAKE /: x\n')
    const error = new Error('no \u001b[31msuch\r\ncgiup: GET /fake: thing\u2028\u0085')
    const text = logLine(env('/'), textOf(error))
    expect(text).toMatch(
      /^cgiup: GET \/: Error: no \\x1b\[31msuch\n {4}cgiup: GET \/fake: thing\u2028\\x85\n {4}at /,
    )
    for (const line of text.trimEnd().split('\n').slice(1)) expect(line).toMatch(/^ {4}/)
  })

  it('for work after the reply', () => {
    expect(workFailed(env('/x'), 'a string')).toBe('cgiup: GET /x: work after the reply failed: a string\n')
  })
})

describe('the line for a reply of 500 or above', () => {
  const reply = (status: number): Reply => ({ status, headers: [], body: null })

  it('says status and reason; none below', () => {
    expect(failureText(reply(500))).toBe('answered with 500 Internal Server Error')
    expect(failureText({ ...reply(599), reason: 'Odd' })).toBe('answered with 599 Odd')
    expect(failureText(reply(499))).toBe(null)
  })

  it('is left out once where the reason is in the log', () => {
    const same = reply(503)
    expect(failureText(markExplained(same))).toBe(null)
    expect(failureText(same)).not.toBe(null)
  })

  it('a request’s fault is one line', () => {
    expect(textOf(new RequestError('REQUEST_TOO_LARGE', 'too much'))).toBe('too much (REQUEST_TOO_LARGE)')
  })
})
