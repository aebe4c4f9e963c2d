import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { until } from '../support/processes.js'
import { tempDir } from '../support/temp.js'
import {
  collect,
  outputOf,
  pattern,
  run,
  runPiped,
  split,
  start,
  startShared,
  variables,
} from './script-process.js'

const mebibyte = 1024 * 1024

function sha(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

describe('a reply in one piece', () => {
  it('over a socket pair', async () => {
    const out = await run('hello')
    expect(out.bytes.toString()).toBe(
      'Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nhello /x',
    )
    expect(out).toMatchObject({ stderr: '', code: 0, signal: null })
  })

  it('over pipes', async () => {
    const out = await runPiped('hello', {}, 'true', 'cat')
    expect(out.body.toString()).toBe('hello /x')
    expect(out).toMatchObject({ stderr: '', code: 0 })
  })

  it('over one socket for stdin and stdout', async () => {
    const { child, socket } = await startShared(variables('hello'))
    const out = await outputOf(child, socket)
    expect(out.body.toString()).toBe('hello /x')
    expect(out).toMatchObject({ stderr: '', code: 0 })
  })

  it('into a file, stdin /dev/null', async () => {
    const file = join(tempDir('child'), 'out')
    const fd = openSync(file, 'w')
    const child = start(variables('big', { SIZE: '300000' }), ['ignore', fd, 'pipe'])
    closeSync(fd)
    expect(await outputOf(child, null)).toMatchObject({ stderr: '', code: 0 })
    expect(split(readFileSync(file)).body.equals(pattern(300_000))).toBe(true)
  })

  it('with stdin and stdout closed ends quietly', async () => {
    const out = await runPiped('hello', {}, 'true', 'exec 0<&-; cat')
    expect(out.code).toBe(0)
    const closed = await runPiped('hello', {}, 'true', 'cat; ')
    expect(closed.code).toBe(0)
  })
})

describe('100 MiB, no byte lost', () => {
  const size = 100 * mebibyte
  const expected = sha(pattern(size))

  it.each(['big', 'stream'])('%s over a socket pair, read at leisure', async (app) => {
    const child = start(variables(app, { SIZE: String(size) }))
    child.stderr?.resume()
    child.stdin?.end()
    const { stdout } = child
    if (!stdout) throw new Error('no stdout')
    const exit = once(child, 'exit')
    const hash = createHash('sha256')
    let head = true
    for await (const piece of stdout) {
      hash.update(head ? split(piece as Buffer).body : (piece as Buffer))
      if (head) await sleep(100)
      head = false
    }
    expect(hash.digest('hex')).toBe(expected)
    expect(await exit).toEqual([0, null])
  })

  it.each(['big', 'stream'])('%s over pipes', async (app) => {
    const out = await runPiped(app, { SIZE: String(size) }, 'true', '{ sleep 0.1; cat; }')
    expect(sha(out.body)).toBe(expected)
    expect(out.code).toBe(0)
  })

  it('over one socket for stdin and stdout', async () => {
    const { child, socket } = await startShared(variables('stream', { SIZE: String(size) }))
    const out = await outputOf(child, socket)
    expect(sha(out.body)).toBe(expected)
    expect(out.code).toBe(0)
  })
})

describe('a streamed reply', () => {
  it('waits for its reader', async () => {
    const child = start(variables('stream', { SIZE: String(40 * mebibyte) }))
    let asked = 0
    child.stderr?.on('data', (text: Buffer) => {
      asked += text.toString().split('\n').length - 1
    })
    await until(() => asked > 0)
    await sleep(100)
    // At most what the socket and one chunk in flight hold.
    expect(asked).toBeLessThan(8)
    const bytes = await collect(child.stdout)
    expect(split(bytes).body.equals(pattern(40 * mebibyte))).toBe(true)
    expect(asked).toBe(40)
  })

  it('sends the head and what there is, without waiting for the rest', async () => {
    const child = start(variables('slowly', { PAUSE: '100000' }))
    const [first] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
    expect(split(first).head).toMatch(/^Status: 200 OK\r\n/)
    expect(split(first).body.toString()).toBe('first')
    child.kill('SIGKILL')
    await once(child, 'exit')
  })

  it('sends the head first if the first chunk is late', async () => {
    const child = start(variables('late-first', { PAUSE: '100000' }))
    const [first] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
    expect(split(first).head).toMatch(/^Status: 200 OK\r\n/)
    child.kill('SIGKILL')
    await once(child, 'exit')
  })

  it('arrives completely if its chunks are late', async () => {
    expect((await run('slowly', { PAUSE: '30' })).body.toString()).toBe('first second')
    expect((await run('late-first', { PAUSE: '30' })).body.toString()).toBe('late')
  })

  it('longer than its Content-Length is cut there and counts as a failure of the app', async () => {
    const out = await run('length', { LENGTH: '4' })
    expect(out.body.toString()).toBe('abcd')
    expect(out).toMatchObject({ code: 1, signal: null })
    expect(out.stderr).toContain('more than 4 bytes')
  })

  it('shorter than its Content-Length is broken off', async () => {
    const out = await run('length', { LENGTH: '7' })
    expect(out.body.toString()).toBe('abcdef')
    expect(out).toMatchObject({ code: null, signal: 'SIGTERM' })
    expect(out.stderr).toContain('ended after 6 bytes; Content-Length is 7')
  })

  it('with exactly Content-Length bytes is complete', async () => {
    expect(await run('length', { LENGTH: '6' })).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('the reader goes away', () => {
  it.each(['pipes', 'socket pair', 'one socket'])(
    '%s: the signal aborts, and the script ends without a stack trace',
    async (how) => {
      if (how === 'pipes') {
        const out = await runPiped('endless', {}, 'true', 'head -c 100000 >/dev/null')
        expect(out.stderr).toBe('aborted: REQUEST_ABORTED\nbody released\n')
        expect(out.code).toBe(0)
        return
      }
      const shared = how === 'one socket' ? await startShared(variables('endless')) : null
      const child = shared?.child ?? start(variables('endless'))
      const stdout = shared?.socket ?? child.stdout
      stdout?.once('data', () => stdout.destroy()).resume()
      const out = await outputOf(child, null)
      expect(out.stderr).toBe('aborted: REQUEST_ABORTED\nbody released\n')
      expect(out.code).toBe(0)
    },
  )

  it('during a large reply that is not streamed', async () => {
    const out = await runPiped('big', { SIZE: String(20 * mebibyte) }, 'true', 'head -c 100000 >/dev/null')
    expect(out).toMatchObject({ stderr: '', code: 0 })
  })

  it('a full disk is a system error, and logged', async () => {
    const fd = openSync('/dev/full', 'w')
    const out = await outputOf(start(variables('hello'), ['ignore', fd, 'pipe']), null)
    closeSync(fd)
    expect(out.stderr).toContain('ENOSPC')
    expect(out.signal).toBe('SIGTERM')
  })
})

describe('stdout belongs to the reply', () => {
  it('console.log and process.stdout go to stderr, from before the app is loaded', async () => {
    const out = await run('prints')
    expect(out.body.toString()).toBe('clean')
    expect(out.head).toMatch(/^Status: 200 OK\r\n/)
    expect(out.stderr).toBe('printed while loading\nprinted by console.log\nprinted by process.stdout\n')
  })

  it('code after serveCgi() runs before the process ends', async () => {
    expect((await run('continues')).stderr).toBe('after run\n')
  })

  it('a second call is refused, and the reply is given once', async () => {
    const out = await run('twice')
    expect(out.body.toString()).toBe('once')
    expect(out.stderr).toContain('run() was called twice')
  })

  it('open handles of the app do not keep the process', async () => {
    expect(await run('open-handle')).toMatchObject({ code: 0 })
  })
})

describe('a head above 4096 bytes', () => {
  it('is sent, with a warning', async () => {
    const out = await run('headers', { SIZE: '5000' })
    expect(out.head.length).toBeGreaterThan(5000)
    expect(out.stderr).toMatch(/reply head has 5\d\d\d bytes.*fastcgi_buffer_size/)
    expect(out.code).toBe(0)
  })

  it('of 1 MiB, too', async () => {
    expect((await run('headers', { SIZE: String(mebibyte) })).head.length).toBeGreaterThan(mebibyte)
  })

  it('just below it is sent without one', async () => {
    expect((await run('headers', { SIZE: '3900' })).stderr).toBe('')
  })
})

describe('a verbatim reply', () => {
  it('from a script that is not nph- becomes a CGI reply', async () => {
    const out = await run('verbatim')
    expect(out.bytes.toString()).toContain('Status: 418 Teapot\r\n')
    expect(out.bytes.toString()).toContain('X-A: 1\r\n\r\nshort')
  })

  it('from one that is, is left as it is', async () => {
    const out = await run('verbatim', { SCRIPT_NAME: '/nph-app.cgi' })
    expect(out.bytes.toString()).toBe('HTTP/1.1 418 Teapot\r\nX-A: 1\r\n\r\nshort')
  })
})
