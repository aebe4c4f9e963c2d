/** The commands of docs/local-host.md, run exactly as written. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { cgiBin } from '../../src/host.js'
import { needs } from '../support/needs.js'
import { until } from '../support/processes.js'
import { tempDir } from '../support/temp.js'
import { fixtures, startHost } from './support.js'

const text = readFileSync(new URL('../../docs/local-host.md', import.meta.url), 'utf8')
const cli = fileURLToPath(new URL('../../bin/cgiup.js', import.meta.url))
const commands = Array.from(text.matchAll(/^```sh\n(.*?)^```/gms), (match) => match[1] as string)
const running: ChildProcess[] = []

afterEach(async () => {
  for (const child of running.splice(0)) {
    child.kill('SIGTERM')
    await until(() => child.exitCode !== null || child.signalCode !== null)
  }
})

/** The code block of the page that contains this text. */
function block(part: string): string {
  const found = commands.find((one) => one.includes(part))
  if (!found) throw new Error(`docs/local-host.md has no command with ${part}`)
  return found
}

/** Runs a block in a shell in which `cgiup` is this copy, on a free port; resolves with its URL. */
async function start(part: string, cwd: string): Promise<string> {
  const script = `cgiup() { exec "${process.execPath}" "${cli}" "$@" --listen :0; }\n${block(part)}`
  const child = spawn('/bin/sh', ['-c', script], { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
  running.push(child)
  let log = ''
  child.stderr?.on('data', (data) => {
    log += data
  })
  const url = () => /cgiup: (http:\S+)/.exec(log)?.[1]
  await until(() => url() !== undefined || child.exitCode !== null, 10_000)
  return url() ?? Promise.reject(new Error(log))
}

function site(): string {
  const root = tempDir('docs')
  cpSync(fixtures, join(root, 'cgi-bin'), { recursive: true })
  cpSync(fixtures, join(root, 'site'), { recursive: true })
  mkdirSync(join(root, 'public'))
  writeFileSync(join(root, 'public/a.txt'), 'public')
  writeFileSync(join(root, 'site/style.css'), 'p {}')
  writeFileSync(join(root, 'a.txt'), 'here')
  return root
}

const get = async (url: string) => (await fetch(url)).text()

test('the first command: scripts and files', async () => {
  const url = await start('--static public', site())
  expect(await get(`${url}hello.sh`)).toBe('hello from sh\n')
  expect(await get(new URL('/a.txt', url).href)).toBe('public')
  expect(await get(url)).toContain('Says hello from a POSIX shell')
})

test('instead of python -m http.server --cgi', async () => {
  const url = await start('--static .\n', site())
  expect(await get(`${url}hello.sh`)).toBe('hello from sh\n')
  expect(await get(new URL('/a.txt', url).href)).toBe('here')
})

test.skipIf(!needs('php-cgi'))('PHP', async () => {
  const url = await start('php-cgi', site())
  expect(JSON.parse(await get(`${url}page.php/info`))).toMatchObject({ info: '/info' })
  expect(await get(`${url}style.css`)).toBe('p {}')
})

test.skipIf(!needs('python3', 'perl'))('interpreters by extension', async () => {
  const url = await start('.pl=perl', site())
  expect(await get(`${url}hello.pl`)).toBe('hello from perl\n')
})

test.skipIf(!needs('perl'))('the library example', async () => {
  const root = site()
  mkdirSync(join(root, 'blog'))
  cpSync(join(fixtures, 'hello.pl'), join(root, 'blog/blog.pl'))
  mkdirSync(join(root, 'node_modules'))
  symlinkSync(fileURLToPath(new URL('../..', import.meta.url)), join(root, 'node_modules/cgiup'))
  const example = /^```js\n(.*?)^```/ms.exec(text)?.[1] as string
  writeFileSync(join(root, 'serve.mjs'), example.replace('port: 8080', 'port: 0'))
  const child = spawn(process.execPath, ['serve.mjs'], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  running.push(child)
  let url = ''
  child.stdout?.on('data', (data) => {
    url += data
  })
  await until(() => url.endsWith('\n'), 10_000)
  expect(await get(`${url.trim()}/cgi-bin/hello.sh`)).toBe('hello from sh\n')
  expect(await get(`${url.trim()}/blog/x`)).toBe('hello from perl\n')
  expect(await get(`${url.trim()}/a.txt`)).toBe('public')
})

test.skipIf(!needs('perl'))('a directory of scripts served by a CGI script', async () => {
  const root = site()
  mkdirSync(join(root, 'node_modules'))
  symlinkSync(fileURLToPath(new URL('../..', import.meta.url)), join(root, 'node_modules/cgiup'))
  writeFileSync(
    join(root, 'front.mjs'),
    `import { handler, run } from 'cgiup'\nimport { cgiBin } from 'cgiup/host'\nrun(handler(cgiBin('cgi-bin')))\n`,
  )
  const host = await startHost(cgiBin(root, { handler: { '.mjs': process.execPath } }))
  expect((await host.get('/front.mjs/hello.sh')).text).toBe('hello from sh\n')
  const echo = await host.get('/front.mjs/echo.pl', { method: 'POST', body: 'x'.repeat(300_000) })
  expect([echo.size, echo.complete]).toEqual([300_000, true])
  expect((await host.get('/front.mjs/../a.txt')).status).toBe(403)
  expect((await host.get('/front.mjs/.hidden.sh')).status).toBe(404)
})

describe.skipIf(!needs('git', 'git-http-backend'))('git', () => {
  test('the server, and a clone', async () => {
    const root = tempDir('docs-git')
    const url = await start('git-http-backend', root)
    await promisify(execFile)('git', ['clone', '-q', `${url}project.git`], { cwd: root })
    const branch = execFileSync('git', [
      '-C',
      join(root, 'project'),
      'remote',
      'get-url',
      'origin',
    ]).toString()
    expect(branch).toContain('/git/project.git')
  }, 30_000)
})
