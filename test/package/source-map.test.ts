/** Stack traces of the bundles point to the TypeScript source if source maps are enabled in Node. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { cgi, install } from './installed.js'

const root = join(import.meta.dirname, '../..')
let place: string
let dist: string

beforeAll(() => {
  ;({ place, dist } = install())
})

/** @returns what a CGI script writes to its standard error */
function errorsOf(name: string, code: string, flags: readonly string[]): string {
  writeFileSync(join(place, name), code)
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, join(place, name)], {
    env: { PATH: process.env.PATH ?? '', ...cgi },
    input: '',
    encoding: 'utf8',
  })
  expect(stdout).toMatch(/^Status: 500 /)
  return stderr
}

const broken = "run({ fetch: () => 'no Response' })"
const ways = [
  ['import', 'a.mjs', `import { run } from 'cgiup'\n${broken}`],
  ['require()', 'a.cjs', `const { run } = require('cgiup')\n${broken}`],
] as const

describe.each(ways)('%s', (_, name, code) => {
  test('with --enable-source-maps', () => {
    const stack = errorsOf(name, code, ['--enable-source-maps'])
    const [, file = '', line = 0] =
      /at notResponse \(.*\/(src\/app\/response\.ts):(\d+):\d+\)/.exec(stack) ?? []
    expect(stack).not.toContain('core.code.js')
    const lines = readFileSync(join(root, file), 'utf8').split('\n')
    expect(lines[Number(line) - 1]).toContain("new AppError('RESPONSE_INVALID'")
  })

  test('without it', () => {
    expect(errorsOf(name, code, [])).toMatch(/at notResponse \(.*\/dist\/core\.code\.js:\d+:\d+\)/)
  })
})

test.each(['core.code.js', 'app/node.js', 'cli/run.js'])(
  '%s has a map with the text of its sources',
  (name) => {
    const file = join(dist, name)
    expect(readFileSync(file, 'utf8')).toMatch(/\n\/\/# sourceMappingURL=[\w.]+\.js\.map\n$/)
    const map = JSON.parse(readFileSync(`${file}.map`, 'utf8')) as {
      sources: string[]
      sourcesContent: string[]
    }
    expect(map.sources.length).toBeGreaterThan(3)
    for (const [i, source] of map.sources.entries()) {
      if (source.includes('rolldown/runtime')) continue
      expect(source).toMatch(/^(?:\.\.\/)+src\/[\w/-]+\.ts$/)
      // The sources of a working copy may be newer than its build.
      expect(map.sourcesContent[i]?.length).toBeGreaterThan(0)
    }
  },
)

test('no other file has one', () => {
  expect(readFileSync(join(dist, 'fastcgi/server/connection.js'), 'utf8')).not.toContain('sourceMappingURL')
})
