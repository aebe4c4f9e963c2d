import { once } from 'node:events'
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempDir } from '../support/temp.js'
import {
  collect,
  type Output,
  outputOf,
  pattern,
  run,
  runPiped,
  split,
  start,
  startShared,
  type Variables,
  variables,
} from './script-process.js'

const mebibyte = 1024 * 1024

function post(length: number, more: Variables = {}): Variables {
  return { REQUEST_METHOD: 'POST', CONTENT_LENGTH: String(length), ...more }
}

const chunked: Variables = {
  REQUEST_METHOD: 'POST',
  CONTENT_LENGTH: undefined,
  HTTP_TRANSFER_ENCODING: 'chunked',
}

/** A web server that writes the whole body before it reads anything, as Apache mod_cgi does. */
async function bodyFirst(app: string, body: Buffer, more: Variables = {}): Promise<Output> {
  const child = start(variables(app, post(body.length, more)))
  await new Promise<void>((resolve, reject) => {
    child.stdin?.on('error', reject)
    child.stdin?.end(body, () => resolve())
  })
  return outputOf(child)
}

describe('the body is read', () => {
  const body = pattern(300_000)

  it.each(['collect', 'echo'])('%s over a socket pair', async (app) => {
    const out = await run(app, {}, body)
    expect(out.body.equals(body)).toBe(true)
    expect(out).toMatchObject({ stderr: '', code: 0 })
  })

  it.each(['collect', 'echo'])('%s over pipes', async (app) => {
    const file = join(tempDir('stdin'), 'body')
    writeFileSync(file, body)
    const out = await runPiped(app, post(body.length, { FILE: file }), 'cat "$FILE"', 'cat')
    expect(out.body.equals(body)).toBe(true)
    expect(out.code).toBe(0)
  })

  it.each(['collect', 'echo'])('%s from a file, as lighttpd gives', async (app) => {
    const file = join(tempDir('stdin'), 'body')
    writeFileSync(file, body)
    const fd = openSync(file, 'r')
    const out = await outputOf(start(variables(app, post(body.length)), [fd, 'pipe', 'pipe']))
    closeSync(fd)
    expect(out.body.equals(body)).toBe(true)
  })

  it.each(['collect', 'echo', 'touches-stdin'])('%s over one socket for both', async (app) => {
    const { child, socket } = await startShared(variables(app, post(4 * mebibyte)))
    socket.end(pattern(4 * mebibyte))
    const out = await outputOf(child, socket)
    expect(out.body.equals(pattern(4 * mebibyte))).toBe(true)
    expect(out).toMatchObject({ stderr: '', code: 0 })
  })

  it('in chunks that arrive late', async () => {
    const child = start(variables('collect', post(6)))
    const output = outputOf(child)
    for (const piece of ['ab', 'cd', 'ef']) {
      await new Promise((resolve) => setTimeout(resolve, 15))
      child.stdin?.write(piece)
    }
    expect((await output).body.toString()).toBe('abcdef')
  })

  it('to its end when it came without a length', async () => {
    const child = start(variables('collect', chunked))
    child.stdin?.end(pattern(200_000))
    expect((await outputOf(child)).body.equals(pattern(200_000))).toBe(true)
  })

  it('and the app sees its length', async () => {
    const length = async (more: Variables) => {
      const child = start(variables('gateway', more))
      child.stdin?.end()
      return JSON.parse((await outputOf(child)).body.toString()).length
    }
    expect(await length({})).toBe(0)
    expect(await length(chunked)).toBe(null)
    expect(await length(post(0))).toBe(0)
  })
})

describe('RFC 3875 4.2: no more than CONTENT_LENGTH is read', () => {
  /** What the script leaves unread in the file; both share the offset of the descriptor. */
  async function left(app: string, more: Variables): Promise<string> {
    const file = join(tempDir('stdin'), 'body')
    writeFileSync(file, 'abcdefghij')
    const fd = openSync(file, 'r')
    await outputOf(start(variables(app, more), [fd, 'pipe', 'pipe']))
    const rest = Buffer.alloc(20)
    const count = readSync(fd, rest, 0, 20, null)
    closeSync(fd)
    return rest.toString('latin1', 0, count)
  }

  it('a body is not read beyond its length', async () => {
    expect(await left('collect', post(4))).toBe('efghij')
  })

  it('without CONTENT_LENGTH nothing is read', async () => {
    expect(await left('collect', {})).toBe('abcdefghij')
    expect(await left('collect', { REQUEST_METHOD: 'POST' })).toBe('abcdefghij')
    expect(await left('collect', post(0))).toBe('abcdefghij')
    expect(await left('collect', { CONTENT_LENGTH: '' })).toBe('abcdefghij')
  })

  it('an open connection with CONTENT_LENGTH bytes is enough: Python never ends it', async () => {
    const { child, socket } = await startShared(variables('collect', post(5)))
    socket.write('hello')
    const out = await outputOf(child, socket)
    expect(out.body.toString()).toBe('hello')
    expect(out.code).toBe(0)
  })
})

