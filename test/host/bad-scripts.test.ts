/** Scripts that break the rules, and scripts that fail. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type CgiBinOptions, cgiBin } from '../../src/host.js'
import { needs } from '../support/needs.js'
import { isAlive, processes, until } from '../support/processes.js'
import { full } from '../support/runs.js'
import { fixtures, scripts, sh, startHost, type TestHost } from './support.js'

const perl = needs('perl')
const python = needs('python3')
const quick: CgiBinOptions = { killGraceMs: 100, lingerMs: 100 }

async function hosting(text: string | Record<string, string>, options: CgiBinOptions = {}) {
  const directory = scripts(typeof text === 'string' ? { 'x.cgi': text } : text)
  const host = await startHost(cgiBin(directory, { ...quick, ...options }))
  return Object.assign(host, { directory, x: (more = {}) => host.get('/x.cgi', more) })
}

/** False for a descriptor that our parent process left open. */
function isCloseOnExec(fd: number): boolean {
  const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')
  return (Number.parseInt(/flags:\s*(\d+)/.exec(info)?.[1] ?? '', 8) & 0o2000000) !== 0
}

/** The pid that a script wrote into a file next to it. */
async function pidIn(directory: string, name = 'pid'): Promise<number> {
  const file = join(directory, name)
  await until(() => existsSync(file) && readFileSync(file, 'utf8').includes('\n'))
  return Number(readFileSync(file, 'utf8'))
}

/** No child of this process remains a zombie. */
function noZombies(): Promise<boolean> {
  return until(() => !processes().some((one) => one.parent === process.pid && one.state === 'Z'))
}

async function cut(host: TestHost): Promise<boolean> {
  await until(() => host.entries.length > 0)
  return host.entries[0]?.cut ?? false
}

const text = 'printf "Content-Type: text/plain\\n\\n"'

describe('before the head', () => {
  test.each([
    ['prints nothing', 'exit 0', 'ended before its first byte', 'exited with code 0'],
    ['exits with an error', 'echo why >&2; exit 3', 'ended before its first byte', 'exited with code 3'],
    ['prints half a head', 'printf "Content-Type: text/pl"', 'within its head', 'exited with code 0'],
    [
      'forgets the empty line',
      'printf "Content-Type: text/plain\\n"',
      'within its head',
      'exited with code 0',
    ],
    ['prints garbage', 'echo "Traceback (most recent call last):"', 'Line 1', 'exited with code 0'],
    [
      'prints text first',
      'echo starting; printf "Content-Type: a/b\\n\\n"',
      'no colon',
      'exited with code 0',
    ],
    ['dies', 'kill -SEGV $$', 'killed by SIGSEGV', ''],
    ['closes its output', 'exec >&-; sleep 5', 'ended before its first byte', 'was still running'],
  ])('a script that %s: 502, and stderr says so', async (_, body, seen, end) => {
    const host = await hosting(sh(body), { development: false })
    const reply = await host.x()
    expect([reply.status, reply.complete]).toEqual([502, true])
    expect(reply.text).not.toContain('x.cgi')
    expect(host.stderr()).toContain(seen)
    expect(host.stderr()).toContain(end)
    expect(await noZombies()).toBe(true)
  })

  test('endless garbage without a line end is cut at maxHeadBytes, and the script stopped', async () => {
    const host = await hosting(sh('echo $$ > pid; exec cat /dev/zero'), { maxHeadBytes: 10_000 })
    const reply = await host.x()
    expect(reply.status).toBe(502)
    const pid = await pidIn(host.directory)
    expect(await until(() => !isAlive(pid))).toBe(true)
  })

  test.each([
    ['is not executable', Buffer.from('#!/bin/sh\n'), 403, 'chmod +x'],
    ['has no first line #!', 'echo hello\n', 502, 'its first line must be "#!"'],
    [
      'names an interpreter that does not exist',
      '#!/usr/bin/no-such\n',
      502,
      '/usr/bin/no-such, does not exist',
    ],
    ['has Windows line ends', '#!/bin/sh\r\necho\r\n', 502, 'Unix line endings'],
  ])('a script that %s: the log has the fix', async (_, content, status, told) => {
    const host = await startHost(cgiBin(scripts({ 'x.cgi': content })))
    expect((await host.get('/x.cgi')).status).toBe(status)
    expect(host.stderr()).toContain(told)
  })

  test('an interpreter that does not exist is named', async () => {
    const directory = scripts({ 'x.foo': Buffer.from('text') })
    const host = await startHost(cgiBin(directory, { handler: { '.foo': 'no-such-interpreter' } }))
    expect((await host.get('/x.foo')).status).toBe(502)
    expect(host.stderr()).toContain('its interpreter no-such-interpreter was not found')
  })

  test('an environment larger than the system allows: an error, not a crash', async () => {
    const host = await hosting(sh(text), { env: { BIG: 'x'.repeat(300_000) } })
    expect((await host.x()).status).toBe(502)
    expect(host.stderr()).toContain('E2BIG')
  })
})

