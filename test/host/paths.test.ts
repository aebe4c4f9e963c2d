/** Paths: decoded once, then resolved, then compared. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { resolvePath } from '../../src/host/path.js'
import { cgiBin, files, mount, script } from '../../src/host.js'
import { runs } from '../support/runs.js'
import { scripts, sh, startHost } from './support.js'

const show = sh('printf "Content-Type: text/plain\\n\\n%s|%s" "$SCRIPT_NAME" "$PATH_INFO"')

function site(): string {
  const root = scripts({
    'cgi-bin/a.cgi': show,
    'cgi-bin/sub/b.cgi': show,
    'cgi-bin/with space.cgi': show,
    'cgi-bin/100%.cgi': show,
    'cgi-bin/%41.cgi': show,
    'cgi-bin/caf\u00e9.cgi': show,
    'cgi-bin/.hidden.cgi': show,
    'cgi-bin/.git/config.cgi': show,
    'cgi-bin/notes.txt': Buffer.from('SOURCE'),
    'htdocs/index.html': Buffer.from('index'),
    'htdocs/plain.html': Buffer.from('plain'),
    'htdocs/.htpasswd': Buffer.from('SOURCE'),
    'htdocs/tool.php': Buffer.from('<?php SOURCE'),
    'htdocs/tool': sh('SOURCE'),
    'secret.cgi': show,
  })
  symlinkSync(join(root, 'secret.cgi'), join(root, 'cgi-bin/out.cgi'))
  symlinkSync(root, join(root, 'cgi-bin/outdir'))
  symlinkSync('a.cgi', join(root, 'cgi-bin/in.cgi'))
  return root
}

function whole(root: string) {
  const bin = cgiBin(join(root, 'cgi-bin'), { list: false })
  return startHost(mount({ '/cgi-bin': bin, '/': files(join(root, 'htdocs')) }))
}

describe('scripts', () => {
  test.each([
    ['/cgi-bin/a.cgi', '/cgi-bin/a.cgi|'],
    ['/cgi-bin/a.cgi/', '/cgi-bin/a.cgi|/'],
    ['/cgi-bin/a.cgi/x/y', '/cgi-bin/a.cgi|/x/y'],
    ['/cgi-bin/a.cgi//x//', '/cgi-bin/a.cgi|//x//'],
    ['/cgi-bin/%61.cgi/%78', '/cgi-bin/a.cgi|/x'],
    ['/%63gi-bin/a.cgi', '/cgi-bin/a.cgi|'],
    ['//cgi-bin//a.cgi', '/cgi-bin/a.cgi|'],
    ['/./cgi-bin/./a.cgi', '/cgi-bin/a.cgi|'],
    ['/x/../cgi-bin/a.cgi', '/cgi-bin/a.cgi|'],
    ['/x/%2e%2e/cgi-bin/a.cgi', '/cgi-bin/a.cgi|'],
    ['/cgi-bin/x/../a.cgi/p', '/cgi-bin/a.cgi|/p'],
    ['/cgi-bin/a.cgi/p/../q', '/cgi-bin/a.cgi|/q'],
    ['/cgi-bin/a.cgi/p/.', '/cgi-bin/a.cgi|/p/'],
    ['/cgi-bin/a.cgi/%252e%252e', '/cgi-bin/a.cgi|/%2e%2e'],
    ['/cgi-bin/a.cgi/b.cgi', '/cgi-bin/a.cgi|/b.cgi'],
    ['/cgi-bin/sub/b.cgi/p', '/cgi-bin/sub/b.cgi|/p'],
    ['/cgi-bin/with%20space.cgi/p', '/cgi-bin/with space.cgi|/p'],
    ['/cgi-bin/100%25.cgi', '/cgi-bin/100%.cgi|'],
    ['/cgi-bin/%2541.cgi', '/cgi-bin/%41.cgi|'],
    ['/cgi-bin/caf%C3%A9.cgi', '/cgi-bin/caf\u00e9.cgi|'],
    ['/cgi-bin/in.cgi', '/cgi-bin/in.cgi|'],
    ['http://other.example/cgi-bin/a.cgi/p', '/cgi-bin/a.cgi|/p'],
  ])('%s runs as %s', async (target, seen) => {
    const host = await whole(site())
    const reply = await host.get(target)
    expect([reply.status, reply.text]).toEqual([200, seen])
  })
})

/** Encodings that some server failed to check; none may run or show anything. */
const corpus = [
  '/cgi-bin/../secret.cgi',
  '/cgi-bin/%2e%2e/secret.cgi',
  '/cgi-bin/.%2e/secret.cgi',
  '/cgi-bin/%2E./secret.cgi',
  '/cgi-bin/%%32%65%%32%65/secret.cgi',
  '/cgi-bin/%252e%252e/secret.cgi',
  '/cgi-bin/..%2fsecret.cgi',
  '/cgi-bin/..%5csecret.cgi',
  '/cgi-bin/..\\secret.cgi',
  '/cgi-bin/%c0%ae%c0%ae/secret.cgi',
  '/cgi-bin/%e0%80%ae%e0%80%ae/secret.cgi',
  '/cgi-bin/%uff0e%uff0e/secret.cgi',
  '/cgi-bin/..;/secret.cgi',
  '/cgi-bin/.../secret.cgi',
  '/cgi-bin/sub/../../secret.cgi',
  '/cgi-bin/sub%2f..%2f..%2fsecret.cgi',
  '/cgi-bin%2f..%2fsecret.cgi',
  '/../../../../etc/passwd',
  '/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
  '/..%2f..%2f..%2f..%2fetc%2fpasswd',
  '/cgi-bin/out.cgi',
  '/cgi-bin/outdir/secret.cgi',
  '/cgi-bin/.hidden.cgi',
  '/cgi-bin/%2ehidden.cgi',
  '/cgi-bin/.git/config.cgi',
  '/cgi-bin/a.cgi%00',
  '/cgi-bin/a.cgi%00.txt',
  '/cgi-bin/notes.txt%00.cgi',
  '/cgi-bin/a.cgi%2fx',
  '/cgi-bin/a.cgi%20',
  '/cgi-bin/a.cgi.',
  '/cgi-bin/A.CGI',
  '/CGI-BIN/a.cgi',
  '/cgi-bin/a.cgi%',
  '/cgi-bin/a.cgi%4',
  '/cgi-bin/a.cgi/..%2f..%2fetc',
  '/cgi-bin/a.cgi/x%2f..%2f..',
  '/cgi-bin/a%2ecgi%3f',
  '/cgi-bin/caf%E9.cgi',
  '/cgi-bin/notes.txt',
  '/cgi-bin/notes.txt/',
  '/cgi-bin/sub',
  '/cgi-bin/sub/',
  '/cgi-bin/nothing.cgi',
  '/cgi-bina.cgi',
  '/cgi-bin/../htdocs/plain.html',
  '/.htpasswd',
  '/%2ehtpasswd',
  '/tool.php',
  '/tool.php/',
  '/tool.php%00.html',
  '/tool',
  '/plain.html/',
  '/plain.html/x',
  '/plain.html%00',
  `/cgi-bin/${'a'.repeat(300)}`,
  `/cgi-bin/${'a/'.repeat(2000)}`,
]

