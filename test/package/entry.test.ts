import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { answered, app, cgi, common, install, runIn } from './installed.js'

let place: string
let dist: string

beforeAll(() => {
  ;({ place, dist } = install())
})

const run = (name: string, code: string, env: Record<string, string> = cgi) =>
  runIn(place, name, code, { env })

describe('the entry of the package', () => {
  it('answers when imported and when required', () => {
    expect(run('a.mjs', `import { run } from 'cgiup'\nrun(${app})`)).toMatch(answered)
    expect(run('a.cjs', common)).toMatch(answered)
  })

  it('has the same exports for import and require', () => {
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
