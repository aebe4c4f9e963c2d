import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

/** The package as it is installed: built files, in node_modules. */
const root = fileURLToPath(new URL('../..', import.meta.url))
const place = mkdtempSync(join(tmpdir(), 'cgiup-entry-'))
const dist = join(place, 'node_modules/cgiup/dist')
const cache = join(dist, '.cache')

beforeAll(() => {
  mkdirSync(dist, { recursive: true })
  for (const name of ['dist', 'package.json']) {
    cpSync(join(root, name), join(place, 'node_modules/cgiup', name), {
      recursive: true,
      filter: (file) => !file.includes('.cache'),
    })
  }
})
beforeEach(() => rmSync(cache, { recursive: true, force: true }))
afterAll(() => rmSync(place, { recursive: true }))

const cgi = {
  GATEWAY_INTERFACE: 'CGI/1.1',
  REQUEST_METHOD: 'GET',
  REQUEST_URI: '/x',
  SCRIPT_NAME: '',
  PATH_INFO: '/x',
  SERVER_NAME: 'localhost',
  SERVER_PORT: '80',
  SERVER_PROTOCOL: 'HTTP/1.1',
}

function run(name: string, code: string, env: Record<string, string> = cgi, args: string[] = []) {
  writeFileSync(join(place, name), code)
  const options = { env: { PATH: process.env.PATH ?? '', ...env }, input: '', encoding: 'utf8' } as const
  const { stdout, stderr, status } = spawnSync(process.execPath, [...args, join(place, name)], options)
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout
}

const app = `{ fetch: (request) => new Response('at ' + new URL(request.url).pathname) }`
const common = `const { run } = require('cgiup')\nrun(${app})`
const answered = /^Status: 200 OK\r\n[\s\S]*\r\n\r\nat \/x$/

describe('the entry of the package', () => {
  it('answers when imported and when required', () => {
    expect(run('a.mjs', `import { run } from 'cgiup'\nrun(${app})`)).toMatch(answered)
    expect(run('a.cjs', common)).toMatch(answered)
  })

  it('gives everybody the same things', () => {
    const names = `JSON.stringify([Object.keys(required).sort(), Object.keys(imported).sort(),
      required.AppError === imported.AppError, required.run === imported.run])`
    const load = `const required = require('cgiup')`
    const code = `${load}; import('cgiup').then((imported) => console.log(${names}))`
    const [required, imported, ...same] = JSON.parse(run('b.cjs', code, {}))
    expect(required).toEqual(imported)
    expect(required).toContain('run')
    expect(same).toEqual([true, true])
  })

  it('shares its classes with the other entries', () => {
    const code = `import { UsageError } from 'cgiup'
      import { cgiBin } from 'cgiup/host'
      try { cgiBin('/nonexistent/directory') } catch (error) { console.log(error instanceof UsageError) }`
    expect(run('c.mjs', code, {})).toBe('true\n')
  })

  it('loads none of the built-ins that a fetch app does not need', () => {
    const code = `const before = new Set(process.moduleLoadList)
      const { run } = require('cgiup')
      process.on('exit', () => require('fs').writeFileSync(${JSON.stringify(join(place, 'loaded'))},
        process.moduleLoadList.filter((name) => !before.has(name)).join('\\n')))
      run(${app})`
    run('d.cjs', common)
    run('d.cjs', code)
    const loaded = readFileSync(join(place, 'loaded'), 'utf8').split('\n')
    const costly = /undici|http|stream|child_process|net$|crypto|worker|readline/
    expect(loaded.filter((name) => costly.test(name))).toEqual([])
  })

  it('imports no other file', () => {
    expect(readFileSync(join(dist, 'index.js'), 'utf8')).not.toMatch(/^import /m)
    expect(readFileSync(join(dist, 'index.cjs'), 'utf8')).not.toMatch(/require\(/)
  })
})

describe('the code cache', () => {
  it('is written after the first request, and left alone then', () => {
    run('a.cjs', common)
    const [name, ...others] = readdirSync(cache)
    expect(others).toEqual([])
    expect(name).toContain(`${process.version}-${process.arch}`)
    const first = statSync(join(cache, name as string)).mtimeMs
    expect(run('a.cjs', common)).toMatch(answered)
    expect(run('a.mjs', `import { run } from 'cgiup'\nrun(${app})`)).toMatch(answered)
    expect(readdirSync(cache)).toEqual([name])
    expect(statSync(join(cache, name as string)).mtimeMs).toBe(first)
  })

  it('is another one for other flags', () => {
    run('a.cjs', common)
    run('a.cjs', common, cgi, ['--max-old-space-size=64'])
    expect(readdirSync(cache)).toHaveLength(2)
  })

  it('is made anew when V8 refuses it', () => {
    run('a.cjs', common)
    const file = join(cache, readdirSync(cache)[0] as string)
    writeFileSync(file, 'nothing that V8 knows')
    expect(run('a.cjs', common)).toMatch(answered)
    expect(statSync(file).size).toBeGreaterThan(10_000)
  })

  it('is done without where it cannot be written', () => {
    writeFileSync(cache, 'in the way')
    expect(run('a.cjs', common)).toMatch(answered)
    expect(readFileSync(cache, 'utf8')).toBe('in the way')
  })

  it('is not written by a process that is no CGI script', () => {
    run('e.cjs', `require('cgiup')`, {})
    expect(readdirSync(dist)).not.toContain('.cache')
  })
})
