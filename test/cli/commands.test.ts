/** The command line itself. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { cgiup, hello, root, write } from './cgiup.js'

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
    [['hots'], /There is no file hots in \/.*\. Did you mean the command host\?/],
    [['missing.js'], /There is no file missing\.js in \//],
    [['ap.js'], /There is no file ap\.js in \/.*\. Did you mean app\.js\?/],
    [['./ap.js'], /Did you mean \.\/app\.js\?/],
    [['no/app.js'], /There is no file no\/app\.js: the directory \/.*\/no does not exist\./],
    [['run', 'app.js'], /There is no command run\. Write cgiup app\.js\./],
    [['page.sh'], /page\.sh is not JavaScript: its first line is "#!\/bin\/sh"\. .*: cgiup host page\.sh/],
    [['app.js', '--port', '3000'], /There is no option --port\. Use --listen :3000\./],
    [['app.js', '--mount', 'shop'], /The mount prefix "shop" is not a path; write it as "\/shop"\./],
    [['app.js', '--listen', ':80x'], /A port is a number from 0 to 65535, not "80x"\./],
    [['app.js', '--listen', '99999'], /A port is a number from 0 to 65535, not "99999"\./],
    [['app.js', '--allow', 'x'], /The option allow \(--allow\) has "x", which is not an IP address/],
    [['app.js', '--server', 'fcgi'], /Did you mean "fastcgi"\?/],
    [
      ['app.js', '--no-repair', 'nginx-hostport'],
      /\(the option "repairs", --no-repair\)\. Did you mean "nginx-host-port"\?\n/,
    ],
    [['help', 'cal'], /There is no command "cal"\. Did you mean call\?/],
    [['x.js', '--lissen', '1'], /There is no option --lissen\. Did you mean --listen\?/],
    [['x.js', '--nonsense'], /There is no option --nonsense\.\n/],
    [['x.js', '-z'], /There is no option -z\./],
    [['x.js', '--listen'], /The option --listen needs a value\.\n/],
    [['host', '.', '--max-scripts', '-1'], /write a value that begins with "-" as --max-scripts=-VALUE\.\n/],
    [
      ['host', '.', '--development=no'],
      /The option --development takes no value\.\n +cgiup host --help lists/,
    ],
    [['x.js', 'y.js'], /remove y\.js\./],
    [['cal', '/', 'x.js'], /Did you mean cgiup call\?/],
    [['hots', 'cgi-bin'], /Did you mean cgiup host\?/],
    [['.'], /\. is a directory\. To serve the scripts in it: cgiup host \./],
    [['call', '/', '.'], /\. is a directory; cgiup call runs one file/],
    [['--quiet'], /cgiup needs an app/],
    [['host'], /cgiup host needs a directory or a script/],
    [['host', 'nowhere'], /There is no file or directory nowhere in \//],
    [['host', '.', '--env', 'X'], /"X" does not have the form --env NAME=VALUE/],
    [
      ['host', '.', '--timeout', 'soon'],
      /--timeout must be a time such as 60s, 500ms or 2m; 0 for no limit, not "soon"/,
    ],
    [['host', '.', '--listen', 'nonsense'], /Cannot listen on "nonsense"/],
    [['host', '.', '--mount', '/', '--static', '.'], /need their own path: --mount/],
    [['call', '/'], /needs a PATH and an APP/],
    [['call', '/', 'missing.js'], /There is no file missing\.js/],
    [['call', '/', 'ap.js'], /Did you mean app\.js\?/],
    [['call', '/', 'app.js', '--mount', 'y'], /The mount path "y" must begin with "\/"/],
    [['call', 'hello', 'app.js'], /neither a path that begins with "\/" nor an http URL/],
    [['call', '/', 'app.js', '-H', 'X-A'], /is not a header; write "Name: value"/],
    [['call', '/', 'app.js', '--as', 'fcgi'], /--as must be cgi or http/],
    [['call', '/', 'app.js', '-d', '@missing'], /--data: There is no file missing in \//],
    [['call', '/x', 'app.js', '--mount', '/y'], /not below the mount path/],
  ])('%j', async (args, message) => {
    write('app.js', hello)
    write('x.js', hello)
    write('page.sh', '#!/bin/sh\necho "Content-Type: text/plain"\n')
    const { out, err, code } = await cgiup(args)
    expect(err).toMatch(message)
    expect(err).toMatch(/^cgiup: /)
    expect(err).not.toMatch(/\n\s+at |documentation/)
    expect({ out, code }).toEqual({ out: '', code: 2 })
  })

  it('an error thrown by another copy of the package (global cgiup, local dependency) is shown the same way', async () => {
    write(
      'copy.mjs',
      `throw Object.assign(new Error('Cannot listen on "x".'), { code: 'ADDRESS_INVALID', fix: 'Write a port.' })`,
    )
    const { err, code } = await cgiup(['copy.mjs'])
    expect(err).toBe('cgiup: Cannot listen on "x".\n       Write a port.\n')
    expect(code).toBe(2)
  })

  it('an unknown server: the error lists the known ones', async () => {
    const { err, code } = await cgiup(['x.js', '--server', 'cg'])
    expect(err).toContain('known servers are auto, cgi, fastcgi, scgi, http. Did you mean "cgi"?')
    expect(code).toBe(2)
  })
})

describe('as a web server starts it', () => {
  it('does not load the other commands', async () => {
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