describe('a body that does not match CONTENT_LENGTH', () => {
  it('shorter: the app gets an error, the client 400', async () => {
    const child = start(variables('collect', post(10)))
    child.stdin?.end('abc')
    const out = await outputOf(child)
    expect(out.head).toMatch(/^Status: 400 Bad Request\r\n/)
    expect(out.stderr).toContain('ended after 3 bytes; CONTENT_LENGTH is 10')
    expect(out.stderr).not.toContain('    at ')
    expect(out.code).toBe(0)
  })

  it('shorter, in the middle of an echo: the reply is broken off', async () => {
    const child = start(variables('echo', post(100_000)))
    child.stdin?.end(pattern(90_000))
    const out = await outputOf(child)
    expect(out.body.equals(pattern(90_000))).toBe(true)
    expect(out.signal).toBe('SIGTERM')
  })

  it.each(['-1', 'x', '12345678901234567890', '1e3', '0x10', '5, 5', ' 5'])('%j: 400', async (length) => {
    const out = await run('collect', { REQUEST_METHOD: 'POST', CONTENT_LENGTH: length }, 'hello')
    expect(out.head).toMatch(/^Status: 400 Bad Request\r\n/)
    expect(out.stderr).toContain(`CONTENT_LENGTH is ${JSON.stringify(length)}`)
  })
})

describe('a web server that sends the whole body before it reads the reply (mod_cgi)', () => {
  it.each(['echo', 'collect'])('%s of 10 MiB does not deadlock', async (app) => {
    const out = await bodyFirst(app, pattern(10 * mebibyte))
    expect(out.body.equals(pattern(10 * mebibyte))).toBe(true)
    expect(out).toMatchObject({ stderr: '', code: 0 })
  })

  it('a large reply that does not read the body', async () => {
    const out = await bodyFirst('big', pattern(4 * mebibyte), { SIZE: String(4 * mebibyte) })
    expect(out.body.equals(pattern(4 * mebibyte))).toBe(true)
  })

  it('over true pipes', async () => {
    // The script's reply goes into a file that is read after the whole body was accepted.
    const file = join(tempDir('stdin'), 'body')
    writeFileSync(file, pattern(3 * mebibyte))
    const out = await runPiped(
      'echo',
      post(3 * mebibyte, { FILE: file, DONE: `${file}.done` }),
      '{ cat "$FILE"; touch "$DONE"; }',
      '{ while [ ! -e "$DONE" ]; do sleep 0.02; done; cat; }',
    )
    expect(out.body.equals(pattern(3 * mebibyte))).toBe(true)
    expect(out.code).toBe(0)
  })

  it('limit readAheadBytes: what does not fit in memory waits in a file', async () => {
    const out = await bodyFirst('echo', pattern(5 * mebibyte), {
      OPTIONS: JSON.stringify({ readAheadBytes: 100_000 }),
    })
    expect(out.body.equals(pattern(5 * mebibyte))).toBe(true)
    expect(out.code).toBe(0)
  })

  it('limit spoolBytes: beyond it the reply is broken off, not stuck', async () => {
    const options = { readAheadBytes: 100_000, spoolBytes: 500_000 }
    const out = await bodyFirst('echo', pattern(5 * mebibyte), { OPTIONS: JSON.stringify(options) })
    expect(out.signal).toBe('SIGTERM')
    expect(out.stderr).toContain('REQUEST_SPOOL_FULL')
    expect(
      pattern(5 * mebibyte)
        .subarray(0, out.body.length)
        .equals(out.body),
    ).toBe(true)
    expect(out.body.length).toBeLessThan(2 * mebibyte)
  })
})

describe('a body that the app does not read', () => {
  it.each(['ignore', 'reads-a-little'])(
    '%s: is drained, so that a shared socket is not reset',
    async (app) => {
      const body = pattern(4 * mebibyte)
      const { child, socket } = await startShared(variables(app, post(body.length)))
      const written = new Promise<void>((resolve, reject) => {
        socket.on('error', reject)
        socket.write(body, () => resolve())
      })
      await written
      const out = await outputOf(child, socket)
      expect(out.body.toString()).toMatch(/not read|enough/)
      expect(out).toMatchObject({ stderr: '', code: 0 })
    },
  )

  it('the reply does not wait for it', async () => {
    const child = start(variables('ignore', post(1000)))
    // stdout ends before the whole body was sent.
    expect(split(await collect(child.stdout)).body.toString()).toBe('not read')
    child.stdin?.end(pattern(1000))
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  it('limit drainBytes: no more than that is read', async () => {
    const child = start(
      variables('ignore', post(10 * mebibyte, { OPTIONS: JSON.stringify({ drainBytes: 200_000 }) })),
    )
    child.stdin?.on('error', () => {})
    child.stdin?.write(pattern(5 * mebibyte))
    const out = await outputOf(child)
    expect(out.body.toString()).toBe('not read')
    expect(out.code).toBe(0)
  })

  it('limit drainMs: no longer than that is waited', async () => {
    const child = start(variables('ignore', post(1000, { OPTIONS: JSON.stringify({ drainMs: 50 }) })))
    const out = await outputOf(child)
    expect(out.body.toString()).toBe('not read')
    // A thread is blocked in a read, which only a signal ends.
    expect(out.signal).toBe('SIGTERM')
  })

  it('in a file is not read at all', async () => {
    const file = join(tempDir('stdin'), 'body')
    writeFileSync(file, pattern(1000))
    const fd = openSync(file, 'r')
    await outputOf(start(variables('ignore', post(1000)), [fd, 'pipe', 'pipe']))
    const rest = Buffer.alloc(2000)
    expect(readSync(fd, rest, 0, 2000, null)).toBe(1000)
    closeSync(fd)
  })
})
