import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempDir } from '../support/temp.js'
import { outputOf, pattern, run, runPiped, start } from './script-process.js'

const mebibyte = 1024 * 1024

describe('process.exit() in the app', () => {
  it('before there is a reply: 500, its exit code, and no way back', async () => {
    const NOTE = join(tempDir('exit'), 'note')
    const out = await run('exit-in-handler', { NOTE })
    expect(out.head).toMatch(/^Status: 500 Internal Server Error\r\n/)
    expect(out.code).toBe(5)
    expect(existsSync(NOTE)).toBe(false)
  })

  it('while 20 MiB wait for a slow reader: all of them arrive', async () => {
    const out = await runPiped(
      'exit-after-big',
      { SIZE: String(20 * mebibyte) },
      'true',
      '{ sleep 0.3; cat; }',
    )
    expect(out.body.equals(pattern(20 * mebibyte))).toBe(true)
    expect(out.code).toBe(6)
  })

  it('while the body still yields chunks: all of them arrive', async () => {
    const out = await runPiped('exit-in-stream', {}, 'true', '{ sleep 0.2; cat; }')
    expect(out.body.equals(Buffer.concat(Array(16).fill(pattern(mebibyte))))).toBe(true)
    expect(out.code).toBe(0)
  })

  it('while the body gives nothing more: what was written arrives, broken off', async () => {
    const out = await run('exit-open-stream')
    expect(out.body.toString()).toBe('begun')
    expect(out.signal).toBe('SIGTERM')
  })

  it('limit exitIdleMs: how long the body may take for its next chunk', async () => {
    const started = performance.now()
    await run('exit-open-stream', { OPTIONS: JSON.stringify({ exitIdleMs: 400 }) })
    expect(performance.now() - started).toBeGreaterThan(400)
  })

  it('that the app catches: the reply is complete', async () => {
    const out = await run('exit-caught')
    expect(out.body.toString()).toBe('still whole')
    expect(out).toMatchObject({ stderr: 'caught ProcessExit\n', code: 0 })
  })

  it('does not wait for waitUntil work', async () => {
    const out = await run('exit-with-work')
    expect(out.body.toString()).toBe('whole')
    expect(out.code).toBe(2)
  })

  it('in a listener for uncaught exceptions', async () => {
    const out = await run('exit-from-listener')
    expect(out.code).toBe(9)
    expect(out.body.toString()).toBe('whole')
  })

  it('while the app is loaded: RFC 3875 6.1, the answer is not empty', async () => {
    const out = await run('exits-early')
    expect(out.head).toMatch(/^Status: 500 Internal Server Error\r\n/)
    expect(out.code).toBe(3)
  })

  it('process.exitCode is kept, and listeners of "exit" are called', async () => {
    const NOTE = join(tempDir('exit'), 'note')
    expect(await run('exit-code', { APP_LISTENERS: '1', NOTE })).toMatchObject({ code: 4 })
    expect(readFileSync(NOTE, 'utf8')).toBe('exit 4')
  })
})

describe('an app that fails', () => {
  it.each([
    ['throws', 'sync trouble'],
    ['rejects', 'async trouble'],
    ['unhandled', 'nobody looks'],
    ['uncaught', 'from a timer'],
    ['breaks-at-once', 'no body'],
    ['bad-header', '"X-Bad" has CR'],
    ['bad-piece', 'a chunk of type number'],
  ])('%s: 500, the error on stderr, exit code 1', async (app, message) => {
    const out = await run(app)
    expect(out.head).toMatch(
      /^Status: 500 Internal Server Error\r\nContent-Type: text\/plain; charset=utf-8\r\n/,
    )
    expect(out.body.toString()).toBe('500 Internal Server Error\n')
    expect(out.stderr).toContain(`cgiup: GET /app.cgi/x: `)
    expect(out.stderr).toContain(message)
    expect(out.code).toBe(1)
  })

  it('while it is loaded: the page, and Node’s own report', async () => {
    const out = await run('throws-early')
    expect(out.head).toMatch(/^Status: 500 Internal Server Error\r\n/)
    expect(out.stderr).toContain('broken at start')
    expect(out.code).toBe(1)
  })

  it('HEAD gets no page', async () => {
    const head = { REQUEST_METHOD: 'HEAD' }
    for (const app of ['throws', 'throws-early', 'never']) {
      const out = await run(app, head)
      expect(out.head).toMatch(/^Status: 500 /)
      expect(out.body).toHaveLength(0)
    }
  })

  it('an error with its own status: the client’s fault is not a failure of the app', async () => {
    const out = await run('throws-413')
    expect(out.head).toMatch(/^Status: 413 Content Too Large\r\n/)
    expect(out.stderr).toContain('no more than 3 bytes (REQUEST_TOO_LARGE)')
    expect(out.code).toBe(0)
  })

  it('in the middle of the body: broken off, by a signal', async () => {
    const out = await run('breaks')
    expect(out.body.toString()).toBe('half')
    expect(out.stderr).toContain('cut off after 4 bytes of its body: Error: broken body')
    expect(out).toMatchObject({ code: null, signal: 'SIGTERM' })
  })

  it('in the middle of the body, with Content-Length: never completed', async () => {
    const out = await run('breaks', { LENGTH: '100' })
    expect(out.head).toContain('Content-Length: 100\r\n')
    expect(out.body.toString()).toBe('half')
    expect(out.signal).toBe('SIGTERM')
  })

  it('with its own listener for uncaught exceptions: the app decides', async () => {
    const out = await run('own-listener')
    expect(out.body.toString()).toBe('survived')
    expect(out).toMatchObject({ stderr: 'mine: from a timer\n', code: 0 })
  })

  it('that waits for what never comes: 500 instead of nothing', async () => {
    const out = await run('never')
    expect(out.head).toMatch(/^Status: 500 Internal Server Error\r\n/)
    expect(out.stderr).toContain('waits for something that never happens')
    // Node's exit code 13: an unsettled top-level await.
    expect([1, 13]).toContain(out.code)
  })

  it('that waits forever in its body: broken off', async () => {
    const out = await run('never-ends')
    expect(out.body.toString()).toBe('begun')
    expect(out.signal).toBe('SIGTERM')
  })
})

describe('variables that describe no request', () => {
  it('none at all: 500, and a line that says what is missing', async () => {
    const out = await outputOf(start({ PATH: process.env.PATH, APP: 'hello' }))
    expect(out.head).toMatch(/^Status: 500 Internal Server Error\r\n/)
    expect(out.stderr).toContain('REQUEST_METHOD is not set')
    expect(out.stderr).not.toContain('    at ')
    expect(out.code).toBe(1)
  })

  it.each(['', 'GE T', 'GET\n', 'GÉT'])('REQUEST_METHOD %j', async (method) => {
    const out = await run('hello', { REQUEST_METHOD: method })
    expect(out.head).toMatch(/^Status: [45]00 /)
    expect(out.stderr).toContain('REQUEST_METHOD is')
  })

  it('a request line in the log cannot start another line', async () => {
    const out = await run('throws', { REQUEST_URI: '/a\nFAKE \u001b[31m' })
    expect(out.stderr).toContain('GET /a?FAKE ?[31m: ')
  })
})
