/** `run()` in a CGI script. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { app, directory, node, program, serve } from './programs.js'

describe('as a CGI script', () => {
  const request = {
    GATEWAY_INTERFACE: 'CGI/1.1',
    REQUEST_METHOD: 'GET',
    REQUEST_URI: '/x',
    SERVER_PROTOCOL: 'HTTP/1.1',
  }

  it.each([
    ['an ES module', 'script.mjs', "import { run } from 'cgiup'"],
    ['CommonJS', 'script.cjs', "const { run } = require('cgiup')"],
    ['CommonJS with another extension', 'script.cgi', "const { run } = require('cgiup')"],
  ])('%s answers, and is quiet', async (_, name, load) => {
    const { stdout, stderr, exitCode } = await node(program(name, `${load}\nrun(${app})`), request)
    expect(stdout).toMatch(/^Status: 200 OK\r\n[\s\S]*\r\n\r\n\/x$/)
    // No ExperimentalWarning of require(esm), no banner.
    expect(stderr.replace(/.*no Content-Type.*\n?/, '')).toBe('')
    expect(exitCode).toBe(0)
  })

  it('reserves stdout for the reply as soon as cgiup is imported', async () => {
    const text = `import { run } from 'cgiup'\nconsole.log('first of all')\nprocess.stdout.write('and')\nrun(${app})`
    const { stdout, stderr } = await node(program('early.mjs', text), request)
    expect(stdout).toMatch(/^Status: /)
    expect(stdout).not.toMatch(/first of all|and/)
    expect(stderr).toContain('first of all\nand')
  })

  it('answers 500 if the value is not an app', async () => {
    const { stdout, stderr, exitCode } = await node(
      program('no-app.mjs', "import { run } from 'cgiup'\nrun('text')"),
      request,
    )
    expect(stdout).toMatch(/^Status: 500 Internal Server Error\r\n/)
    expect(stderr).toContain('The app is the text "text"')
    expect(exitCode).toBe(1)
  })

  it('shows errors only when NODE_ENV is development', async () => {
    const failing = `import { run } from 'cgiup'
      run({ fetch() { console.log('about to fail'); throw new Error('on purpose', { cause: new TypeError('deeper') }) } })`
    const file = program('failing-cgi.mjs', failing)
    const env = { ...request, HTTP_ACCEPT: 'text/html', HTTP_COOKIE: 'sid=abcdef' }
    const plain = await node(file, env)
    expect(plain.stdout).toMatch(/^Status: 500/)
    expect(plain.stdout).not.toMatch(/on purpose|about to fail|deeper/)
    expect(plain.stderr).toMatch(/on purpose/)
    const shown = await node(file, { ...env, NODE_ENV: 'development' })
    expect(shown.stdout).toMatch(/Error: on purpose[\s\S]*TypeError: deeper[\s\S]*about to fail/)
    expect(shown.stdout).not.toContain('abcdef')
  })

  it('can be run as a server nevertheless', async () => {
    const server = await serve(
      program('forced.mjs', `import { run } from 'cgiup'\nrun(${app}, { port: 0 })`),
      {
        ...request,
        CGIUP_SERVER: 'http',
      },
    )
    expect(server.log()).toContain('CGIUP_SERVER is set')
    server.child.kill('SIGTERM')
    expect(await server.exit).toBe(0)
  })

  it('can be run by hand: one variable is enough', async () => {
    const file = program('by-hand.mjs', `import { run } from 'cgiup'\nrun(${app})`)
    const { stdout } = await node(file, { REQUEST_METHOD: 'GET', PATH_INFO: '/by/hand' })
    expect(stdout).toMatch(/\r\n\r\n\/by\/hand$/)
  })
})

describe('how plain node treats the extensions of scripts', () => {
  const esm = `import { run } from 'cgiup'\nrun(${app})`
  const cjs = `const { run } = require('cgiup')\nrun(${app})`
  const rows: [style: string, scope: string, extension: string, works: boolean][] = [
    ['ESM', 'none', '.mjs', true],
    ['ESM', 'none', '.js', true],
    ['ESM', 'none', '', true],
    ['ESM', 'none', '.cgi', false],
    ['ESM', 'module', '.js', true],
    ['ESM', 'module', '', true],
    ['ESM', 'module', '.cgi', false],
    ['CommonJS', 'none', '.cjs', true],
    ['CommonJS', 'none', '.js', true],
    ['CommonJS', 'none', '', true],
    ['CommonJS', 'none', '.cgi', true],
    ['CommonJS', 'module', '.cgi', false],
    ['CommonJS', 'commonjs', '.cgi', true],
  ]
  it.concurrent.each(rows)(
    '%s, package type %s, extension "%s": %s',
    async (style, scope, extension, works) => {
      const name = join(`plain-${scope}-${style}${extension}`, `${style}${extension}`)
      mkdirSync(join(directory, dirname(name)), { recursive: true })
      if (scope !== 'none')
        writeFileSync(join(directory, dirname(name), 'package.json'), `{"type":"${scope}"}`)
      const file = program(name, `#!/usr/bin/env node\n${style === 'ESM' ? esm : cjs}`)
      const { stdout, stderr } = await node(file, { REQUEST_METHOD: 'GET', PATH_INFO: '/x' })
      if (works) expect(stdout).toMatch(/\r\n\r\n\/x$/)
      else expect(stderr).toMatch(/ERR_UNKNOWN_FILE_EXTENSION/)
    },
  )
})