describe('in the body', () => {
  test.each([
    ['killed by a signal', `${text}; printf part; kill -KILL $$`, 'killed by SIGKILL'],
    [
      'killed with a Content-Length',
      'printf "Content-Type: a/b\\nContent-Length: 9\\n\\npart"; kill -SEGV $$',
      'killed by SIGSEGV',
    ],
    [
      'fewer bytes than its Content-Length',
      'printf "Content-Type: a/b\\nContent-Length: 9\\n\\npart"',
      'has only 4',
    ],
  ])('%s: the client sees a broken transfer, never a clean end', async (_, body, told) => {
    const host = await hosting(sh(body))
    const reply = await host.x()
    expect([reply.status, reply.complete]).toEqual([200, false])
    expect('part'.startsWith(reply.text)).toBe(true)
    expect(await cut(host)).toBe(true)
    expect(host.stderr()).toContain(told)
  })

  test('the same in an NPH reply, where only a reset shows it', async () => {
    const host = await hosting({
      'nph-x.cgi': sh('printf "HTTP/1.1 200 OK\\r\\n\\r\\npart"; sleep 0.05; kill -KILL $$'),
    })
    const reply = await host.get('/nph-x.cgi')
    expect(reply.complete).toBe(false)
  })

  test('more bytes than its Content-Length, all at once: 502', async () => {
    const host = await hosting(sh('printf "Content-Type: a/b\\nContent-Length: 3\\n\\nabcdef"'))
    expect((await host.x()).status).toBe(502)
    expect(host.stderr()).toContain('announced 3 bytes, the body has at least 6')
  })

  test('more bytes than its Content-Length, later: cut, without the surplus', async () => {
    const host = await hosting(
      sh('printf "Content-Type: a/b\\nContent-Length: 3\\n\\nab"; sleep 0.05; printf c; printf def'),
    )
    const reply = await host.x()
    expect([reply.status, reply.complete, reply.surplus.length]).toEqual([200, false, 0])
  })

  test('a nonzero exit code after a complete reply is only logged', async () => {
    const host = await hosting(sh(`${text}; echo all; exit 7`))
    const reply = await host.x()
    expect([reply.text, reply.complete]).toEqual(['all\n', true])
    expect(host.stderr()).toContain('x.cgi exited with code 7.')
  })

  test.skipIf(!perl)(
    'as much as 1 GiB passes, in bounded memory',
    async () => {
      const mebibytes = full ? 1024 : 512
      const host = await hosting(
        `#!/usr/bin/perl\n$b = "x" x 1048576; print "Content-Type: a/b\\n\\n"; print $b for 1..${mebibytes};\n`,
      )
      const before = process.memoryUsage().rss
      const reply = await host.x({ keep: false })
      expect([reply.size, reply.complete]).toEqual([mebibytes * 2 ** 20, true])
      expect(process.memoryUsage().rss - before).toBeLessThan(300e6)
    },
    120_000,
  )

  test('stdout closed early: the reply ends, the script continues', async () => {
    const host = await hosting(
      sh(`${text}; echo early; exec >&- 2>&-; until [ -e go ]; do sleep 0.05; done; echo done > after`),
    )
    const reply = await host.x()
    expect([reply.text, reply.complete]).toEqual(['early\n', true])
    expect(existsSync(join(host.directory, 'after'))).toBe(false)
    writeFileSync(join(host.directory, 'go'), '')
    expect(await until(() => existsSync(join(host.directory, 'after')))).toBe(true)
  })

  test('all bytes of Content-Length sent and stdout left open: the reply does not wait', async () => {
    const host = await hosting(
      sh(
        'printf "Content-Type: a/b\\nContent-Length: 4\\n\\nfour"; until [ -e go ]; do sleep 0.05; done; echo done > after',
      ),
    )
    const reply = await host.x()
    expect([reply.text, reply.complete]).toEqual(['four', true])
    expect(existsSync(join(host.directory, 'after'))).toBe(false)
    writeFileSync(join(host.directory, 'go'), '')
    expect(await until(() => existsSync(join(host.directory, 'after')))).toBe(true)
  })

  test('a child that keeps the pipe open: the reply ends after lingerMs of silence', async () => {
    const host = await hosting(sh(`${text}; echo hello; (echo $$ > x; exec sleep 3) & echo $! > pid`))
    const started = performance.now()
    const reply = await host.x()
    expect([reply.text, reply.complete]).toEqual(['hello\n', true])
    expect(performance.now() - started).toBeLessThan(2000)
    process.kill(await pidIn(host.directory), 'SIGKILL')
  })

  test('output of such a child within lingerMs belongs to the reply', async () => {
    const host = await hosting(sh(`${text}; echo one; (for i in 1 2 3; do sleep 0.05; echo more; done) &`), {
      lingerMs: 500,
    })
    expect((await host.x()).text).toBe('one\nmore\nmore\nmore\n')
  })

  test('a background job with its own output survives the reply', async () => {
    const host = await hosting(sh(`${text}; (sleep 0.2; echo done > after) >/dev/null 2>&1 & echo bye`))
    expect((await host.x()).text).toBe('bye\n')
    expect(await until(() => existsSync(join(host.directory, 'after')))).toBe(true)
  })
})

