import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { defaultLimits } from '../../src/form.js'

test('docs/forms.md lists each limit with its default', () => {
  const text = readFileSync(new URL('../../docs/forms.md', import.meta.url), 'utf8')
  const table = text.slice(text.indexOf('<!-- limits forms -->'), text.indexOf('Your web server'))
  const rows = [...table.matchAll(/^\| `(\w+)` \| (\d+)(?: (KiB|MiB))? \| (?:bytes|count) \|/gm)]
  const documented = rows.map(([, name, count, unit]) => [
    name,
    Number(count) * (unit === 'MiB' ? 1024 ** 2 : unit === 'KiB' ? 1024 : 1),
  ])
  expect(Object.fromEntries(documented)).toEqual(defaultLimits)
})
