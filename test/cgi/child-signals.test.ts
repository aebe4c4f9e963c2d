import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempDir } from '../support/temp.js'
import { collect, outputOf, run, split, start, startShared, variables } from './script-process.js'

async function said(child: ChildProcess, word: string): Promise<void> {
  if (!child.stderr) throw new Error('no stderr')
  let text = ''
  while (!text.includes(word)) text += String((await once(child.stderr, 'data'))[0])
}

describe('SIGTERM', () => {
  it('aborts the signal, and the app may still answer', async () => {
    const child = start(variables('term'))
    await said(child, 'ready')
    const output = outputOf(child)
    child.kill('SIGTERM')
    const out = await output
    expect(out.body.toString()).toBe('stopped: REQUEST_ABORTED')
    expect(out.code).toBe(0)
  })

  it('limit terminateMs: an app that does not stop is stopped, with an answer', async () => {
    const child = start(variables('term-ignored', { OPTIONS: '{"terminateMs":50}' }))
    await said(child, 'ready')
    const output = outputOf(child)
    child.kill('SIGTERM')
    const out = await output
    expect(out.head).toMatch(/^Status: 500 /)
    expect(out.signal).toBe('SIGTERM')
  })

  it('with a listener of the app that calls process.exit(): ends at once', async () => {
    const child = start(variables('term-exit', { OPTIONS: '{"terminateMs":60000}' }))
    await said(child, 'ready')
    const output = outputOf(child)
    child.kill('SIGTERM')
    const out = await output
    expect(out.body.toString()).toBe('begun')
    expect(out.signal).toBe('SIGTERM')
  })
})

describe('waitUntil', () => {
  const waiting = () => ({ NOTE: join(tempDir('work'), 'note') })
  /** The work waits for this. */
  const go = ({ NOTE }: { NOTE: string }) => writeFileSync(`${NOTE}.go`, '')

  it('keeps the process; stdout and stderr end before the work does', async () => {
    const env = waiting()
    const child = start(variables('work', env))
    const [stdout, stderr] = await Promise.all([collect(child.stdout), collect(child.stderr)])
    expect(split(stdout).body.toString()).toBe('replied')
    expect(existsSync(env.NOTE)).toBe(false)
    go(env)
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(readFileSync(env.NOTE, 'utf8')).toBe('done')
    expect(stderr.toString()).toBe('')
  })

  it('ends one socket for stdin and stdout, too', async () => {
    const env = waiting()
    const { child, socket } = await startShared(variables('work', env))
    expect(split(await collect(socket)).body.toString()).toBe('replied')
    expect(existsSync(env.NOTE)).toBe(false)
    go(env)
    await once(child, 'exit')
    expect(readFileSync(env.NOTE, 'utf8')).toBe('done')
  })

  it('leaves a log file open as stderr', async () => {
    const env = waiting()
    const log = `${env.NOTE}.log`
    go(env)
    const child = start(variables('work', env), ['ignore', 'pipe', openSync(log, 'w')])
    await outputOf(child)
    expect(readFileSync(log, 'utf8')).toBe('said after the reply\n')
  })

  it('continues after SIGTERM: lighttpd and mod_cgi send it when the reply is complete', async () => {
    const env = waiting()
    const child = start(variables('work', env))
    await Promise.all([collect(child.stdout), collect(child.stderr)])
    child.kill('SIGTERM')
    go(env)
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(readFileSync(env.NOTE, 'utf8')).toBe('done')
  })

  it('that fails is logged and counts', async () => {
    const log = join(tempDir('work'), 'log')
    const child = start(variables('work-fails'), ['ignore', 'pipe', openSync(log, 'w')])
    const out = await outputOf(child)
    expect(out.body.toString()).toBe('replied')
    expect(out.code).toBe(1)
    expect(readFileSync(log, 'utf8')).toContain('work trouble')
  })

  it('limit waitUntilMs: no longer than that', async () => {
    const out = await run('work-forever', { OPTIONS: '{"waitUntilMs":50}' })
    expect(out.body.toString()).toBe('replied')
    expect(out.code).toBe(1)
  })
})
