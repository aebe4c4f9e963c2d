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
    [['hots'], /There is no file hots\. Did you mean the command host\?/],
    [['missing.js'], /There is no file missing\.js\./],
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
    [['host'], /cgiup host needs a directory/],
    [['host', 'nowhere'], /There is no nowhere/],
    [['host', '.', '--env', 'X'], /"X" does not have the form --env NAME=VALUE/],
    [
      ['host', '.', '--timeout', 'soon'],
      /--timeout must be a time such as 60s, 500ms or 2m; 0 for no limit, not "soon"/,
    ],
    [['host', '.', '--listen', 'nonsense'], /Cannot listen on "nonsense"/],
    [['host', '.', '--mount', '/', '--static', '.'], /need their own path: --mount/],
    [['call', '/'], /needs a PATH and an APP/],
    [['call', '/', 'missing.js'], /There is no file missing\.js/],
    [['call', 'hello', 'app.js'], /neither a path that begins with "\/" nor an http URL/],
    [['call', '/', 'app.js', '-H', 'X-A'], /is not a header; write "Name: value"/],
    [['call', '/', 'app.js', '--as', 'fcgi'], /--as must be cgi or http/],
    [['call', '/', 'app.js', '-d', '@missing'], /There is no file missing for --data/],
    [['call', '/x', 'app.js', '--mount', '/y'], /not below the mount path/],
  ])('%j', async (args, message) => {
    write('app.js', hello)
    write('x.js', hello)
    const { out, err, code } = await cgiup(args)
    expect(err).toMatch(message)
    expect(err).toMatch(/^cgiup: /)
    expect(err).not.toMatch(/\n\s+at |documentation/)
    expect({ out, code }).toEqual({ out: '', code: 2 })
  })

  it('an unknown server is named with the known ones', async () => {
    const { err, code } = await cgiup(['x.js', '--server', 'cg'])
    expect(err).toContain('known servers are auto, cgi, fastcgi, scgi, http. Did you mean "cgi"?')
    expect(code).toBe(2)
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
