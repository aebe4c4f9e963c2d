/** What users see: error pages, listings, the access log. */
import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { short } from '../../src/host/access-log.js'
import { accessLog, cgiBin, mount } from '../../src/host.js'
import { until } from '../support/processes.js'
import { scripts, sh, startHost } from './support.js'

const plain = (html: string) => html.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))

describe('the page of a failed script', () => {
  const broken = { 'x.cgi': sh('echo "why <b>" >&2; echo "oops <i>$PATH_INFO"; env | sort > got; exit 4') }

  test('in development: first bytes, what was expected, exit code, stderr, command line', async () => {
    const host = await startHost(cgiBin(scripts(broken), { development: true }))
    const reply = await host.get('/x.cgi/p')
    expect([reply.status, reply.header('content-type')]).toEqual([502, 'text/html; charset=utf-8'])
    expect(reply.text).not.toMatch(/<b>|<i>\//)
    const text = plain(reply.text)
    for (const part of [
      'oops <i>/p',
      'RFC 3875',
      'exited with code 4',
      'why <b>',
      'env -i',
      'PROGRAM_HEAD_INVALID',
    ]) {
      expect(text).toContain(part)
    }
    expect(host.stderr()).toContain('[x.cgi] why <b>')
  })

  test('in production: only the status', async () => {
    const host = await startHost(cgiBin(scripts(broken), { development: false }))
    const reply = await host.get('/x.cgi/p')
    expect(reply.status).toBe(502)
    expect(reply.text).toContain('502 Bad Gateway')
    for (const part of ['oops', 'why', 'x.cgi', '3875', 'env']) expect(reply.text).not.toContain(part)
    expect(host.stderr()).toContain('exited with code 4')
  })

  test('its command line runs the script with the same environment, whatever its content', async () => {
    const root = scripts(broken)
    const env = { OWN: "a 'quoted' \u00e9 $HOME `id` \\ \n!" }
    const host = await startHost(cgiBin(root, { development: true, inherit: ['PATH'], env }))
    const page = plain(
      (
        await host.get('/x.cgi/caf%E9%0A%27$(id)', {
          headers: ["X-Evil: '; touch evil; '", 'X-Bytes: \xff\xfe'],
        })
      ).text,
    )
    const { readFileSync, existsSync, unlinkSync } = await import('node:fs')
    const before = readFileSync(`${root}/got`, 'latin1')
    unlinkSync(`${root}/got`)
    const command = Buffer.from(/<pre>(cd .*?)<\/pre>/s.exec(page)?.[1] ?? '', 'utf8').toString()
    // Configured variables may be secret: they are not shown, and taken from the shell.
    expect(page).toMatch(/Set them in your shell first: <code>OWN<\/code>/)
    spawnSync('/bin/sh', ['-c', command], { env })
    const lines = (text: string) => text.split('\n').filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line))
    expect(lines(readFileSync(`${root}/got`, 'latin1'))).toEqual(lines(before))
    expect(existsSync(`${root}/evil`)).toBe(false)
  })

  test('NODE_ENV tells scripts which mode it is', async () => {
    const show = scripts({ 'x.cgi': sh('printf "Content-Type: text/plain\\n\\n$NODE_ENV"') })
    const own = process.env.NODE_ENV
    delete process.env.NODE_ENV
    try {
      expect((await (await startHost(cgiBin(show, { development: true }))).get('/x.cgi')).text).toBe(
        'development',
      )
      expect((await (await startHost(cgiBin(show, { development: false }))).get('/x.cgi')).text).toBe('')
      process.env.NODE_ENV = 'production'
      const host = await startHost(cgiBin(scripts(broken)))
      expect((await host.get('/x.cgi')).text).not.toContain('env -i')
    } finally {
      process.env.NODE_ENV = own
    }
  })
})

describe('a path that leads nowhere', () => {
  test('says why in development, and nothing in production', async () => {
    const bin = scripts({ 'hello.cgi': '#!/bin/sh\n' })
    const open = await startHost(cgiBin(bin, { development: true }))
    const shown = await open.get('/helo.cgi')
    expect(shown.status).toBe(404)
    expect(shown.text).toContain(`${bin}/helo.cgi does not exist.`)
    const closed = await startHost(cgiBin(bin, { development: false }))
    const hidden = await closed.get('/helo.cgi')
    expect(hidden.status).toBe(404)
    expect(hidden.text).not.toContain(bin)
  })
})

