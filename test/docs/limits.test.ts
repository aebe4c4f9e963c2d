/**
 * The table of limits (src/core/limits), its docstrings, the pages generated from it, and the command line
 * agree.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
// @ts-expect-error a script without types
import * as doc from '../../scripts/limits-doc.mjs'
import { hostCommand as host } from '../../src/cli/host.js'
import { appCommand as run } from '../../src/cli/run-options.js'
import { cgiLimits } from '../../src/core/limits/cgi.js'
import { formLimits } from '../../src/core/limits/forms.js'
import type { Limit } from '../../src/core/limits/limit.js'
import { recycleLimits } from '../../src/core/limits/recycle.js'
import { httpLimits, requestLimits } from '../../src/core/limits/requests.js'
import { placeLimits, scriptLimits } from '../../src/core/limits/scripts.js'
import { limitsFrom } from '../../src/serve/limits.js'

const { docstringsOf, limitPages, limitTables, split, valueText, withTables } = doc

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

const tables: [file: string, limits: Readonly<Record<string, Limit>>, docstring: 0 | -1][] = [
  ['requests', requestLimits, 0],
  // Limits for which FastCGI has another default appear a second time.
  ['requests', httpLimits, -1],
  ['scripts', { ...placeLimits, ...scriptLimits }, 0],
  ['cgi', cgiLimits, 0],
  ['forms', formLimits, 0],
  ['recycle', recycleLimits, 0],
]

test.each(limitPages as string[])('docs/%s.md has the tables (npm run docs)', async (name) => {
  const page = read(`docs/${name}.md`)
  expect(page).toContain('<!-- limits ')
  expect(page).toBe(withTables(page, await limitTables()))
})

const units: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

/** The number in `1 MiB` or `600000; 0: no limit`; undefined if there is none. */
function numberOf(words: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+)(?: (KiB|MiB|GiB))?(?=[:;]|$)/.exec(words) ?? []
  return digits === undefined ? undefined : Number(digits) * (units[unit] ?? 1)
}

test.each(tables)('each limit of %s has a docstring with its default', (file, limits, at) => {
  const docs: Map<string, string[]> = docstringsOf(read(`src/core/limits/${file}.ts`))
  for (const [name, { standard }] of Object.entries(limits)) {
    const { words = '', rest } = split(docs.get(name)?.at(at) ?? '')
    expect([name, rest.length > 5]).toEqual([name, true])
    if (typeof standard === 'number' && Number.isFinite(standard))
      expect([name, numberOf(words.split(' and ')[0] as string)]).toEqual([name, standard])
    else if (standard === Number.POSITIVE_INFINITY)
      expect([name, words]).toEqual([name, expect.stringMatching(/^no/)])
    else expect([name, words]).not.toEqual([name, ''])
  }
})

test('each spelling on the command line is an option of a command, and vice versa', () => {
  const spelled = tables.flatMap(([, limits]) => Object.values(limits).flatMap(({ cli }) => cli ?? []))
  const options = [...Object.keys(run.options), ...Object.keys(host.options)].map((name) => `--${name}`)
  for (const cli of spelled) expect(options).toContain(cli)
  const numbers = options.filter((name) => /^--(?:max-|timeout)/.test(name))
  expect([...new Set(spelled)].sort()).toEqual(numbers.sort())
})

test('the list of limits that are off by default is complete, and has no other', () => {
  const off = Object.entries(limitsFrom({}))
    .filter(([, value]) => value === Number.POSITIVE_INFINITY)
    .map(([name]) => name)
  const page = read('docs/limits.md')
  const named = page.slice(page.indexOf('## Off by default'))
  for (const name of off) expect(named).toContain(`| \`${name}\` |`)
  expect(off.sort()).toEqual(['maxBodyBytes', 'requestTimeoutMs'])
})

test('values in the format of the docs', () => {
  expect(valueText({ standard: 65_536, unit: 'bytes' })).toBe('64 KiB')
  expect(valueText({ standard: 100, unit: 'bytes' })).toBe('100')
  expect(valueText({ standard: 0, unit: 'milliseconds' })).toBe('none')
})
