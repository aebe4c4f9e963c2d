/** Which files of a directory `files()` and `--files` send, and which they withhold, name by name. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, test } from 'vitest'
import { encodeSegment } from '../../src/host/path.js'
import { cgiBin, files, mount, script } from '../../src/host.js'
import { until } from '../support/processes.js'
import { request } from '../support/request.js'
import { tempDir } from '../support/temp.js'
import { names } from './site-names.js'
import { startHost } from './support.js'

const secret = 'SECRET-SOURCE'

function tree(): string {
  const root = tempDir('site')
  for (const [name, , first = ''] of names) {
    const path = join(root, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, first + secret)
  }
  return root
}

const target = (name: string) => `/${name.split('/').map(encodeSegment).join('/')}`

describe.each(['files()', 'cgiBin() with files'])('%s', (how) => {
  const root = tree()
  const make = () => (how === 'files()' ? files(root) : cgiBin(root, { files: true, development: false }))

  it('covers at least 60 names', () => {
    expect(names.length).toBeGreaterThanOrEqual(60)
  })

  it.each(names.map(([name, status]) => [name, status] as const))('%s: %d', async (name, status) => {
    const host = await startHost(make())
    for (const more of [{}, { method: 'HEAD' }, { headers: ['Range: bytes=0-3', 'If-None-Match: "x"'] }]) {
      const reply = await host.get(target(name), more)
      expect(reply.status).toBe(status === 200 && 'headers' in more ? 206 : status)
      if (status !== 200) expect(reply.text).not.toContain('SECR')
      if (status !== 200) expect(reply.header('etag')).toBeUndefined()
    }
    if (status === 403) expect(host.stderr()).toMatch(/403: \S.* is withheld: /)
  })
})

/** A directory with these files; files that are not scripts are static. */
function site(texts: Readonly<Record<string, string>>): string {
  const root = tempDir('site')
  for (const [name, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
    if (text.startsWith('#!')) chmodSync(join(root, name), 0o755)
  }
  return root
}

async function statuses(handler: Parameters<typeof startHost>[0], paths: readonly string[]) {
  const host = await startHost(handler)
  const found: [string, number][] = []
  for (const path of paths) found.push([path, (await host.get(path)).status])
  return Object.fromEntries(found)
}

describe('links', () => {
  test('a harmless name that links to a withheld file', async () => {
    const root = site({ 'x.php': secret, '.env': secret, 'real.html': 'page' })
    symlinkSync('x.php', join(root, 'x.html'))
    symlinkSync('.env', join(root, 'env.txt'))
    symlinkSync('real.html', join(root, 'link.html'))
    writeFileSync(join(root, '.users.json'), secret)
    symlinkSync('.users.json', join(root, 'users.json'))
    // The layout of volumes in Kubernetes.
    mkdirSync(join(root, '..data'))
    writeFileSync(join(root, '..data', 'volume.html'), 'page')
    symlinkSync('..data/volume.html', join(root, 'volume.html'))
    const paths = ['/x.html', '/env.txt', '/users.json', '/link.html', '/volume.html']
    expect(await statuses(files(root), paths)).toEqual({
      '/x.html': 403,
      '/env.txt': 403,
      '/users.json': 403,
      '/link.html': 200,
      '/volume.html': 200,
    })
  })
})

describe('an index', () => {
  test('that is withheld is not sent either', async () => {
    const root = site({ 'index.php': secret, 'x.html': '' })
    expect(await statuses(files(root, { index: ['index.php'] }), ['/'])).toEqual({ '/': 403 })
  })
})

describe('types and refuse', () => {
  const root = tree()

  test('a configured type sends the files with its extension', async () => {
    const types = {
      '.bin': 'application/octet-stream',
      '.php.txt': 'text/plain',
      '.lua': 'text/plain',
      '': 'text/plain',
      '.json': 'application/json',
    }
    const paths = ['/x.php.txt', '/server.pem.txt', '/x.lua', '/Makefile', '/package.json', '/x.php']
    expect(await statuses(files(root, { types }), paths)).toEqual({
      '/x.php.txt': 200,
      '/server.pem.txt': 403,
      '/x.lua': 200,
      '/Makefile': 200,
      '/package.json': 200,
      '/x.php': 403,
    })
    const host = await startHost(files(root, { types }))
    expect((await host.get('/Makefile')).header('content-type')).toBe('text/plain')
  })

  test('a script whose type is configured is sent unless it runs', async () => {
    const scripts = site({ 'plain.sh': '#!/bin/sh\n', 'runs.sh': '#!/bin/sh\n' })
    chmodSync(join(scripts, 'plain.sh'), 0o644)
    const handler = files(scripts, { types: { '.sh': 'text/plain' } })
    expect(await statuses(handler, ['/plain.sh', '/runs.sh'])).toEqual({ '/plain.sh': 200, '/runs.sh': 403 })
  })

  test('refuse overrides them', async () => {
    const handler = files(root, { refuse: ['.txt', '.lua'], types: { '.lua': 'text/plain' } })
    expect(await statuses(handler, ['/a%20b.txt', '/x.lua', '/style.css'])).toEqual({
      '/a%20b.txt': 403,
      '/x.lua': 403,
      '/style.css': 200,
    })
  })
})

describe('programs of this process', () => {
  test('a script in JavaScript, what it imports, and their maps', async () => {
    const root = site({
      'app.js': `import './lib/db.js'\nimport data from "./data.json" with { type: 'json' }\nexport default {}`,
      'app.js.map': secret,
      'lib/db.js': `const x = require('../old')\nconst y = await import(\`./late.mjs\`)`,
      'lib/late.mjs': `new Worker(new URL('../work.js', import.meta.url))\nexport * from './app%20b.js'`,
      'lib/app b.js': '',
      'old.js': '',
      'work.js': '',
      'data.json': '{}',
      'client.js': `import './other.js'`,
      'other.js': '',
      'other.json': '{}',
    })
    const handler = mount({
      '/app': script(join(root, 'app.js'), { handler: { '.js': 'node' } }),
      '/': files(root),
    })
    const withheld = [
      '/app.js',
      '/app.js.map',
      '/lib/db.js',
      '/lib/late.mjs',
      '/lib/app%20b.js',
      '/old.js',
      '/work.js',
      '/data.json',
    ]
    const sent = ['/client.js', '/other.js', '/other.json']
    expect(await statuses(handler, [...withheld, ...sent])).toEqual(
      Object.fromEntries([...withheld.map((path) => [path, 403]), ...sent.map((path) => [path, 200])]),
    )
  })

  test('a module imported from a public directory is also sent', async () => {
    const root = site({ 'app.js': `import './public/shared.js'`, 'public/shared.js': '' })
    const app = script(join(root, 'app.js'), { handler: { '.js': 'node' } })
    expect(await statuses(mount({ '/app': app, '/': files(join(root, 'public')) }), ['/shared.js'])).toEqual({
      '/shared.js': 200,
    })
  })

  test('a script directory inside the static one, at another path', async () => {
    const root = site({ 'index.html': '', 'cgi-bin/x.html': secret, 'cgi-bin/lost.js': secret })
    const handler = mount({ '/scripts': cgiBin(join(root, 'cgi-bin')), '/': files(root) })
    expect(await statuses(handler, ['/', '/cgi-bin/x.html', '/cgi-bin/lost.js', '/scripts/x.html'])).toEqual({
      '/': 200,
      '/cgi-bin/x.html': 403,
      '/cgi-bin/lost.js': 403,
      '/scripts/x.html': 403,
    })
  })

  test('an extension with an interpreter, in a directory that is both', async () => {
    const root = site({ 'x.html': secret, 'style.css': '' })
    const scripts = cgiBin(root, { handler: { '.html': 'cat' } })
    expect(await statuses(mount({ '/run': scripts, '/': files(root) }), ['/x.html', '/style.css'])).toEqual({
      '/x.html': 403,
      '/style.css': 200,
    })
  })

  test('a site of scripts and files: modules that its JavaScript imports', async () => {
    const root = site({
      'index.cgi': `#!/usr/bin/env cgiup\nimport { db } from './lib/db.js'`,
      'lib/db.js': secret,
      'lib/client.js': '',
    })
    const handler = cgiBin(root, { files: true, development: false })
    expect(await statuses(handler, ['/lib/db.js', '/lib/client.js'])).toEqual({
      '/lib/db.js': 403,
      '/lib/client.js': 200,
    })
  })

  test('a script that is not executable: stderr explains how to run it, and how to send it', async () => {
    const root = site({ 'hello.sh': '#!/bin/sh' })
    chmodSync(join(root, 'hello.sh'), 0o644)
    const host = await startHost(cgiBin(root, { files: true, development: false }))
    expect((await host.get('/hello.sh')).status).toBe(403)
    expect(host.stderr()).toMatch(
      /cgiup: GET \/hello\.sh: 403: .*hello\.sh is withheld: \.sh is the extension of a program\. To run it, use chmod \+x, or .* To send such files: --type \.sh=TYPE/,
    )
    const sends = await startHost(files(root))
    await sends.get('/hello.sh')
    expect(sends.stderr()).not.toContain('chmod')
  })

  test('a change of a program takes effect at once', async () => {
    const root = site({ 'app.js': '', 'db.js': secret })
    const host = await startHost(
      mount({ '/app': script(join(root, 'app.js'), { handler: { '.js': 'node' } }), '/': files(root) }),
    )
    expect((await host.get('/db.js')).status).toBe(200)
    writeFileSync(join(root, 'app.js'), `import './db.js'`)
    expect((await host.get('/db.js')).status).toBe(403)
  })

  test('no package of node_modules runs as a script', async () => {
    const root = site({ 'node_modules/x/cli.js': `#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nran'` })
    expect(await statuses(cgiBin(root), ['/node_modules/x/cli.js'])).toEqual({
      '/node_modules/x/cli.js': 404,
    })
  })

  test('the file this process was started with', async () => {
    const root = site({})
    const host = JSON.stringify(fileURLToPath(new URL('../../dist/host.js', import.meta.url)))
    writeFileSync(
      join(root, 'server.mjs'),
      `import './own.mjs'\nimport { files, serve } from ${host}\nconst { url } = await serve(files(import.meta.dirname), { port: 0 })\nconsole.log(url)`,
    )
    writeFileSync(join(root, 'own.mjs'), '')
    writeFileSync(join(root, 'client.mjs'), '')
    const child = spawn(process.execPath, ['server'.concat('.mjs')], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    try {
      let out = ''
      child.stdout.on('data', (text) => {
        out += text
      })
      await until(() => out.includes('\n'), 10_000)
      const port = Number(/:(\d+)/.exec(out)?.[1])
      const found = []
      for (const path of ['/server.mjs', '/own.mjs', '/client.mjs'])
        found.push((await request({ port }, { target: path })).status)
      expect(found).toEqual([403, 403, 200])
    } finally {
      child.kill()
      await once(child, 'exit')
    }
  })
})

describe('the listing of a directory', () => {
  const root = tree()
  mkdirSync(join(root, 'listed'))
  for (const name of ['a.txt', 'x.php', 'x.bak', 'lost.js', 'run.cgi', '<b>.txt', '.env'])
    writeFileSync(join(root, 'listed', name), name === 'lost.js' ? '#!/usr/bin/env node\n' : '')
  writeFileSync(join(root, 'listed', 'run.cgi'), '#!/bin/sh\n# Says hello\n', { mode: 0o755 })
  chmodSync(join(root, 'listed', 'run.cgi'), 0o755)

  const plain = (html: string) => html.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))

  test('of files(): the files that are sent, and those withheld with the reason', async () => {
    const host = await startHost(files(root, { development: true }))
    const { status, text } = await host.get('/listed/')
    expect(status).toBe(200)
    expect(text).toContain('<a href="./a.txt">')
    expect(text).not.toContain('<b>')
    for (const [name, why] of [
      ['x.php', '.php is the extension of a program'],
      ['x.bak', '.bak is the extension of a copy'],
      ['lost.js', 'it is a script (#!); cgiBin() runs it'],
      ['run.cgi', '.cgi is the extension of a program'],
      ['.env', 'hidden files are not served'],
    ]) {
      expect(text).not.toContain(`href="./${name}"`)
      expect(plain(text)).toContain(`<li>${name} <small>${why}</small>`)
    }
  })

  test('of cgiBin(): scripts with their first comment, the rest with the reason', async () => {
    const host = await startHost(cgiBin(join(root, 'listed'), { development: true }))
    const text = plain((await host.get('/')).text)
    expect(text).toContain('<a href="./run.cgi">run.cgi</a> <small>Says hello</small>')
    expect(text).toContain('<li>a.txt <small>not executable: use chmod +x')
    const sends = await startHost(cgiBin(join(root, 'listed'), { development: true, files: true }))
    const both = plain((await sends.get('/')).text)
    expect(both).toContain('<a href="./a.txt">')
    expect(both).toContain('<li>x.php <small>.php is the extension of a program</small>')
  })

  test('nobody else can see it', async () => {
    const closed = await startHost(files(root, { development: false }))
    expect((await closed.get('/listed/')).status).toBe(404)
    const open = await startHost(files(root, { list: true, development: false }))
    const { status, text } = await open.get('/listed/')
    expect(status).toBe(200)
    expect(text).toContain('a.txt')
    expect(text).not.toMatch(/x\.php|\.env/)
    const marked = await startHost(files(root))
    expect((await marked.get('/listed/', { headers: ['X-Forwarded-For: 192.0.2.1'] })).status).toBe(404)
    expect((await marked.get('/listed/x.php', { headers: ['Via: 1.1 x'] })).text).not.toContain(root)
  })
})