describe('the listing', () => {
  const bin = () =>
    scripts({
      'hello.cgi': '#!/bin/sh\n# Says hello to <you>\nexit\n',
      'page.php': Buffer.from('<?php\n// A page\n'),
      'bare.cgi': '#!/bin/sh\n',
      'notes.txt': Buffer.from('# SOURCE'),
      '.hidden.cgi': sh('x'),
      'sub/in.cgi': sh('x'),
      'a&b "c".cgi': sh('x'),
    })

  test('lists the scripts, with their first comment and a link', async () => {
    const host = await startHost(
      mount({ '/cgi-bin': cgiBin(bin(), { handler: { '.php': 'php-cgi' }, index: [], development: true }) }),
    )
    const shown = (await host.get('/cgi-bin/')).text
    const [text = '', withheld] = shown.split('Not served')
    expect(withheld).toMatch(/notes\.txt[\s\S]*not executable/)
    expect(shown).not.toContain('SOURCE')
    expect(text).toContain('<a href="./hello.cgi">hello.cgi</a> <small>Says hello to &#60;you&#62;</small>')
    expect(text).toContain('<a href="./page.php">page.php</a> <small>A page</small>')
    expect(text).toContain('<a href="./bare.cgi">bare.cgi</a> <small></small>')
    expect(text).toContain('<a href="./sub/">sub/</a>')
    expect(text).toContain('<a href="./a&b%20%22c%22.cgi">a&#38;b &#34;c&#34;.cgi</a>')
    expect(text).not.toMatch(/SOURCE|hidden|notes/)
    expect((await host.get('/cgi-bin')).header('location')).toBe('/cgi-bin/')
    expect((await host.get('/cgi-bin/sub/')).text).toContain('<a href="../">')
  })

  test('not in production, unless asked for', async () => {
    const off = await startHost(cgiBin(bin(), { development: false }))
    expect((await off.get('/')).status).toBe(404)
    const on = await startHost(cgiBin(bin(), { development: false, list: true }))
    const { status, text } = await on.get('/')
    expect(status).toBe(200)
    expect(text).not.toMatch(/Withheld|hidden|notes/)
  })
})

describe('the access log', () => {
  const entry = {
    remoteAddress: '127.0.0.1',
    method: 'GET',
    target: '/a?b',
    httpVersion: '1.1',
    status: 200,
    bytes: 1234,
    ms: 12.34,
    cut: false,
    referer: undefined,
    userAgent: 'x"y\n',
  }
  const noon = new Date(2026, 0, 2, 12, 30, 1)

  test('one line per request: time, client, request, status, size, duration, whether it was cut', () => {
    expect(short(entry, noon, false)).toBe('12:30:01 127.0.0.1 GET /a?b 200 1.2 kB 12 ms')
    expect(
      short({ ...entry, status: 502, cut: true, ms: 1500, bytes: 5, remoteAddress: '' }, noon, false),
    ).toBe('12:30:01 unix GET /a?b 502 5 B 1.5 s CUT')
    expect(short({ ...entry, target: '/\x1b[2J', bytes: 3e6 }, noon, false)).toContain('/\\x1b[2J 200 3.0 MB')
  })

  test('colours only when asked for, or on a terminal', () => {
    expect(short(entry, noon, true)).toContain('\x1b[32m200\x1b[0m')
    const lines: string[] = []
    accessLog({ write: (line) => lines.push(line) })(entry)
    if (!process.stderr.isTTY) expect(lines[0]).not.toContain('\x1b')
  })

  test("Apache's combined format", () => {
    const lines: string[] = []
    accessLog({ write: (line) => lines.push(line), format: 'combined' })(entry)
    expect(lines[0]).toMatch(
      /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d \+0000] "GET \/a\?b HTTP\/1\.1" 200 1234 "-" "x\\"y\\x0a"\n$/,
    )
  })

  test('is written when the reply has ended', async () => {
    const host = await startHost(
      cgiBin(scripts({ 'x.cgi': sh('printf "Content-Type: text/plain\\n\\nfour"') })),
    )
    await host.get('/x.cgi?q', { headers: ['User-Agent: me', 'Referer: there'] })
    await until(() => host.entries.length === 1)
    expect(host.entries[0]).toMatchObject({
      method: 'GET',
      target: '/x.cgi?q',
      status: 200,
      bytes: 4,
      cut: false,
      referer: 'there',
      userAgent: 'me',
    })
  })
})
