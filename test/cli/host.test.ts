/** `cgiup host`: scripts without a web server. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { beforeAll, describe, expect, it } from 'vitest'
import { until } from '../support/processes.js'
import { type RawRequest, request } from '../support/request.js'
import { bin, directory, hello, write } from './cgiup.js'

describe('cgiup host', () => {
  async function hosted(args: string[], targets: (string | RawRequest)[]) {
    const child = execa(process.execPath, [bin, 'host', ...args, '--listen', '127.0.0.1:0'], {
      cwd: directory,
      reject: false,
      stdin: 'ignore',
      env: { PATH: process.env.PATH },
      extendEnv: false,
    })
    let log = ''
    child.stderr.on('data', (text) => (log += text))
    await until(() => log.includes('Ctrl-C') || child.exitCode !== null, 10_000)
    const port = Number(/http:\/\/[^/]*?:(\d+)\//.exec(log)?.[1])
    const replies = []
    for (const target of targets) {
      const reply = request({ port }, typeof target === 'string' ? { target } : target)
      replies.push(await reply.catch(() => undefined))
    }
    await until(() => log.split('\n').length > targets.length + 1, 1000)
    child.kill('SIGINT')
    const { exitCode } = await child
    return { replies, log, exitCode }
  }

  beforeAll(() => {
    mkdirSync(join(directory, 'bin'))
    mkdirSync(join(directory, 'public'))
    write('public/page.html', '<p>static')
    write(
      'bin/hi.cgi',
      '#!/bin/sh\necho Content-Type: text/plain\necho\necho "$SCRIPT_NAME $PATH_INFO $COLOR $NODE_ENV"',
      true,
    )
    write('bin/x.quiet', 'this is the program text')
    write('hosted-app.js', hello)
  })

  it('runs the scripts of a directory and lists them', async () => {
    const { replies, log, exitCode } = await hosted(
      ['bin', '--env', 'COLOR=blue'],
      ['/hi.cgi/p', '/', '/none'],
    )
    expect(replies[0]?.text).toBe('/hi.cgi /p blue development\n')
    expect(replies[1]?.text).toContain('hi.cgi')
    expect(replies[2]?.status).toBe(404)
    expect(log).toMatch(/^cgiup: http:\/\/127\.0\.0\.1:\d+\/ runs \S+\/bin \(Ctrl-C stops it\)\n/)
    expect(log).toMatch(/GET \/hi\.cgi\/p 200/)
    expect(exitCode).toBe(0)
  })

  it('mounts them next to static files', async () => {
    const { replies } = await hosted(
      ['bin', '--static', 'public'],
      ['/cgi-bin/hi.cgi', '/page.html', '/hi.cgi'],
    )
    expect(replies.map((reply) => reply?.status)).toEqual([200, 200, 404])
    expect(replies[0]?.text).toMatch(/^\/cgi-bin\/hi\.cgi /)
    const alone = await hosted(['bin', '--mount', '/c'], ['/', '/c/hi.cgi'])
    expect(alone.replies[0]?.header('location')).toBe('/c/')
    expect(alone.replies[1]?.status).toBe(200)
  })

  it('runs files of an extension with a program', async () => {
    const { replies } = await hosted(
      ['bin', '--handler', '.quiet=sed -e s/^/Status:204\\n\\n/'],
      ['/x.quiet'],
    )
    expect(replies[0]?.status).toBe(204)
  })

  it('one script answers every path; so does an app file', async () => {
    const script = await hosted([join('bin', 'hi.cgi')], ['/any/path'])
    expect(script.replies[0]?.text).toMatch(/^ \/any\/path /)
    const app = await hosted(['hosted-app.js'], ['/any?path'])
    expect(app.replies[0]?.text).toMatch(/^GET\|\/any\?path\|/)
  })

  it('a script that is silent for too long is stopped', async () => {
    write('sleeps.cgi', '#!/bin/sh\nsleep 30', true)
    const { replies } = await hosted(['sleeps.cgi', '--timeout', '200ms'], ['/'])
    expect(replies[0]?.status).toBe(504)
  })

  const evil: RawRequest = { target: '/hi.cgi', headers: ['Host: evil.example'] }
  const forged: RawRequest = {
    target: '/hi.cgi',
    method: 'POST',
    headers: ['Sec-Fetch-Site: cross-site', 'Origin: https://evil.example'],
    body: 'x',
  }

  it('answers requests for its own names, and none from pages of other sites', async () => {
    const { replies } = await hosted(['bin'], [evil, forged, '/hi.cgi'])
    expect(replies.map((reply) => reply?.status)).toEqual([421, 403, 200])
    expect(replies[0]?.text).toContain('--allowed-host evil.example')
    expect(replies[1]?.text).toContain('--allow-cross-site')
    const open = await hosted(['bin', '--allowed-host', '*.example', '--allow-cross-site'], [evil, forged])
    expect(open.replies.map((reply) => reply?.status)).toEqual([200, 200])
  })

  it('--allow restricts who may connect', async () => {
    const { replies, log } = await hosted(['bin', '--allow', '10.0.0.0/8'], ['/hi.cgi'])
    expect(replies).toEqual([undefined])
    expect(log).toContain('connection from 127.0.0.1 closed: not in the option allow')
  })

  it('--type sends files with further extensions; the listing shows withheld files', async () => {
    write('public/x.bin', '0123')
    write('public/x.php~', 'SOURCE')
    const paths = ['/x.bin', '/x.php~', '/']
    const { replies } = await hosted(['bin', '--static', 'public'], paths)
    expect(replies.map((reply) => reply?.status)).toEqual([403, 403, 200])
    expect(replies[2]?.text).toContain('<li>x.php~ <small>a copy left by an editor</small>')
    const more = await hosted(['bin', '--static', 'public', '--type', '.bin=image/x-test'], paths)
    expect(more.replies.map((reply) => reply?.status)).toEqual([200, 403, 200])
    expect(more.replies[0]?.header('content-type')).toBe('image/x-test')
  })

  it.each([
    ['--type', '.bin=a/b', /use it with --static or --files/],
    ['--files --type', 'bin=x', /--type must have the form \.ext=TYPE/],
    ['--allowed-host', 'http://a.example/', /Did you mean a\.example\?/],
    ['--allow', 'nonsense', /not an IP address or a network/],
  ])('%s %s is refused', async (option, value, message) => {
    const { log, exitCode } = await hosted(['bin', ...option.split(' '), value], [])
    expect(log).toMatch(message)
    expect(exitCode).toBe(2)
  })
})