describe('stderr', () => {
  test('line by line, with the name of the script, without terminal control characters', async () => {
    const host = await hosting(sh(`${text}; printf 'one\\ntwo \\033[31mred' >&2`))
    await host.x()
    expect(await until(() => host.stderr().includes('red'))).toBe(true)
    expect(host.stderr()).toBe('[x.cgi] one\n[x.cgi] two \\x1b[31mred\n')
  })

  test('maxStderrLine and maxStderr limit it', async () => {
    const host = await hosting(
      sh(`${text}; printf '%050d\\n' 0 >&2; for i in 1 2 3 4 5 6 7 8 9; do echo "line $i" >&2; done`),
      {
        maxStderrLine: 20,
        maxStderr: 60,
      },
    )
    await host.x()
    await until(() => host.stderr().includes('is omitted'))
    expect(host.stderr()).toMatch(
      /^\[x.cgi] 0{20} \[line cut]\n(\[x.cgi] line \d\n)+\[x.cgi] \[more than 60 characters; the rest is omitted]\n$/,
    )
  })

  test.skipIf(!perl)('a flood of it does not stop the reply', async () => {
    const host = await hosting(
      `#!/usr/bin/perl\n$|=1; print "Content-Type: a/b\\n\\n"; print STDERR "x" x 99, "\\n" for 1..100000; print "end";\n`,
    )
    expect((await host.x()).text).toBe('end')
    expect(host.stderr().length).toBeLessThan(2e6)
  })
})

describe('both directions', () => {
  test.skipIf(!perl)('an echo of 4 MiB to a client that reads only after it has sent all', async () => {
    const host = await startHost(cgiBin(fixtures))
    const body = Buffer.alloc(4 * 1024 * 1024, 'abcdefg')
    const wire = await host.open({
      target: '/echo.pl',
      method: 'POST',
      headers: [`Content-Length: ${body.length}`],
    })
    wire.pause()
    await wire.send(body)
    wire.resume()
    const reply = await wire.reply()
    expect([reply.complete, reply.body.equals(body)]).toEqual([true, true])
    wire.close()
  })

  test.skipIf(!perl)('an upload is not read ahead of a slow script', async () => {
    const host = await hosting('#!/usr/bin/perl\n$|=1; print "Content-Type: a/b\\n\\nx"; sleep 30;\n')
    const wire = await host.open({ target: '/x.cgi', method: 'POST', headers: ['Content-Length: 100000000'] })
    let sent = 0
    const sending = (async () => {
      for (; sent < 100; sent++) if (!(await wire.send(Buffer.alloc(1_000_000)))) return
    })()
    await wire.until(() => wire.size === 1)
    let before = -1
    await until(() => {
      const still = before === sent
      before = sent
      return still
    })
    expect(sent).toBeLessThan(50)
    wire.close()
    await sending
  })

  test.skipIf(!python)('chunked uploads: in memory, in a file, and over the limit (413)', async () => {
    const host = await startHost(cgiBin(fixtures, { spoolMemoryBytes: 1000, maxSpoolBytes: 5000 }))
    const post = (size: number) =>
      host.get('/facts.py', { method: 'POST', pieces: ['x'.repeat(size - 1), 'y'] })
    const small = JSON.parse((await post(900)).text)
    expect([small.env.CONTENT_LENGTH, small.body.size, small.stdin]).toEqual(['900', 900, 'other'])
    const large = JSON.parse((await post(5000)).text)
    expect([large.env.CONTENT_LENGTH, large.body.size, large.stdin]).toEqual(['5000', 5000, 'file'])
    expect((await post(5001)).status).toBe(413)
    expect(host.stderr()).toContain('maxSpoolBytes (5000)')
  })

  test('a script that closes stdin does not stop the reply', async () => {
    const host = await hosting(sh(`exec <&-; ${text}; sleep 0.1; echo fine`))
    expect((await host.x({ method: 'POST', body: Buffer.alloc(2_000_000) })).text).toBe('fine\n')
  })
})

describe.skipIf(!python)('what a script inherits', () => {
  test('three descriptors, none of them from the host', async () => {
    const host = await startHost(cgiBin(fixtures))
    const file = await open('/dev/null')
    const facts = JSON.parse((await host.get('/facts.py')).text)
    await file.close()
    // listdir() opens one itself; high descriptors that this process inherited stay open (because of Node).
    const others = facts.fds.filter((fd: number) => fd > 3 && isCloseOnExec(fd))
    expect([facts.fds.slice(0, 3), others]).toEqual([[0, 1, 2], []])
  })

  test('its own process group', async () => {
    const host = await startHost(cgiBin(fixtures))
    const facts = JSON.parse((await host.get('/facts.py')).text)
    expect(facts.pgid).not.toBe(process.pid)
  })
})
