/** docs/limits.md says what the code does. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { limitsFrom } from '../../src/server/limits.js'

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

test.each([
  ['HttpOptions', '../../src/http/options.ts', 1],
  ['BodyLimits', '../../src/http/body.ts', 1],
  ['ScriptOptions', '../../src/cgi/script.ts', 0],
  ['PlaceLimits', '../../src/cgi/script-places.ts', 0],
  ['SpoolLimits', '../../src/cgi/script-input.ts', 0],
  ['StderrLimits', '../../src/cgi/script-stderr.ts', 0],
])('every limit of %s has a row', (_, file) => {
  const source = readFileSync(new URL(file, import.meta.url), 'utf8')
  const body = source.slice(source.indexOf(`export interface ${_}`))
  const names = [...body.slice(0, body.indexOf('\n}')).matchAll(/^ {2}readonly (\w+)\?: number/gm)]
  for (const [, name = ''] of names) expect(rows.map((row) => row.name)).toContain(name)
})
