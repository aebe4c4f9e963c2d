import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
// @ts-expect-error a script without types
import { errorsDocument, throwers } from '../../scripts/errors-doc.mjs'
import { errorTable } from '../../src/core/errors.js'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')

test('docs/errors.md is what `npm run docs` generates from the table', () => {
  expect(read('docs/errors.md')).toBe(errorsDocument(errorTable))
})

test('every code of the table is thrown somewhere, and has a fix', () => {
  const sources = readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && path !== 'core/errors.ts')
    .map((path) => read(`src/${path}`))
    .join('\n')
  const classes = throwers(Object.keys(errorTable))
  for (const [code, { title, fix, status }] of Object.entries(errorTable)) {
    expect(sources, `${code} is never used`).toContain(`'${code}'`)
    expect(classes.get(code)?.size, `the class of ${code} cannot be determined`).toBeGreaterThan(0)
    expect(title, code).toMatch(/^[A-Z].*[^.]$/)
    expect(fix, code).toMatch(/[.…]$/)
    expect(status, code).toBeGreaterThanOrEqual(400)
  }
})
