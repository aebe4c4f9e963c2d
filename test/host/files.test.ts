import { utimesSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { notModified, rangeOf } from '../../src/host/conditions.js'
import { cgiBin, files, mount } from '../../src/host.js'
import { scripts, sh, startHost } from './support.js'

/** Not a type used on web sites: such files are sent only with the option. */
const binaries = { types: { '.bin': 'application/octet-stream' } }

function site() {
  const root = scripts({
    'index.html': Buffer.from('<p>index'),
    'style.css': Buffer.from('p {}'),
    'data.bin': Buffer.from('0123456789'),
    'large.bin': Buffer.alloc(1_000_000, 'abc'),
    'empty.txt': Buffer.from(''),
    'dir/index.html': Buffer.from('dir'),
    'bare/x.txt': Buffer.from('x'),
    'a b.txt': Buffer.from('space'),
    '.secret': Buffer.from('SOURCE'),
    'x.php': Buffer.from('SOURCE'),
    'X.PHP': Buffer.from('SOURCE'),
    tool: sh('SOURCE'),
  })
  utimesSync(join(root, 'data.bin'), 1_700_000_000, 1_700_000_000)
  return root
}

describe('files', () => {
  test('types by extension, length, version; HEAD the same without the body', async () => {
    const host = await startHost(files(site(), binaries))
    for (const [path, type, text] of [
      ['/', 'text/html; charset=utf-8', '<p>index'],
      ['/style.css', 'text/css; charset=utf-8', 'p {}'],
      ['/data.bin', 'application/octet-stream', '0123456789'],
      ['/empty.txt', 'text/plain; charset=utf-8', ''],
      ['/dir/', 'text/html; charset=utf-8', 'dir'],
      ['/a%20b.txt', 'text/plain; charset=utf-8', 'space'],
    ]) {
      const get = await host.get(path as string)
      expect([get.status, get.header('content-type'), get.text]).toEqual([200, type, text])
      const head = await host.get(path as string, { method: 'HEAD' })
      expect([head.status, head.header('content-length'), head.size]).toEqual([200, String(text?.length), 0])
      expect(head.header('etag')).toBe(get.header('etag'))
      expect(get.header('x-content-type-options')).toBe('nosniff')
    }
  })

  test('304 for the version the client has', async () => {
    const host = await startHost(files(site(), binaries))
    const first = await host.get('/data.bin')
    const etag = first.header('etag') as string
    const modified = first.header('last-modified') as string
    expect(modified).toBe('Tue, 14 Nov 2023 22:13:20 GMT')
    const again = await host.get('/data.bin', { headers: [`If-None-Match: "x", ${etag}`] })
    expect([again.status, again.size, again.header('etag')]).toEqual([304, 0, etag])
    expect((await host.get('/data.bin', { headers: [`If-Modified-Since: ${modified}`] })).status).toBe(304)
    expect(
      (await host.get('/data.bin', { headers: ['If-None-Match: "x"', `If-Modified-Since: ${modified}`] }))
        .status,
    ).toBe(200)
  })

  test('one range', async () => {
    const host = await startHost(files(site(), binaries))
    const part = await host.get('/data.bin', { headers: ['Range: bytes=2-4'] })
    expect([part.status, part.text, part.header('content-range')]).toEqual([206, '234', 'bytes 2-4/10'])
    const bad = await host.get('/data.bin', { headers: ['Range: bytes=10-'] })
    expect([bad.status, bad.header('content-range')]).toEqual([416, 'bytes */10'])
    const large = await host.get('/large.bin', { headers: ['Range: bytes=100-900099'] })
    expect([large.status, large.size, large.complete]).toEqual([206, 900_000, true])
    expect((await host.get('/large.bin')).size).toBe(1_000_000)
  })

  test('a directory without its slash; one without an index', async () => {
    const host = await startHost(files(site(), binaries))
    const moved = await host.get('/dir?x')
    expect([moved.status, moved.header('location')]).toEqual([301, '/dir/?x'])
    const closed = await startHost(files(site(), { development: false }))
    expect((await closed.get('/bare/')).status).toBe(404)
  })

  test('only GET and HEAD', async () => {
    const host = await startHost(files(site(), binaries))
    const reply = await host.get('/data.bin', { method: 'POST', body: 'x' })
    expect([reply.status, reply.header('allow')]).toEqual([405, 'GET, HEAD'])
  })

  test('neither hidden files nor programs', async () => {
    const host = await startHost(files(site(), binaries))
    for (const [path, status] of [
      ['/.secret', 404],
      ['/x.php', 403],
      ['/X.PHP', 403],
      ['/tool', 403],
    ] as const) {
      const reply = await host.get(path)
      expect([path, reply.status]).toEqual([path, status])
      expect(reply.text).not.toContain('SOURCE')
    }
  })

  test('a client that disconnects partway leaves no file open', async () => {
    const { readdirSync } = await import('node:fs')
    const { until } = await import('../support/processes.js')
    const host = await startHost(files(scripts({ 'big.bin': Buffer.alloc(50_000_000) }), binaries))
    const before = readdirSync('/proc/self/fd').length
    const wire = await host.open({ target: '/big.bin', keep: false })
    await wire.head()
    wire.close()
    expect(await until(() => readdirSync('/proc/self/fd').length <= before)).toBe(true)
  })
})

describe('a site of scripts and files', () => {
  test('cgiBin with files: scripts run, the rest is sent', async () => {
    const root = scripts({
      'index.php': Buffer.from('SOURCE'),
      'style.css': Buffer.from('p {}'),
      'lost.py': Buffer.from('SOURCE'),
      'x.cgi': sh("printf 'Content-Type: text/plain\\n\\nran'"),
      'sub/index.html': Buffer.from('sub'),
    })
    const say = join(scripts({ say: sh("printf 'Content-Type: text/plain\\n\\nphp'") }), 'say')
    const host = await startHost(cgiBin(root, { handler: { '.php': say }, files: true }))
    expect((await host.get('/')).text).toBe('php')
    expect((await host.get('/style.css')).text).toBe('p {}')
    expect((await host.get('/x.cgi')).text).toBe('ran')
    expect((await host.get('/sub/')).text).toBe('sub')
    expect((await host.get('/style.css/x')).status).toBe(403)
    const lost = await host.get('/lost.py')
    expect([lost.status, lost.text.includes('SOURCE')]).toEqual([403, false])
  })
})

test('mount: the longest prefix on whole segments; the rest is PATH_INFO', async () => {
  const show = (name: string) => (x: { env: { get(name: string): string | undefined } }) => ({
    status: 200,
    headers: ['Content-Type', 'text/plain'],
    body: `${name} ${x.env.get('SCRIPT_NAME')}|${x.env.get('PATH_INFO') ?? ''}`,
  })
  const inner = mount({ '/deep': show('deep'), '/': show('inner') })
  const host = await startHost(mount({ '/a': show('a'), '/a/b': show('ab'), '/in': inner }))
  expect((await host.get('/a/x')).text).toBe('a /a|/x')
  expect((await host.get('/a/b/x')).text).toBe('ab /a/b|/x')
  expect((await host.get('/a/bc')).text).toBe('a /a|/bc')
  expect((await host.get('/a')).text).toBe('a /a|')
  expect((await host.get('/in/deep/x')).text).toBe('deep /in/deep|/x')
  expect((await host.get('/in/other')).text).toBe('inner /in|/other')
  expect((await host.get('/ab')).status).toBe(404)
  expect((await host.get('/')).status).toBe(404)
})

const version = { etag: '"abc"', modified: 1_700_000_000 }

test.each([
  ['"abc"', undefined, true],
  ['W/"abc"', undefined, true],
  ['"x", W/"abc"', undefined, true],
  ['*', undefined, true],
  ['"x"', 'Tue, 14 Nov 2023 22:13:20 GMT', false],
  ['', 'Tue, 14 Nov 2023 22:13:20 GMT', false],
  [undefined, 'Tue, 14 Nov 2023 22:13:19 GMT', false],
  [undefined, 'Tue, 14 Nov 2023 22:13:21 GMT', true],
  [undefined, 'yesterday', false],
  [undefined, undefined, false],
])('RFC 9110 13: If-None-Match %s, If-Modified-Since %s: %s', (match, since, expected) => {
  expect(notModified(match, since, version)).toBe(expected)
})

test.each([
  ['bytes=0-0', { start: 0, end: 1 }],
  ['bytes=5-', { start: 5, end: 10 }],
  ['bytes=-3', { start: 7, end: 10 }],
  ['bytes=-30', { start: 0, end: 10 }],
  ['bytes=5-100', { start: 5, end: 10 }],
  ['bytes=10-', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=5-4', null],
  ['bytes=0-1,3-4', null],
  ['bytes=-', null],
  ['lines=1-2', null],
  [undefined, null],
])('RFC 9110 14: Range %s of 10 bytes', (header, expected) => {
  expect(rangeOf(header, undefined, 10, version)).toEqual(expected)
})

test('RFC 9110 13.1.5: If-Range of another version gives the complete file', () => {
  expect(rangeOf('bytes=0-0', '"abc"', 10, version)).toEqual({ start: 0, end: 1 })
  expect(rangeOf('bytes=0-0', '"old"', 10, version)).toBeNull()
  expect(rangeOf('bytes=0-0', 'W/"abc"', 10, version)).toBeNull()
  expect(rangeOf('bytes=0-0', 'Tue, 14 Nov 2023 22:13:20 GMT', 10, version)).toEqual({ start: 0, end: 1 })
  expect(rangeOf('bytes=0-0', 'Tue, 14 Nov 2023 22:13:21 GMT', 10, version)).toBeNull()
})
