/** `npm test` and `npm run test:servers` together run each test file, and none twice. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

interface Listed {
  readonly file: string
  readonly projectName: string
}

/** `project: file`, as found by vitest. */
function listed(...flags: string[]): string[] {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const json = execFileSync(process.execPath, [vitest, 'list', '--filesOnly', '--json', ...flags], {
    cwd: root,
    encoding: 'utf8',
  })
  return (JSON.parse(json) as Listed[]).map((one) => `${one.projectName}: ${relative(root, one.file)}`)
}

/** The `--project` flags of a script of package.json. */
function flagsOf(script: string): string[] {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return [...(scripts[script] as string).matchAll(/--project (\S+)/g)].map(([, name]) => `--project=${name}`)
}

const files = (lines: readonly string[]) => lines.map((line) => line.slice(line.indexOf(' ') + 1)).sort()

test('the two commands run each test file once', () => {
  const quick = flagsOf('test')
  const rest = flagsOf('test:servers')
  expect(quick.filter((one) => rest.includes(one))).toEqual([])
  const all = readdirSync(join(root, 'test'), { encoding: 'utf8', recursive: true })
    .filter((name) => /\.(test|test-d)\.ts$/.test(name))
    .map((name) => `test/${name}`)
  expect(files(listed(...quick, ...rest))).toEqual(all.sort())
  // test:all has no flags.
  expect(files(listed())).toEqual(all)
})

test('the files listed in vitest.config.ts exist', () => {
  const config = readFileSync(join(root, 'vitest.config.ts'), 'utf8')
  const named = [...config.matchAll(/'(test\/[\w/-]+\.test\.ts)'/g)].map(([, file]) => file)
  expect(named.length).toBeGreaterThan(10)
  expect(files(listed('--project=servers', '--project=processes'))).toEqual(expect.arrayContaining(named))
})
