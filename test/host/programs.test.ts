/** Real programs under the host: the recipes of docs/local-host.md. */
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { Handler } from '../../src/core/exchange.js'
import { cgiBin, files, mount, script } from '../../src/host.js'
import { needs, which } from '../support/needs.js'
import { tempDir } from '../support/temp.js'
import { fixtures, startHost } from './support.js'

const run = promisify(execFile)

const env = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@example.org',
}

/** Each commit is a minute newer than the previous one: git's negotiation depends on it. */
let clock = 1_700_000_000

async function git(cwd: string, ...args: string[]): Promise<string> {
  clock += 60
  const dated = { ...env, GIT_AUTHOR_DATE: `${clock} +0000`, GIT_COMMITTER_DATE: `${clock} +0000` }
  return (await run('git', args, { cwd, env: dated, maxBuffer: 1e8 })).stdout
}

describe.skipIf(!needs('git', 'git-http-backend'))('git-http-backend', () => {
  async function server() {
    const root = tempDir('git')
    await git(root, 'init', '-q', '--bare', '-b', 'main', 'project.git')
    await git(join(root, 'project.git'), 'config', 'http.receivepack', 'true')
    const requests: Record<string, string>[] = []
    const backend = script(which('git-http-backend') as string, {
      env: { GIT_PROJECT_ROOT: root, GIT_HTTP_EXPORT_ALL: '1' },
    })
    const watched: Handler = (x) => {
      requests.push(x.env.toObject())
      return backend(x)
    }
    const host = await startHost(mount({ '/git': watched }))
    return { root, host, requests, url: `${host.url}/git/project.git` }
  }

  async function commit(dir: string, name: string, bytes: string | Buffer): Promise<void> {
    writeFileSync(join(dir, name), bytes)
    await git(dir, 'add', '.')
    await git(dir, 'commit', '-q', '-m', name)
  }

  test('clone, push, fetch, shallow clone', async () => {
    const { root, url, host } = await server()
    await git(root, 'clone', '-q', url, 'one')
    const one = join(root, 'one')
    await git(one, 'checkout', '-q', '-b', 'main')
    await commit(one, 'a.txt', 'a')
    await commit(one, 'b.txt', 'b')
    await git(one, 'push', '-q', 'origin', 'main')
    await git(root, 'clone', '-q', url, 'two')
    const two = join(root, 'two')
    expect(readFileSync(join(two, 'b.txt'), 'utf8')).toBe('b')
    await commit(one, 'c.txt', 'c')
    await git(one, 'push', '-q', 'origin', 'main')
    await git(two, 'pull', '-q', '--ff-only')
    expect(readFileSync(join(two, 'c.txt'), 'utf8')).toBe('c')
    await git(root, 'clone', '-q', '--depth', '1', url, 'shallow')
    expect((await git(join(root, 'shallow'), 'rev-list', '--count', 'HEAD')).trim()).toBe('1')
    await git(join(root, 'shallow'), 'fetch', '-q', '--unshallow')
    expect((await git(join(root, 'shallow'), 'rev-list', '--count', 'HEAD')).trim()).toBe('3')
    expect(host.entries.some((entry) => entry.cut)).toBe(false)
  }, 60_000)

  test('a push larger than http.postBuffer is sent chunked, a long negotiation gzipped', async () => {
    const { root, url, requests } = await server()
    await git(root, 'clone', '-q', url, 'one')
    const one = join(root, 'one')
    await git(one, 'checkout', '-q', '-b', 'main')
    const noise = Buffer.alloc(3_000_000)
    for (let i = 0, n = 1; i < noise.length; i++) {
      n = (n * 1103515245 + 12345) & 0x7fffffff
      noise[i] = n >> 16
    }
    await commit(one, 'large', noise)
    await git(one, '-c', 'http.postBuffer=1000', 'push', '-q', 'origin', 'main')
    const chunked = requests.find(
      (one) => one.HTTP_TRANSFER_ENCODING || (one.REQUEST_METHOD === 'POST' && !one.CONTENT_LENGTH),
    )
    expect(chunked).toBeDefined()
    await git(root, 'clone', '-q', url, 'two')
    expect(readFileSync(join(root, 'two/large')).equals(noise)).toBe(true)
    // Many commits that only the client has make the list of "have" lines long enough to be compressed.
    const two = join(root, 'two')
    for (let i = 0; i < 40; i++) await git(two, 'commit', '-q', '--allow-empty', '-m', `${i}`)
    await commit(one, 'more', 'x')
    await git(one, 'push', '-q', 'origin', 'main')
    await git(two, 'fetch', '-q')
    expect(requests.some((one) => one.HTTP_CONTENT_ENCODING === 'gzip')).toBe(true)
    expect((await git(two, 'log', '--format=%s', '-1', 'origin/main')).trim()).toBe('more')
  }, 60_000)
})