describe('refused', () => {
  test.each(corpus)('%s', async (target) => {
    const host = await whole(site())
    const reply = await host.get(target)
    expect([301, 400, 403, 404]).toContain(reply.status)
    expect(reply.text).not.toMatch(/SOURCE|root:|\|/)
    if (reply.status === 301) expect(reply.header('location')).toBe(`${target}/`)
  })

  test('the same for each of them if the directory is the whole site', async () => {
    const root = site()
    const host = await startHost(cgiBin(join(root, 'cgi-bin'), { list: false }))
    for (const target of corpus.filter((one) => one.startsWith('/cgi-bin'))) {
      const reply = await host.get(target.slice('/cgi-bin'.length) || '/')
      expect([301, 400, 403, 404]).toContain(reply.status)
    }
  })

  test('symlinks that lead out are followed if allowed', async () => {
    const host = await startHost(cgiBin(join(site(), 'cgi-bin'), { followSymlinks: true }))
    expect((await host.get('/out.cgi/p')).text).toBe('/out.cgi|/p')
    expect((await host.get('/outdir/secret.cgi')).text).toBe('/outdir/secret.cgi|')
  })

  test('the source of a script is never sent, even if its permissions change', async () => {
    const root = scripts({ 'x.cgi': sh('SOURCE') })
    const host = await startHost(cgiBin(root))
    for (const mode of [0o644, 0o000, 0o600]) {
      chmodSync(join(root, 'x.cgi'), mode)
      const reply = await host.get('/x.cgi')
      expect(reply.text).not.toContain('SOURCE')
      if (mode === 0o644) expect(reply.status).toBe(403)
    }
  })

  test('a script that only root may not run: the log has the fix', async () => {
    const root = scripts({ 'x.cgi': Buffer.from('#!/bin/sh\n') })
    const host = await startHost(cgiBin(root))
    expect((await host.get('/x.cgi')).status).toBe(403)
    expect(host.stderr()).toContain(`${root}/x.cgi is not executable: use chmod +x`)
  })

  test('OPTIONS * names no script', async () => {
    const host = await whole(site())
    expect((await host.get('*', { method: 'OPTIONS' })).status).toBe(400)
  })
})

