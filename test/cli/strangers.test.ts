/** Under CGI, a stranger may choose words of the command line: they are neither commands nor options. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { dropQueryWords } from '../../src/cgi/child/query-words.js'
import { tempDir } from '../support/temp.js'
import { bin, root } from './cgiup.js'

const directory = tempDir('strangers')
mkdirSync(join(directory, 'node_modules'))
symlinkSync(root, join(directory, 'node_modules', 'cgiup'))

const app = (text: string) => `export default { fetch: () => new Response(${text}) }\n`
const argv = 'JSON.stringify(process.argv.slice(2))'

function script(name: string, text = app(argv)): void {
  writeFileSync(join(directory, name), `#!/usr/bin/env cgiup\n${text}`, { mode: 0o755 })
}

/**
 * As the kernel runs a script with the first line `#!/usr/bin/env cgiup` if the server gave a relative name.
 */
const asScript = (args: readonly string[], env: Record<string, string>) =>
  execa(process.execPath, [bin, ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH, ...env },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    timeout: 20_000,
  })

const request = {
  GATEWAY_INTERFACE: 'CGI/1.1',
  REQUEST_METHOD: 'GET',
  REQUEST_URI: '/x',
  SERVER_PROTOCOL: 'HTTP/1.1',
}
const body = (reply: { stdout: string }) => reply.stdout.split('\r\n\r\n')[1]

describe('a script named like a command', () => {
  const attacks: readonly [string, ...string[]][] = [
    ['call', '/', '/bin/sh', '--data', 'id'],
    ['call', '/', '/usr/bin/id'],
    ['call', '--as', 'http', '/', '/bin/sh'],
    ['host', '/etc', '--files', '--listen', '127.0.0.1:23999'],
    ['host', '--help'],
    ['help'],
    ['help', 'host'],
    ['--help'],
    ['-v'],
    ['--version', 'x'],
  ]

  it.each(attacks)('%s %s', async (name, ...words) => {
    script(name)
    const reply = await asScript([name, ...words], { ...request, QUERY_STRING: words.join('+') })
    expect(reply.stdout).toMatch(/^Status: 200 OK\r\n/)
    const { length } = JSON.parse(body(reply) ?? '')
    expect({ code: reply.exitCode, words: length }).toEqual({ code: 0, words: 1 })
  })

  it.each([{ GATEWAY_INTERFACE: 'CGI/1.1' }, { REQUEST_METHOD: 'GET' }])(
    'where only %j tells',
    async (env) => {
      script('call')
      const reply = await asScript(['call', '/', '/usr/bin/id'], { REQUEST_METHOD: 'GET', ...env })
      expect(body(reply)).toBe('["call"]')
      const other = await asScript(['call', '/', '/usr/bin/id'], env as Record<string, string>)
      expect(other.stdout).not.toContain('uid=')
    },
  )

  it('gets the options of its first line, in any spelling, and no others', async () => {
    script('call')
    for (const options of [
      ['-m', '/x'],
      ['--mount', '/x'],
      ['--mount=/x'],
      ['-m/x'],
      ['-qm', '/x'],
      ['-q'],
    ]) {
      const reply = await asScript([...options, 'call', '--server', 'http'], request)
      expect(body(reply)).toBe(JSON.stringify([...options, 'call']))
    }
  })

  it('is not treated as a command with a socket on descriptor 0 either', async () => {
    script('host', app('"served"'))
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle
    const child = execa(process.execPath, [bin, 'host'], {
      cwd: directory,
      env: { PATH: process.env.PATH, CGIUP_SERVER: 'http' },
      extendEnv: false,
      reject: false,
      stdio: [fd as 0, 'pipe', 'pipe'],
    })
    const { port } = server.address() as { port: number }
    server.close()
    try {
      expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('served')
    } finally {
      child.kill('SIGKILL')
    }
  })
})

describe('a script that Node runs', () => {
  it.each([
    ['argv.mjs', `import { run } from 'cgiup'\nrun({ fetch: () => new Response(${argv}) })\n`],
    ['argv.cjs', `const { run } = require('cgiup')\nrun({ fetch: () => new Response(${argv}) })\n`],
  ])('%s does not see the words of the query', async (name, text) => {
    writeFileSync(join(directory, name), text)
    const node = (words: string[], QUERY_STRING: string) =>
      execa(process.execPath, [join(directory, name), ...words], {
        env: { PATH: process.env.PATH, ...request, QUERY_STRING },
        extendEnv: false,
        stdin: 'ignore',
      })
    expect(body(await node(['--config', '/etc/passwd'], '--config+%2Fetc%2Fpasswd'))).toBe('[]')
    // The arguments of a wrapper were not chosen by a stranger.
    expect(body(await node(['--config', 'mine', 'x'], 'x'))).toBe('["--config","mine"]')
    expect(body(await node(['--config', 'mine'], 'a=b'))).toBe('["--config","mine"]')
  })

  it.each<[string[], string, string[]]>([
    [['a', 'b'], 'a+b', []],
    [['a b'], 'a+b', []],
    [['a', '', 'b'], 'a++b', []],
    [['\\;id', 'x\\|y'], ';id+x|y', []],
    [['é'], '%C3%A9', []],
    [['-c', 'f', 'a'], 'a', ['-c', 'f']],
    [['-c', 'f'], 'other', ['-c', 'f']],
    [['-c', 'f'], '', ['-c', 'f']],
    [['a', 'b=c'], 'a+b=c', ['a', 'b=c']],
    [['a=b'], 'a%3Db', []],
    [[], 'a', []],
  ])('%j with the query %j leaves %j', (words, query, left) => {
    const all = ['node', 'script', ...words]
    dropQueryWords(all, query)
    expect(all.slice(2)).toEqual(left)
  })
})
