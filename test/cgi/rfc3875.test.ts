/**
 * RFC 3875, script side: a test for each thing that a script must, must not, should or may do, named after
 * its clause. head.test.ts covers the reply head.
 */

import { spawn } from 'node:child_process'
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { HeadParser } from '../../src/cgi/codec/head-parser.js'
import { tempDir } from '../support/temp.js'
import { outputOf, run, script, start, type Variables, variables } from './script-process.js'

const post: Variables = { REQUEST_METHOD: 'POST' }

/** The part of a file that the script, which got it as stdin, leaves unread. */
async function unread(app: string, content: string, more: Variables): Promise<string> {
  const file = join(tempDir('rfc'), 'stdin')
  writeFileSync(file, content)
  const fd = openSync(file, 'r')
  await outputOf(start(variables(app, more), [fd, 'pipe', 'pipe']))
  const rest = Buffer.alloc(content.length + 1)
  const count = readSync(fd, rest, 0, rest.length, null)
  closeSync(fd)
  return rest.toString('latin1', 0, count)
}

describe('MUST', () => {
  it.each(['CGI/1.1', 'CGI/01.01', 'CGI/1.01', 'CGI/1.2'])(
    '4.1.4: leading zeros in the version are ignored: %s',
    async (version) => {
      expect((await run('hello', { GATEWAY_INTERFACE: version })).head).toMatch(/^Status: 200 /)
    },
  )

  it('4.2: no more than CONTENT_LENGTH bytes are read', async () => {
    expect(await unread('collect', 'abcdefgh', { ...post, CONTENT_LENGTH: '3' })).toBe('defgh')
  })

  it('4.3.2: CONTENT_LENGTH is checked before a POST body is read', async () => {
    expect(await unread('collect', 'abc', { ...post, CONTENT_LENGTH: 'three' })).toBe('abc')
    expect((await run('collect', { ...post, CONTENT_LENGTH: 'three' }, 'abc')).head).toMatch(/^Status: 400 /)
    expect(await unread('collect', 'abc', post)).toBe('abc')
  })

  it('4.3.3: no body for HEAD', async () => {
    const head = await run('hello', { REQUEST_METHOD: 'HEAD' })
    expect(head.head).toBe((await run('hello')).head)
    expect(head.body).toHaveLength(0)
    expect((await run('stream', { REQUEST_METHOD: 'HEAD', SIZE: '3000000' })).body).toHaveLength(0)
  })

  it('5.2: an NPH script writes a full HTTP response and keeps no connection', async () => {
    const out = await run('hello', { SCRIPT_NAME: '/cgi-bin/nph-app.cgi' })
    expect(out.head).toMatch(
      /^HTTP\/1\.1 200 OK\r\nDate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\nConnection: close\r\n/,
    )
    expect(out.body.toString()).toBe('hello /x')
    const parser = new HeadParser({ nph: true })
    expect(parser.push(out.bytes)?.head).toMatchObject({ status: 200, nph: true })
  })

  it.each(['throws', 'never', 'throws-early', 'exits-early'])('5.2: also when it fails: %s', async (app) => {
    expect((await run(app, { SCRIPT_NAME: '/nph-app.cgi' })).head).toMatch(/^HTTP\/1\.1 500 .*\r\n/)
  })

  it('5.2: SCRIPT_FILENAME counts, too; a server without NPH support gets no NPH output', async () => {
    const file = { SCRIPT_FILENAME: '/srv/cgi/nph-x' }
    expect((await run('hello', file)).head).toMatch(/^HTTP\/1\.1 200 OK/)
    expect((await run('hello', { ...file, FCGI_ROLE: 'RESPONDER' })).head).toMatch(/^Status: 200 OK/)
    expect((await run('hello', { ...file, SERVER_SOFTWARE: 'go' })).head).toMatch(/^Status: 200 OK/)
    expect((await run('hello', { SCRIPT_NAME: '/nph-dir/app' })).head).toMatch(/^Status: 200 OK/)
  })

  it.each(['hello', 'nothing', 'throws', 'rejects', 'never', 'exits-early', 'exit-in-handler'])(
    '6.1: the answer is never empty: %s',
    async (app) => {
      const out = await run(app, { NOTE: '/dev/null' })
      expect(out.head).toMatch(/^Status: \d{3} .+\r\n(.+\r\n)*\r\n$/)
    },
  )

  it('6.1: REQUEST_METHOD is checked', async () => {
    expect((await run('hello', { REQUEST_METHOD: undefined })).head).toMatch(/^Status: 500 /)
  })

  it.each(['hello', 'nothing', 'stream', 'throws', 'throws-413', 'verbatim'])(
    '6.2, 6.3: the answer is a CGI response: %s',
    async (app) => {
      const out = await run(app, { SIZE: '10' })
      const found = new HeadParser().push(out.bytes)
      expect(found?.head.kind).toBe('document')
      const names = found?.head.headers.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()) ?? []
      expect(names.filter((name) => name === 'content-type').length).toBeLessThanOrEqual(1)
      expect(out.head.match(/^Status:/gm)).toHaveLength(1)
    },
  )

  it('6.2.1, 6.3.1: Content-Type with every body', async () => {
    for (const app of ['hello', 'throws', 'never', 'exits-early', 'throws-early']) {
      expect((await run(app)).head).toMatch(/\r\nContent-Type: text\/plain/)
    }
  })
})