describe('directories', () => {
  test('without the trailing slash: 301, never to another host', async () => {
    const root = scripts({ 'evil.example/index.cgi': show, 'd/index.cgi': show })
    const host = await startHost(cgiBin(root))
    expect((await host.get('/d?x=1')).header('location')).toBe('/d/?x=1')
    expect((await host.get('//evil.example')).header('location')).toBe('/evil.example/')
    expect((await host.get('/d/')).text).toBe('/d/index.cgi|')
  })

  test('one script for all paths', async () => {
    const root = scripts({ 'app.cgi': show })
    const host = await startHost(
      mount({ '/app': script(join(root, 'app.cgi')), '/': script(join(root, 'app.cgi')) }),
    )
    expect((await host.get('/app/x/y')).text).toBe('/app|/x/y')
    expect((await host.get('/other//x')).text).toBe('|/other//x')
    expect((await host.get('/')).text).toBe('|/')
    expect((await host.get('/a%2f..%2f..%2fb')).status).toBe(404)
  })

  test('interpreters by extension, the longest first, exact case', async () => {
    const root = scripts({
      'a.foo': Buffer.from('1'),
      'a.b.foo': Buffer.from('2'),
      'A.FOO': Buffer.from('3'),
    })
    const say = join(scripts({ say: sh('printf "Content-Type: text/plain\\n\\n%s" "$*"') }), 'say')
    const host = await startHost(cgiBin(root, { handler: { '.foo': [say, 'one'], '.b.foo': [say, 'two'] } }))
    expect((await host.get('/a.foo')).text).toBe(`one ${root}/a.foo`)
    expect((await host.get('/a.b.foo')).text).toBe(`two ${root}/a.b.foo`)
    expect((await host.get('/A.FOO')).status).toBe(403)
  })
})

test('resolvePath: its result has no dot segment, and it never throws', async () => {
  const { default: fc } = await import('fast-check')
  const piece = fc.constantFrom(
    '.',
    '..',
    '%2e',
    '%2E%2e',
    '.%2e',
    '/',
    '//',
    'a',
    '%2f',
    '%00',
    '%',
    '%zz',
    '%c0%ae',
    '\\',
    '%5c',
    ' ',
    '~',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const result = resolvePath(`/${pieces.join('')}`)
      if ('refused' in result) return
      for (const segment of result.segments) {
        expect(['.', '..']).not.toContain(segment)
        expect(segment).not.toContain('\0')
      }
    }),
    { numRuns: runs(2000) },
  )
})

test('a directory or a script that does not exist is reported at once', () => {
  expect(() => cgiBin('/no/such/directory')).toThrow('/no/such/directory does not exist.')
  expect(() => script('/no/such/script')).toThrow('does not exist.')
  expect(() => script('/')).toThrow('is not a file')
  expect(() => mount({ 'cgi-bin': files('/') })).toThrow('write it as "/cgi-bin"')
  expect(() => cgiBin('/', { handler: { py: 'python3' } })).toThrow('write it as ".py=python3"')
})

test('a directory below the site that cannot be read is a 404', async () => {
  const root = scripts({ 'a.cgi': show })
  mkdirSync(join(root, 'closed'))
  writeFileSync(join(root, 'closed/b.cgi'), show)
  chmodSync(join(root, 'closed/b.cgi'), 0o000)
  const host = await startHost(cgiBin(root))
  expect([403, 404]).toContain((await host.get('/closed/b.cgi')).status)
})
