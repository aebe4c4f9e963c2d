import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
// @ts-expect-error a script without types
import { environmentDocument } from '../../scripts/environment-doc.mjs'
import { repairs } from '../../src/env/repair-table.js'
import { rowNotes } from '../../src/env/row-notes.js'
import { rows } from '../../src/env/rows.js'
import { servers as byProduct, oldNginx, unknownServer } from '../../src/env/server.js'
import { traitNotes } from '../../src/env/server-notes.js'
import { metaVariables } from '../../src/env/table.js'
import { environmentRules } from '../../src/lint/environment.js'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

test('docs/environment.md has the tables that `npm run docs` makes', () => {
  const losses = JSON.parse(read('test/fixtures/captures/losses.json'))
  const servers = { servers: [...Object.values(byProduct), oldNginx], unknownServer, traitNotes }
  const document = read('docs/environment.md')
  expect(document).toBe(
    environmentDocument(document, {
      metaVariables,
      rows: { rows, rowNotes },
      servers,
      repairs,
      environmentRules,
      losses,
    }),
  )
})

test('each table is there', () => {
  const document = read('docs/environment.md')
  for (const { name } of metaVariables) expect(document).toContain(`| \`${name}\` |`)
  for (const { name } of repairs) expect(document).toContain(`| \`${name}\` |`)
  for (const { name } of rows) expect(document).toContain(`| \`${name}\` |`)
  for (const { code } of environmentRules) expect(document).toContain(`| \`${code}\` |`)
})
