/** Callbacks scheduled before or by the reply run before the process ends: mostly log lines. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { tempDir } from '../support/temp.js'
import { type Output, outputOf, type Variables, variables } from './script-process.js'

const program = fileURLToPath(new URL('../fixtures/scheduled/app.mjs', import.meta.url))

function start(app: string, more: Variables = {}) {
  const NOTE = join(tempDir('after-reply'), 'note')
  const env = variables(app, { NODE_ENV: 'production', NOTE, ...more })
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const note = () => (existsSync(NOTE) ? readFileSync(NOTE, 'utf8') : '')
  return { child, NOTE, note }
}

async function run(app: string, more: Variables = {}): Promise<Output & { note: string }> {
  const { child, note } = start(app, more)
  const output = await outputOf(child)
  return { ...output, note: note() }
}

/** Lines that begin with "cgiup:" and the request. */
const ours = (stderr: string) => stderr.split('\n').filter((line) => /^cgiup: GET \/app\.cgi\/x: /.test(line))

describe('errors of frameworks reach the log', () => {
  it.each([
    ['express', 'finalhandler logs by setImmediate'],
    ['connect', 'finalhandler logs by setImmediate'],
    ['koa', 'app.onerror'],
    ['hono', 'onError'],
  ])('%s (%s)', async (app) => {
    const out = await run(app)
    expect(out.head).toMatch(/^Status: 500 Internal Server Error\r\n/)
    expect(out.stderr).toMatch(/Error: trouble in the app\n\s+at /)
    expect(ours(out.stderr)).toEqual([
      'cgiup: GET /app.cgi/x: answered with 500 Internal Server Error',
      ...ours(out.stderr).filter((line) => line.includes('Content-Type')),
    ])
    expect(out.code).toBe(0)
  })

  it('fastify (with its own logger)', async () => {
    const out = await run('fastify')
    expect(out.head).toMatch(/^Status: 500 /)
    expect(out.note).toContain('"message":"trouble in the app"')
    expect(ours(out.stderr)).toEqual(['cgiup: GET /app.cgi/x: answered with 500 Internal Server Error'])
  })
})

describe('what was scheduled runs', () => {
  it.each(['tick', 'promise', 'timeout', 'immediate', 'finish'])('%s', async (app) => {
    const out = await run(app)
    expect(out.body.toString()).toBe('done')
    expect(out.stderr).toContain('said later\n')
    expect(out.code).toBe(0)
  })

  it.each(['stream', 'file-handle', 'boom'])('a log file, written by a thread: %s', async (app) => {
    const out = await run(app)
    expect(out.body.toString()).toBe('done')
    expect(out.note).toBe('said later\n')
  })

  it.each(['exit', 'exit-in-finish'])('process.exit() does not cut it: %s', async (app) => {
    const out = await run(app)
    expect(out.body.toString()).toBe('done')
    expect(out.stderr).toContain('said later\n')
    expect(out.code).toBe(3)
  })

  it('an exception after the reply: logged with the request, and what follows runs', async () => {
    const out = await run('uncaught')
    expect(out.body.toString()).toBe('done')
    expect(out.stderr).toMatch(/^cgiup: GET \/app\.cgi\/x: Error: trouble in the app\n {4}at /m)
    expect(out.stderr).toContain('said later\n')
    expect(out.code).toBe(1)
  })

  it('an unhandled rejection after the reply', async () => {
    const out = await run('rejected')
    expect(out.stderr).toMatch(/^cgiup: GET \/app\.cgi\/x: Error: trouble in the app\n {4}at /m)
    expect(out.code).toBe(1)
  })

  it('an error of waitUntil work that comes soon, where stderr is a pipe', async () => {
    const out = await run('work')
    expect(out.body.toString()).toBe('done')
    expect(out.stderr).toMatch(
      /^cgiup: GET \/app\.cgi\/x: work after the reply failed: Error: trouble in the work/m,
    )
    expect(out.code).toBe(1)
  })
})

describe('a line of 300 kB to a log reader that is slow', () => {
  it.each(['long', 'long-error'])('arrives completely: %s', async (app) => {
    const { child } = start(app, { SIZE: '300000', OPTIONS: '{"cgi":{"settleMs":20000}}' })
    child.stderr?.pause()
    const pieces: Buffer[] = []
    child.stdout?.on('data', (piece: Buffer) => pieces.push(piece))
    await once(child.stdout as NodeJS.ReadableStream, 'end')
    // For the web server the reply has ended; the log has not been read yet.
    expect(Buffer.concat(pieces).length).toBeGreaterThan(0)
    let log = ''
    child.stderr?.on('data', (text) => {
      log += text
    })
    child.stderr?.resume()
    await once(child, 'close')
    expect(/[xy]{10,}/.exec(log)?.[0]).toHaveLength(300_000)
  })
})

describe('within a bound', () => {
  it('callbacks that schedule others forever', async () => {
    const out = await run('for-ever')
    expect(out.body.toString()).toBe('done')
    expect(out.code).toBe(0)
  })

  it('settleMs: a write that never ends', async () => {
    const { child, NOTE } = await withPipe('never', { OPTIONS: '{"cgi":{"settleMs":50}}' })
    const out = await outputOf(child)
    expect(out.body.toString()).toBe('done')
    expect(out.signal).toBe('SIGTERM')
    expect(existsSync(NOTE)).toBe(true)
  })
})

/** A log file that is a named pipe without a reader. */
async function withPipe(app: string, more: Variables) {
  const NOTE = join(tempDir('after-reply'), 'pipe')
  expect(spawnSync('mkfifo', [NOTE]).status).toBe(0)
  return { ...start(app, { NOTE, ...more }), NOTE }
}
