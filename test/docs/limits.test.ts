/** docs/limits.md says what the code does. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { limitsFrom } from '../../src/serve/limits.js'

const page = readFileSync(new URL('../../docs/limits.md', import.meta.url), 'utf8')

/** The cells of all rows that begin with a name. */
const rows = [...page.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(([, name = '', rest = '']) => ({
  name,
  cells: rest.split(' | '),
}))

test('the defaults of FastCGI and SCGI', () => {
  const limits = limitsFrom({}) as unknown as Record<string, number>
  for (const name of ['maxRequests', 'maxConnections', 'bodyTimeoutMs', 'sendTimeoutMs', 'maxDiscardBytes']) {
    const row = rows.find((one) => one.name === name)
    expect([name, row?.cells[0]]).toEqual([name, String(limits[name])])
  }
})

test('every limit that is off is named, and no other', () => {
  const off = Object.entries(limitsFrom({}))
    .filter(([, value]) => value === Number.POSITIVE_INFINITY)
    .map(([name]) => name)
  const named = page.slice(page.indexOf('## Off by default'))
  for (const name of off) expect(named).toContain(`| \`${name}\` |`)
  expect(off.sort()).toEqual(['maxBodyBytes', 'requestTimeoutMs'])
})

const units: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

/** `Default 1 MiB`, `Default 64 KiB`, `Default 1,048,576`; undefined where it is no number. */
function defaultIn(comment: string): number | undefined {
  const [, digits, unit = ''] = /Default:? ([\d,]+)(?: (KiB|MiB|GiB))?[.;]/.exec(comment) ?? []
  return digits === undefined ? undefined : Number(digits.replaceAll(',', '')) * (units[unit] ?? 1)
}

test.each([
  ['HttpOptions', '../../src/http/server/options.ts'],
  ['BodyLimits', '../../src/http/server/body.ts'],
  ['ScriptOptions', '../../src/cgi/script/types.ts'],
  ['PlaceLimits', '../../src/cgi/script/places.ts'],
  ['SpoolLimits', '../../src/cgi/script/input.ts'],
  ['StderrLimits', '../../src/cgi/script/stderr.ts'],
])('every limit of %s has a row, with the default of its docstring', (name, file) => {
  const source = readFileSync(new URL(file, import.meta.url), 'utf8')
  const body = source.slice(source.indexOf(`export interface ${name}`))
  const options = body
    .slice(0, body.indexOf('\n}'))
    .matchAll(/\/\*\*((?:(?!\*\/).)*)\*\/\n {2}readonly (\w+)\?: number/gs)
  for (const [, comment = '', option = ''] of options) {
    const its = rows.filter((row) => row.name === option).flatMap(({ cells }) => cells)
    expect([option, its.length > 0]).toEqual([option, true])
    const standard = defaultIn(comment.replace(/\n\s*\*\s*/g, ' '))
    // 0 is none, and the row is among those that are off.
    if (standard) expect([option, ...its]).toContain(String(standard))
  }
})
