/** Time limits, and how scripts are stopped. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { handler } from '../../src/app/handler.js'
import { untakenMs } from '../../src/cgi/script/run.js'
import { type CgiBinOptions, cgiBin } from '../../src/host.js'
import { memory } from '../../src/test.js'
import { isAlive, processes, until } from '../support/processes.js'
import { scripts, sh, startHost } from './support.js'

const head = 'printf "Content-Type: text/plain\\n\\n"'

async function hosting(body: string, options: CgiBinOptions) {
  const directory = scripts({ 'x.cgi': sh(body) })
  const host = await startHost(cgiBin(directory, { killGraceMs: 100, ...options }))
  const pids = async (name = 'pids') => {
    const file = join(directory, name)
    await until(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'))
    return readFileSync(file, 'utf8').trim().split(/\s+/).map(Number)
  }
  return { host, directory, pids }
}

async function allGone(pids: number[]): Promise<boolean> {
  return until(() => !pids.some(isAlive))
}

function noZombies(): Promise<boolean> {
  return until(() => !processes().some((one) => one.parent === process.pid && one.state === 'Z'))
}

describe('limits', () => {
  test('headTimeoutMs: 504 if no head arrives in time', async () => {
    const { host, pids } = await hosting('echo $$ > pids; sleep 30', {
      headTimeoutMs: 600,
      development: false,
    })
    const reply = await host.get('/x.cgi')
    expect(reply.status).toBe(504)
    expect(host.stderr()).toContain('no complete head within 0.6 s (limit headTimeoutMs)')
    expect(await allGone(await pids())).toBe(true)
    expect(await noZombies()).toBe(true)
  })

  test('headTimeoutMs: starts again with every chunk of the body that the script reads', async () => {
    const { host } = await hosting(`cat >/dev/null; ${head}; echo ok`, { headTimeoutMs: 1000 })
    const wire = await host.open({ target: '/x.cgi', method: 'POST', headers: ['Content-Length: 6'] })
    for (let i = 0; i < 6; i++) {
      await new Promise((resolve) => setTimeout(resolve, 200))
      await wire.send('x')
    }
    expect((await wire.reply()).text).toBe('ok\n')
    wire.close()
  })

  test('idleTimeoutMs: silence within the body cuts the reply', async () => {
    const { host, pids } = await hosting(`echo $$ > pids; ${head}; echo part; sleep 30`, {
      idleTimeoutMs: 400,
    })
    const reply = await host.get('/x.cgi')
    expect([reply.status, reply.text, reply.complete]).toEqual([200, 'part\n', false])
    expect(host.stderr()).toContain('wrote nothing within 0.4 s (limit idleTimeoutMs)')
    expect(await allGone(await pids())).toBe(true)
  })

  test('idleTimeoutMs: a slow reader does not count as silence of the script', async () => {
    const { host } = await hosting(`${head}; head -c 8000000 /dev/zero`, { idleTimeoutMs: 100 })
    const wire = await host.open({ target: '/x.cgi', keep: false })
    await wire.head()
    wire.pause()
    await new Promise((resolve) => setTimeout(resolve, 250))
    wire.resume()
    const reply = await wire.reply()
    expect([reply.size, reply.complete]).toEqual([8_000_000, true])
    wire.close()
  })

  test('lingerMs: nor does it count for a script that has exited', async () => {
    const { host } = await hosting(`${head}; head -c 8000000 /dev/zero`, { lingerMs: 50 })
    const wire = await host.open({ target: '/x.cgi', keep: false })
    await wire.head()
    wire.pause()
    await new Promise((resolve) => setTimeout(resolve, 200))
    wire.resume()
    const reply = await wire.reply()
    expect([reply.size, reply.complete]).toEqual([8_000_000, true])
    wire.close()
  })

  test('idleTimeoutMs: HEAD of an endless stream does not leave it running', async () => {
    const { host, pids } = await hosting(`echo $$ > pids; ${head}; while :; do echo x; sleep 0.02; done`, {
      idleTimeoutMs: 100,
    })
    expect((await host.get('/x.cgi', { method: 'HEAD' })).status).toBe(200)
    expect(await allGone(await pids())).toBe(true)
  })

  const flood = 'while :; do echo 0123456789012345678901234567890123456789; done'

  test.each([
    ['HEAD', `${head}; ${flood}`, { method: 'HEAD' }, 200],
    ['304', `printf "Status: 304\\n\\n"; ${flood}`, {}, 304],
    ['204', `printf "Status: 204\\n\\n"; ${flood}`, {}, 204],
    ['a redirect of the client', `printf "Location: http://h/\\n\\n"; ${flood}`, {}, 302],
    ['a local redirect', `printf "Location: /y.cgi\\n\\n"; ${flood}`, {}, 404],
    [
      'a reply that has its length',
      `printf "Content-Type: text/plain\\nContent-Length: 3\\n\\nhi\\n"; sleep 0.4; ${flood}`,
      {},
      200,
    ],
  ])('%s: a script that writes more than 64 KiB for nobody is stopped', async (_, body, more, status) => {
    const { host, pids } = await hosting(`echo $$ > pids; ${body}`, { development: false })
    expect((await host.get('/x.cgi', more)).status).toBe(status)
    expect(await allGone(await pids())).toBe(true)
  })

  test('HEAD: a page of ordinary size does not stop the script', async () => {
    const { host, directory } = await hosting(
      `${head}; head -c 60000 /dev/zero; sleep 0.2; echo yes > done`,
      {},
    )
    expect((await host.get('/x.cgi', { method: 'HEAD' })).status).toBe(200)
    expect(await until(() => existsSync(join(directory, 'done')))).toBe(true)
  })

  test('sendTimeoutMs: a script whose output is not read is stopped, and its place is free', async () => {
    const directory = scripts({
      'x.cgi': sh(`echo $$ > pids; ${head}; ${flood}`),
      'y.cgi': sh(`${head}; echo y`),
    })
    const options = { sendTimeoutMs: 200, killGraceMs: 100, maxScripts: 1 }
    const server = memory(handler(cgiBin(directory, options)))
    const reply = await server.fetch('/x.cgi')
    expect(reply.status).toBe(200)
    const file = join(directory, 'pids')
    expect(await allGone([Number(readFileSync(file, 'utf8'))])).toBe(true)
    await expect(reply.text()).rejects.toThrow(
      "The client read none of the script's output for 0.2 s (sendTimeoutMs)",
    )
    expect(await (await server.fetch('/y.cgi')).text()).toBe('y\n')
    await server.close()
  })

  test.each([
    ['http', {}, 0],
    ['fastcgi', {}, 0],
    ['cgi', {}, 0],
    ['memory', {}, 120_000],
    ['http', { sendTimeoutMs: 5000 }, 5000],
  ] as const)('sendTimeoutMs over %s with %j: %i', (protocol, options, ms) => {
    const gateway = { protocol, role: 'responder', runOnce: false, multiprocess: false } as const
    expect(untakenMs(options, { gateway })).toBe(ms)
  })

  test('totalTimeoutMs: 504 before the head, a cut after it', async () => {
    const early = await hosting('sleep 30', { totalTimeoutMs: 80 })
    expect((await early.host.get('/x.cgi')).status).toBe(504)
    const late = await hosting(`${head}; while :; do echo x; sleep 0.02; done`, { totalTimeoutMs: 1000 })
    const reply = await late.host.get('/x.cgi')
    expect([reply.status, reply.complete]).toEqual([200, false])
    expect(late.host.stderr()).toContain('did not end within 1 s (limit totalTimeoutMs)')
  })

  test('totalTimeoutMs also limits a script that keeps its output open after its reply', async () => {
    const { host, pids } = await hosting(`echo $$ > pids; ${head}; echo ok; exec >&- 2>&-; sleep 30`, {
      totalTimeoutMs: 1500,
    })
    expect((await host.get('/x.cgi')).text).toBe('ok\n')
    const ids = await pids()
    expect(ids.every(isAlive)).toBe(true)
    expect(await allGone(ids)).toBe(true)
  })
})

describe('stopping', () => {
  test('SIGTERM first: a script can end cleanly', async () => {
    const { host, directory } = await hosting('trap "echo bye > term; exit" TERM; sleep 30 & wait', {
      headTimeoutMs: 600,
      killGraceMs: 10_000,
    })
    expect((await host.get('/x.cgi')).status).toBe(504)
    expect(await until(() => existsSync(join(directory, 'term')))).toBe(true)
  })

  test('SIGKILL after the grace period, for scripts that ignore SIGTERM', async () => {
    const { host, pids } = await hosting('trap "" TERM; echo $$ > pids; while :; do sleep 1; done', {
      headTimeoutMs: 600,
    })
    expect((await host.get('/x.cgi')).status).toBe(504)
    expect(await allGone(await pids())).toBe(true)
    expect(await noZombies()).toBe(true)
  })

  test('the whole process group, including processes that outlive its leader', async () => {
    const { host, pids } = await hosting(
      '(trap "" TERM; while :; do sleep 1; done) & echo $$ $! > pids; wait',
      { headTimeoutMs: 600 },
    )
    expect((await host.get('/x.cgi')).status).toBe(504)
    const ids = await pids()
    expect(ids.length).toBe(2)
    expect(await allGone(ids)).toBe(true)
  })

  test.each([
    ['is silent', 'sleep 30'],
    ['streams', `${head}; while :; do echo x; done`],
    ['ignores SIGTERM', `trap "" TERM; ${head}; while :; do echo x; sleep 0.01; done`],
  ])('when the client leaves while the script %s', async (_, body) => {
    const { host, pids } = await hosting(`echo $$ > pids; ${body}`, {})
    const wire = await host.open({ target: '/x.cgi', keep: false })
    const ids = await pids()
    wire.close()
    expect(await allGone(ids)).toBe(true)
    expect(await noZombies()).toBe(true)
    expect(host.stderr()).toBe('')
  })

  test('when the client disconnects during its upload', async () => {
    const { host, pids } = await hosting('echo $$ > pids; cat >/dev/null; sleep 30', {})
    const wire = await host.open({ target: '/x.cgi', method: 'POST', headers: ['Content-Length: 100'] })
    await wire.send('some')
    const ids = await pids()
    wire.close()
    expect(await allGone(ids)).toBe(true)
  })

  test('when the host closes', async () => {
    const { host, pids } = await hosting('echo $$ > pids; sleep 30', {})
    const wire = await host.open({ target: '/x.cgi' })
    const ids = await pids()
    await host.server.close({ graceMs: 20 })
    expect(await allGone(ids)).toBe(true)
    wire.close()
  })

  test('a hundred requests leave no process and no descriptor', async () => {
    const { host } = await hosting(`${head}; echo ok`, {})
    const descriptors = () =>
      existsSync('/proc/self/fd') ? import('node:fs').then((fs) => fs.readdirSync('/proc/self/fd').length) : 0
    await host.get('/x.cgi')
    const before = await descriptors()
    for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 10 }, () => host.get('/x.cgi')))
    expect(await until(async () => (await descriptors()) <= before + 1)).toBe(true)
    expect(processes().filter((one) => one.parent === process.pid && one.command.includes('x.cgi'))).toEqual(
      [],
    )
    expect(await noZombies()).toBe(true)
  })
})