describe('SHOULD', () => {
  it('3.4: being killed harms nothing: no file is left behind', async () => {
    const child = start(variables('term-ignored'))
    const output = outputOf(child)
    child.stderr?.once('data', () => child.kill('SIGKILL'))
    expect(await output).toMatchObject({ signal: 'SIGKILL' })
  })

  it.each(['GE T', '<x>', 'GET\r\nX'])('4.3: what is not a method is rejected: %j', async (method) => {
    expect((await run('hello', { REQUEST_METHOD: method })).head).toMatch(/^Status: 400 /)
  })

  it('4.3: methods of other specifications reach the app', async () => {
    for (const method of ['PROPFIND', 'M-SEARCH', 'get']) {
      expect((await run('hello', { REQUEST_METHOD: method })).head).toMatch(/^Status: 200 /)
    }
  })

  it('4.4: arguments from the query are ignored', async () => {
    const child = spawn(process.execPath, [script, '-d', '--help', 'x'], {
      env: variables('hello', { QUERY_STRING: '-d+--help+x' }),
    })
    child.stdin.end()
    expect((await outputOf(child)).body.toString()).toBe('hello /x')
  })

  it('4.3.2, 6.3.3, 8.2: CONTENT_TYPE, SERVER_PROTOCOL and PATH_INFO are the app’s to judge: it gets them all', async () => {
    const more = {
      ...post,
      CONTENT_TYPE: 'x/y',
      SERVER_PROTOCOL: 'HTTP/1.0',
      PATH_INFO: '//../a',
      CONTENT_LENGTH: '0',
    }
    const { list } = JSON.parse((await run('environment', more)).body.toString())
    for (const [name, value] of Object.entries(more)) expect(list[list.indexOf(name) + 1]).toBe(value)
  })
})

describe('MAY', () => {
  it('4.2: the body may be left unread', async () => {
    expect(await run('ignore', {}, 'x'.repeat(100_000))).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('de facto', () => {
  it('HTTP_PROXY does not reach the app’s HTTP clients (httpoxy, CVE-2016-5385)', async () => {
    const out = await run('environment', { HTTP_PROXY: 'http://evil.example/' })
    expect(JSON.parse(out.body.toString()).proxy).toBe(null)
    expect(out.body.toString()).not.toContain('evil')
  })

  it('a body that came chunked, without CONTENT_LENGTH, is read to its end', async () => {
    const child = start(variables('collect', { ...post, HTTP_TRANSFER_ENCODING: 'chunked' }))
    child.stdin?.end('to the end')
    expect((await outputOf(child)).body.toString()).toBe('to the end')
  })

  it('nothing breaks under a limit of address space, as shared hosts set it', async () => {
    const command = 'ulimit -v 2097152 && exec "$NODE" "$SCRIPT"'
    const env = { ...variables('stream', { SIZE: '5000000' }), NODE: process.execPath, SCRIPT: script }
    const out = await outputOf(spawn('/bin/sh', ['-c', command], { env }))
    expect(out.body).toHaveLength(5_000_000)
    expect(out.code).toBe(0)
  })
})
