import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa, type Options } from 'execa'
import { beforeAll, describe, expect, it } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { until } from '../support/processes.js'
import { request } from '../support/request.js'
import { tempDir } from '../support/temp.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const bin = join(root, 'bin', 'cgiup.js')
let directory: string

beforeAll(() => {
  directory = tempDir('cli')
  mkdirSync(join(directory, 'node_modules'))
  symlinkSync(root, join(directory, 'node_modules', 'cgiup'))
})

function write(name: string, text: string, executable = false): string {
  const file = join(directory, name)
  writeFileSync(file, text)
  if (executable) chmodSync(file, 0o755)
  return file
}

const cgiup = async (args: string[], options: Options & { env?: Record<string, string> } = {}) => {
  const { env, ...others } = options
  const result = await execa(process.execPath, [bin, ...args], {
    env: { PATH: process.env.PATH, ...env },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    cwd: directory,
    stripFinalNewline: false,
    ...others,
  })
  return { out: String(result.stdout), err: String(result.stderr), code: result.exitCode }
}

const hello = `export default { async fetch(r, env) {
  const { pathname, search } = new URL(r.url)
  return new Response([r.method, pathname + search, r.headers.get('content-type'), r.headers.get('x-a'),
    env.SCRIPT_NAME, env.REMOTE_USER, await r.text()].join('|') + '\\n', { headers: { 'Content-Type': 'text/plain; charset=utf-8' } })
} }`

describe('help and versions', () => {
  it.each([[['--help']], [['-h']], [['help']]])('%j', async (args) => {
    const { out, err, code } = await cgiup(args)
    expect(out).toMatch(/^Usage: cgiup APP/)
    expect({ err, code }).toEqual({ err: '', code: 0 })
  })

  it.each([
    [['run', '--help'], undefined],
    [['help', 'host'], 'cgiup host DIR|SCRIPT'],
    [['host', '--help'], 'cgiup host DIR|SCRIPT'],
    [['call', '-h'], 'cgiup call PATH APP|SCRIPT'],
    [['--help', 'run'], 'cgiup APP [--server NAME]'],
    [['app.js', '--help'], 'cgiup APP [--server NAME]'],
  ])('%j', async (args, usage) => {
    const { out, err, code } = await cgiup(args)
    if (usage === undefined) expect(code).toBe(0)
    else {
      expect(out).toContain(`Usage: ${usage}`)
      expect(out).toContain('--help')
      expect(out.split('\n').every((line) => line.length <= 100)).toBe(true)
      expect({ err, code }).toEqual({ err: '', code: 0 })
    }
  })

  it('--version', async () => {
    expect(await cgiup(['--version'])).toEqual({ out: `${manifest.version}\n`, err: '', code: 0 })
  })

  it('no arguments: the usage on stderr', async () => {
    const { out, err, code } = await cgiup([])
    expect(out).toBe('')
    expect(err).toMatch(/^Usage: /)
    expect(code).toBe(2)
  })
})

describe('a wrong command line', () => {
  it.each([
    [['hots'], /There is no file hots\. Did you mean the command host\?/],
    [['missing.js'], /There is no file missing\.js\./],
    [['help', 'cal'], /There is no command "cal"\. Did you mean call\?/],
    [['x.js', '--lissen', '1'], /There is no option --lissen\. Did you mean --listen\?/],
    [['x.js', '--nonsense'], /There is no option --nonsense\.\n/],
    [['x.js', '-z'], /There is no option -z\./],
    [['x.js', '--listen'], /--listen/],
    [['x.js', 'y.js'], /y\.js is too many\.\n/],
    [['cal', '/', 'x.js'], /Did you mean cgiup call\?/],
    [['hots', 'cgi-bin'], /Did you mean cgiup host\?/],
    [['.'], /\. is a directory\. To serve the scripts in it: cgiup host \./],
    [['call', '/', '.'], /\. is a directory; cgiup call runs one file/],
    [['--quiet'], /Which app\?/],
    [['host'], /Which directory\?/],
    [['host', 'nowhere'], /There is no nowhere/],
    [['host', '.', '--env', 'X'], /"X" is not written as --env NAME=VALUE/],
    [['host', '.', '--timeout', 'soon'], /"soon" is no time/],
    [['host', '.', '--listen', 'nonsense'], /Cannot listen on "nonsense"/],
    [['host', '.', '--mount', '/', '--static', '.'], /--mount has to be a path below/],
    [['call', '/'], /Which PATH of which APP/],
    [['call', '/', 'missing.js'], /There is no file missing\.js/],
    [['call', 'hello', 'app.js'], /neither a path that begins with "\/" nor an http URL/],
    [['call', '/', 'app.js', '-H', 'X-A'], /A header is written "Name: value"/],
    [['call', '/', 'app.js', '--as', 'fcgi'], /--as takes cgi or http/],
    [['call', '/', 'app.js', '-d', '@missing'], /There is no file missing for --data/],
    [['call', '/x', 'app.js', '--mount', '/y'], /not below the mount path/],
  ])('%j', async (args, message) => {
    write('app.js', hello)
    write('x.js', hello)
    const { out, err, code } = await cgiup(args)
    expect(err).toMatch(message)
    expect(err).toMatch(/^cgiup: /)
    expect(err).not.toMatch(/\n\s+at /)
    expect({ out, code }).toEqual({ out: '', code: 2 })
  })

  it('an unknown server is named with the known ones', async () => {
    const { err, code } = await cgiup(['x.js', '--server', 'cg'])
    expect(err).toContain('known are auto, cgi, fastcgi, scgi, http. Did you mean "cgi"?')
    expect(code).toBe(2)
  })
})

