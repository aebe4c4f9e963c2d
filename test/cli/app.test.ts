/** `cgiup APP`: a server, or a CGI script. */
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { until } from '../support/processes.js'
import { request } from '../support/request.js'
import { bin, cgiup, directory, hello, write } from './cgiup.js'

describe('cgiup APP', () => {
  /** Starts a server and requests a path. */
  async function served(args: string[], target = '/x', env: Record<string, string> = {}) {
    const child = execa(process.execPath, [bin, ...args], {
      cwd: directory,
      reject: false,
      env,
      stdin: 'ignore',
    })
    let log = ''
    child.stderr.on('data', (text) => (log += text))
    await until(() => log.includes('Ctrl-C') || child.exitCode !== null, 10_000)
    const port = Number(/http:\/\/[^/]*?:(\d+)\//.exec(log)?.[1])
    const text = port ? (await request({ port }, { target })).text : log
    child.kill('SIGTERM')
    const { exitCode, stdout } = await child
    return { text, log, exitCode, stdout }
  }

  it('serves the app that a file exports', async () => {
    write('app.js', hello)
    const { text, exitCode, stdout } = await served(['app.js', '--listen', ':0'])
    expect(text).toMatch(/^GET\|\/x\|/)
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' })
  })

  it('serves below a mount path', async () => {
    write('app.js', hello)
    expect((await served(['app.js', '-l', '0', '--mount', '/app'], '/app/y?z')).text).toMatch(
      /^GET\|\/y\?z\|.*\|\/app\|/,
    )
  })

  it('its options override those in the file', async () => {
    write(
      'own-run.mjs',
      `import { run } from 'cgiup'\nimport app from './app.js'\nrun(app, { port: 1, mount: '/own' })`,
    )
    write('app.js', hello)
    const { text } = await served(['own-run.mjs', '--listen', '127.0.0.1:0', '--mount', '/given'], '/given/x')
    expect(text).toMatch(/^GET\|\/x\|.*\|\/given\|/)
  })

  it('a program that calls listen() gets the port it requests', async () => {
    write(
      'listens.cjs',
      `require('http').createServer((req, res) => res.end('listening ' + req.url)).listen(0, '127.0.0.1')`,
    )
    const { text, log } = await served(['listens.cjs'])
    expect(text, log).toBe('listening /x')
  })

  it('a program may call run() some time after it was loaded', async () => {
    write('app.js', hello)
    const text = "import { run } from 'cgiup'\nimport app from './app.js'\nsetTimeout(() => run(app), 30)"
    const file = write('later.mjs', text)
    expect((await served(['later.mjs', '--listen', ':0'])).text).toMatch(/^GET\|\/x\|/)
    const env = {
      GATEWAY_INTERFACE: 'CGI/1.1',
      REQUEST_METHOD: 'GET',
      REQUEST_URI: '/y',
      SERVER_PROTOCOL: 'HTTP/1.1',
    }
    const { out, err, code } = await cgiup([file], { env })
    expect(out).toMatch(/^Status: 200 OK\r\n[\s\S]*GET\|\/y\|/)
    expect({ err, code }).toEqual({ err: '', code: 0 })
  })

  it('under CGI: the reply on stdout', async () => {
    const file = write('script.cgi', `#!/usr/bin/env cgiup\nconsole.log('log')\n${hello}`, true)
    const env = {
      GATEWAY_INTERFACE: 'CGI/1.1',
      REQUEST_METHOD: 'GET',
      REQUEST_URI: '/x',
      SERVER_PROTOCOL: 'HTTP/1.1',
    }
    const { out, err, code } = await cgiup([file], { env })
    expect(out).toMatch(/^Status: 200 OK\r\n[\s\S]*\r\n\r\nGET\|\/x\|/)
    expect({ err, code }).toEqual({ err: 'log\n', code: 0 })
  })

  it('under CGI: words of the query are not options (RFC 3875 4.4, CVE-2012-1823)', async () => {
    const file = write('argv.cgi', hello, true)
    const env = {
      GATEWAY_INTERFACE: 'CGI/1.1',
      REQUEST_METHOD: 'GET',
      REQUEST_URI: '/?x',
      SERVER_PROTOCOL: 'HTTP/1.1',
    }
    for (const words of [
      ['--server', 'http'],
      ['--help'],
      ['-s'],
      ['host', '/'],
      ['--mount=/x', '--nonsense'],
      ['-e', 'x'],
    ]) {
      const { out, code } = await cgiup([file, ...words], { env })
      expect({ words, out: out.slice(0, 11), code }).toEqual({ words, out: 'Status: 200', code: 0 })
    }
    // Words before the script were written by its author: #!/usr/bin/env -S cgiup --mount /m
    const { out } = await cgiup(['--mount', '/m', file, '--mount', '/n'], {
      env: { ...env, REQUEST_URI: '/m/y' },
    })
    expect(out).toMatch(/\r\n\r\nGET\|\/y\|/)
  })

  it('under CGI: a file that cannot be loaded is a 500, with the reason on stderr', async () => {
    const env = {
      GATEWAY_INTERFACE: 'CGI/1.1',
      REQUEST_METHOD: 'GET',
      REQUEST_URI: '/',
      SERVER_PROTOCOL: 'HTTP/1.1',
    }
    for (const [text, reason] of [
      ['throw new RangeError("while loading")', /RangeError: while loading/],
      ['export default {', /SyntaxError/],
      ['export const nothing = 1', /neither exports an app nor starts one/],
      ['export default 7', /The app is a number/],
    ] as const) {
      const { out, err, code } = await cgiup([write('broken.cgi', text)], { env })
      expect(out).toMatch(/^Status: 500 Internal Server Error\r\n/)
      expect(out).not.toMatch(reason)
      expect(err).toMatch(reason)
      expect(code).toBe(1)
    }
  })

  it('a file that cannot be loaded: its own error, exit code 1', async () => {
    const { out, err, code } = await cgiup([write('throws.js', 'throw new RangeError("while loading")')])
    expect(err).toMatch(/RangeError: while loading\n\s+at .*throws\.js:1/)
    expect({ out, code }).toEqual({ out: '', code: 1 })
  })

  it('a file without an app', async () => {
    const { err, code } = await cgiup([write('empty.js', 'export const nothing = 1')])
    expect(err).toMatch(/^cgiup: \S+\/empty\.js neither exports an app nor starts one\./)
    expect(code).toBe(1)
  })

  it('a failed start in the file itself is reported once', async () => {
    write('app.js', hello)
    for (const wait of ['', 'await ']) {
      const file = write(
        'fails.mjs',
        `import { run } from 'cgiup'\nimport app from './app.js'\n${wait}run(app, { listen: '1.2.3.4:0' })`,
      )
      const { err, code } = await cgiup([file])
      expect(err).toMatch(/^cgiup: Cannot listen on 1\.2\.3\.4:0: .*\n {7}.*\n$/)
      expect(code).toBe(1)
    }
  })
})