describe.skipIf(!needs('gitweb', 'git', 'perl'))('gitweb', () => {
  test('lists projects, shows a log, serves its static files', async () => {
    const root = tempDir('gitweb')
    await git(root, 'init', '-q', '-b', 'main', 'demo')
    writeFileSync(join(root, 'demo/a.txt'), 'a')
    await git(join(root, 'demo'), 'add', '.')
    await git(join(root, 'demo'), 'commit', '-q', '-m', 'first commit here')
    writeFileSync(
      join(root, 'gitweb.conf'),
      `our $projectroot = '${root}';\nour @stylesheets = ('/gitweb-static/gitweb.css');\n1;\n`,
    )
    const table: Record<string, Handler> = {
      '/gitweb': script(which('gitweb') as string, { env: { GITWEB_CONFIG: join(root, 'gitweb.conf') } }),
    }
    if (existsSync('/usr/share/gitweb/static')) table['/gitweb-static'] = files('/usr/share/gitweb/static')
    const host = await startHost(mount(table))
    const list = await host.get('/gitweb')
    expect([list.status, list.complete]).toEqual([200, true])
    expect(list.text).toContain('demo')
    const log = await host.get('/gitweb?p=demo/.git;a=log')
    expect(log.text).toContain('first commit here')
    const info = await host.get('/gitweb/demo/.git/blob_plain/HEAD:/a.txt')
    expect([info.status, info.text]).toEqual([200, 'a'])
    if ('/gitweb-static' in table)
      expect((await host.get('/gitweb-static/gitweb.css')).header('content-type')).toContain('text/css')
  }, 30_000)
})

function form(...parts: [string, string][]): FormData {
  const data = new FormData()
  for (const [name, value] of parts) data.append(name, value)
  return data
}

describe.skipIf(!needs('perl', 'CGI.pm'))('CGI.pm', () => {
  test('fields, cookies, its own URL, an upload', async () => {
    const host = await startHost(mount({ '/cgi-bin': cgiBin(fixtures) }))
    const url = `${host.url}/cgi-bin/cgi-pm.pl/extra?q=1`
    const get = await fetch(url, { headers: { cookie: 'seen=before' } })
    expect(get.headers.getSetCookie().length).toBe(2)
    expect((await get.text()).split('\n').slice(0, 3)).toEqual(['q=1', url, 'GET before'])
    const data = form(['a', '1'], ['a', '2'])
    data.append('file', new Blob(['x'.repeat(100_000)]), 'x.txt')
    const post = await (await fetch(url, { method: 'POST', body: data })).text()
    expect(post).toContain('a=1&a=2&file=x.txt')
    expect(post).toContain('upload 100000')
  })
})

const pythonCgi = needs('python3') && spawnSync('python3', ['-W', 'ignore', '-c', 'import cgi']).status === 0

describe.skipIf(!pythonCgi)("Python's cgi module", () => {
  test('fields and an upload', async () => {
    const host = await startHost(cgiBin(fixtures))
    const data = form(['a', '1'], ['a', '2'])
    data.append('file', new Blob(['y'.repeat(50_000)]), 'y.txt')
    const reply = await fetch(`${host.url}/cgi-module.py?q=1`, { method: 'POST', body: data })
    expect(await reply.text()).toBe("a ['1', '2']\nfile 50000\nq ['1']\n")
  })
})

describe.skipIf(!needs('php-cgi'))('php-cgi', () => {
  const php = () => startHost(mount({ '/site': cgiBin(fixtures, { handler: { '.php': 'php-cgi' } }) }))

  test('runs files by their extension, with PATH_INFO, query, cookies', async () => {
    const host = await php()
    const reply = await fetch(`${host.url}/site/page.php/more/x?b=%20y`, { headers: { cookie: 'c=3' } })
    expect(reply.headers.getSetCookie().map((one) => one.split(';')[0])).toEqual(['a=1', 'b=2'])
    expect(await reply.json()).toMatchObject({
      method: 'GET',
      script: '/site/page.php',
      self: '/site/page.php/more/x',
      info: '/more/x',
      get: { b: ' y' },
      cookie: { c: '3' },
    })
  })

  test('forms, uploads, and a chunked body, whose length it needs', async () => {
    const host = await php()
    const data = form(['a', '1'])
    data.append('file', new Blob(['z'.repeat(60_000)]), 'z.txt')
    const post = await (await fetch(`${host.url}/site/page.php`, { method: 'POST', body: data })).json()
    expect(post).toMatchObject({ post: { a: '1' }, file: 60_000 })
    const chunked = await host.get('/site/page.php', { method: 'PUT', pieces: ['abc', 'def'] })
    expect(JSON.parse(chunked.text)).toMatchObject({ method: 'PUT', raw: 6 })
  })

  test('php-cgi gets no options from the query (CVE-2012-1823)', async () => {
    const host = await php()
    for (const query of ['-s', '-dx=y', '%ADs'])
      expect((await host.get(`/site/page.php?${query}`)).text).not.toContain('setcookie(')
  })

  test('a fatal error is the 500 that PHP generates, and is logged', async () => {
    const root = tempDir('php')
    mkdirSync(join(root, 'x'))
    writeFileSync(
      join(root, 'x/bad.php'),
      '<?php ini_set("display_errors", "0"); ini_set("log_errors", "1"); nothing_like_that();',
    )
    const host = await startHost(cgiBin(root, { handler: { '.php': 'php-cgi' } }))
    expect((await host.get('/x/bad.php')).status).toBe(500)
    expect(host.stderr()).toContain('[bad.php] PHP Fatal error')
  })
})