describe('cgiup APP', () => {
  /** Starts a server and asks it for a path. */
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

  it('serves what a file exports', async () => {
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

  it('its options go before those in the file', async () => {
    write(
      'own-run.mjs',
      `import { run } from 'cgiup'\nimport app from './app.js'\nrun(app, { port: 1, mount: '/own' })`,
    )
    write('app.js', hello)
    const { text } = await served(['own-run.mjs', '--listen', '127.0.0.1:0', '--mount', '/given'], '/given/x')
    expect(text).toMatch(/^GET\|\/x\|.*\|\/given\|/)
  })

  it('a program that calls listen() gets the port it asked for', async () => {
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

  it('under CGI: words of the query are no options (RFC 3875 4.4, CVE-2012-1823)', async () => {
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
    // What stands before the script is the author's: #!/usr/bin/env -S cgiup --mount /m
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
      ['export const nothing = 1', /exports no app and starts none/],
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
    expect(err).toMatch(/^cgiup: \S+\/empty\.js exports no app and starts none\./)
    expect(code).toBe(1)
  })

  it('a failed start in the file itself is told once', async () => {
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

describe('cgiup call', () => {
  beforeAll(() => {
    write('app.js', hello)
    write(
      'perl-like.sh',
      `#!/bin/sh
printf 'Content-Type: text/plain; charset=utf-8\\n\\n'
printf '%s %s %s %s ' "$REQUEST_METHOD" "$PATH_INFO" "$QUERY_STRING" "$REMOTE_USER"
cat
echo to the log >&2`,
      true,
    )
  })

  it('prints exactly what a script writes, and its stderr', async () => {
    expect(
      await cgiup(['call', '/a%20b?c=d', './perl-like.sh', '-d', 'body', '-e', 'REMOTE_USER=me']),
    ).toEqual({
      out: 'Content-Type: text/plain; charset=utf-8\n\nPOST /a b c=d me body',
      err: 'to the log\n',
      code: 0,
    })
  })

  it('runs an app file that is no script', async () => {
    const { out, err, code } = await cgiup([
      'call',
      '/x?y',
      'app.js',
      '-X',
      'PUT',
      '-d',
      'a=1',
      '-d',
      'b=2',
      '-H',
      'X-A: grün',
    ])
    expect(out).toMatch(/^Status: 200 OK\r\n/)
    expect(out).toContain('PUT|/x?y|application/x-www-form-urlencoded|')
    expect(out).toMatch(/\|a=1&b=2\n$/)
    expect({ err, code }).toEqual({ err: '', code: 0 })
  })

  it('sends files and stdin', async () => {
    write('data.txt', 'from a file')
    expect((await cgiup(['call', '/', './perl-like.sh', '-d', '@data.txt'])).out).toMatch(/from a file$/)
    const { out } = await cgiup(['call', '/', './perl-like.sh', '-d', '@-'], {
      stdin: 'pipe',
      input: 'from stdin',
    })
    expect(out).toMatch(/from stdin$/)
  })

  it('mounts, and takes absolute URLs', async () => {
    expect((await cgiup(['call', '/cgi/x/rest', 'app.js', '--mount', '/cgi/x'])).out).toMatch(
      /GET\|\/rest\|\|\|\/cgi\/x\|/,
    )
    write('origin.js', 'export default { fetch: (r) => new Response(r.url) }')
    expect((await cgiup(['call', 'https://example.org:8443/x', 'origin.js'])).out).toMatch(
      /https:\/\/example\.org:8443\/x$/,
    )
  })

  it('--as http: the response as a client gets it', async () => {
    const app = await cgiup(['call', '/x', 'app.js', '--as', 'http', '-d', 'b', '-e', 'REMOTE_USER=nobody'])
    expect(app.out).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nPOST\|\/x\|.*\|b\n$/)
    expect(app.code).toBe(0)
    const script = await cgiup(['call', '/x', './perl-like.sh', '--as', 'http'])
    expect(script.out).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nGET \/x {2} $/)
  })

  it('--explain: nothing to say', async () => {
    const { out, err, code } = await cgiup(['call', '/', './perl-like.sh', '--explain'])
    expect(out).toMatch(/^Content-Type/)
    expect(err).toContain('Nothing in this reply breaks RFC 3875.')
    expect(code).toBe(0)
  })

  it('--explain: what breaks the RFC, at its line, with the clause', async () => {
    const script = write(
      'bad.sh',
      `#!/bin/sh\nprintf 'Content-type text/html\\nStatus: 20\\nConnection: close\\n\\nhi'\nexit 3`,
      true,
    )
    const { out, err, code } = await cgiup(['call', '/', script, '--explain'])
    expect(out).toBe('Content-type text/html\nStatus: 20\nConnection: close\n\nhi')
    expect(err).toMatch(/line 1 {2}Content-type text\/html\n {2}error: .*\n.*\(RFC 3875 6\.3\)/)
    expect(err).toMatch(/line 2 {2}Status: 20\n {2}error: .*\n.*\(RFC 3875 6\.3\.3\)/)
    expect(err).toMatch(/line 3 {2}Connection: close\n {2}error: .*\n.*\(RFC 3875 6\.3\.4\)/)
    expect(err).toContain('exit code 3')
    expect(code).toBe(1)
  })

  it.each([
    ['nothing', 'exit 0'],
    ['half a head', "printf 'Content-Type: text/plain\\n'"],
    ['garbage', "printf 'hello\\n\\n'"],
    ['a failure', "printf 'Content-Type: text/plain\\n\\n'; exit 9"],
  ])('exit code 1 for %s', async (name, text) => {
    const script = write(`${name.replaceAll(' ', '-')}.sh`, `#!/bin/sh\n${text}`, true)
    expect((await cgiup(['call', '/', script])).code).toBe(1)
  })

  it('says why a script cannot be started', async () => {
    const cases = [
      [write('no-exec.sh', '#!/bin/sh\n'), /no permission to execute it: chmod \+x/],
      [write('no-interpreter.sh', '#!/no/such/program\n', true), /\/no\/such\/program, does not exist/],
      [write('no-shebang.pl', 'print "hello"', true), /first line has to be "#!"/],
    ] as const
    for (const [script, reason] of cases) {
      const { out, err, code } = await cgiup(['call', '/', script])
      expect(err).toMatch(reason)
      expect({ out, code }).toEqual({ out: '', code: 1 })
    }
  })

  it('a large reply arrives whole through a pipe', async () => {
    const script = write(
      'large.sh',
      `#!/bin/sh\nprintf 'Content-Type: application/octet-stream\\n\\n'\nhead -c 5000000 /dev/zero`,
      true,
    )
    const { out, code } = await cgiup(['call', '/', script], { maxBuffer: 1e8 })
    expect(out.length).toBe(5_000_000 + 'Content-Type: application/octet-stream\n\n'.length)
    expect(code).toBe(0)
  })
})

describe('cgiup host', () => {
  async function hosted(args: string[], targets: string[]) {
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
    for (const target of targets) replies.push(await request({ port }, { target }))
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

  it('mounts them, beside static files', async () => {
    const { replies } = await hosted(
      ['bin', '--static', 'public'],
      ['/cgi-bin/hi.cgi', '/page.html', '/hi.cgi'],
    )
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 404])
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

  it('one script answers for every path; an app file is one', async () => {
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
})

describe('what a web server starts', () => {
  it('loads nothing of the other commands', async () => {
    const file = write(
      'loads.cjs',
      'module.exports = { fetch: () => new Response(Object.keys(require.cache).length + "") }',
    )
    const trace = write(
      'trace.cjs',
      `process.on('exit', () => {
        const seen = process.moduleLoadList.filter((name) => /^NativeModule (http|https|net|child_process|internal\\/deps\\/undici\\/undici)$/.test(name))
        require('fs').writeSync(2, JSON.stringify(seen))
      })`,
    )
    const env = {
      GATEWAY_INTERFACE: 'CGI/1.1',
      REQUEST_METHOD: 'GET',
      REQUEST_URI: '/',
      SERVER_PROTOCOL: 'HTTP/1.1',
      NODE_OPTIONS: `--require ${trace}`,
    }
    const { out, err } = await cgiup([file], { env })
    expect(out).toMatch(/^Status: 200/)
    expect(JSON.parse(err.slice(err.lastIndexOf('[')))).toEqual([])
  })

  it('has a file for each command', () => {
    const files = readdirSync(join(root, 'src', 'cli'))
    for (const name of ['run', 'host', 'call']) expect(files).toContain(`${name}.ts`)
  })
})
