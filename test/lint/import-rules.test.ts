/** The table of "who may import whom": the tree obeys it, and a forbidden import fails. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
// @ts-expect-error a script without types
import { check, tree } from '../../scripts/import-rules.mjs'
// @ts-expect-error a script without types
import { roomOf, rooms, roomTable } from '../../scripts/rooms.mjs'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** The violations in a tree of files, as `path:line`. */
function wrong(files: Record<string, string>): string[] {
  return check(files).map(({ path, line }: { path: string; line: number }) => `${path}:${line}`)
}

/** The position of an import, what it names, and whether it is allowed. */
const arrows: [from: string, to: string, allowed: boolean][] = [
  ['core/exchange.ts', './errors.js', true],
  ['core/exchange.ts', '../env/request.js', false],
  ['env/request.ts', './table.js', true],
  ['env/request.ts', '../core/errors.js', true],
  ['env/request.ts', 'node:fs', false],
  ['env/request.ts', '../cgi/codec/head.js', false],
  ['env/request.ts', '../app/handler.js', false],
  ['lint/output.ts', '../env/text.js', true],
  ['lint/output.ts', '../http/server/server.js', false],
  ['cgi/codec/head.ts', './status.js', true],
  ['cgi/codec/head.ts', 'node:buffer', false],
  ['cgi/codec/head-parser.ts', '../child/child.js', false],
  ['cgi/child/child.ts', '../codec/head.js', true],
  ['cgi/child/child.ts', 'node:fs/promises', true],
  ['cgi/child/child.ts', '../script/script.js', false],
  ['cgi/child/child.ts', '../../app/handler.js', false],
  ['cgi/child/child.ts', '../../host.js', false],
  ['cgi/script/script.ts', '../codec/head-parser.js', true],
  ['cgi/script/script.ts', 'node:child_process', true],
  ['cgi/script/script.ts', '../child/child.js', false],
  ['cgi/script/script.ts', '../../http/server/server.js', false],
  ['http/server/server.ts', '../../cgi/codec/head.js', true],
  ['http/server/server.ts', '../../fastcgi/server/connection.js', false],
  ['http/server/server.ts', '../../host/files.js', false],
  ['fastcgi/codec/record.ts', 'node:net', false],
  ['fastcgi/codec/responder.ts', '../../serve/service.js', false],
  ['fastcgi/server/connection.ts', '../../serve/service.js', true],
  ['fastcgi/server/connection.ts', '../../scgi/server/connection.js', false],
  ['scgi/codec/netstring.ts', '../server/connection.js', false],
  ['socket/wire.ts', 'node:net', true],
  ['socket/wire.ts', '../serve/service.js', false],
  ['serve/service.ts', '../socket/wire.js', true],
  ['serve/service.ts', '../fastcgi/server/connection.js', false],
  ['process/gate.ts', '../fastcgi/server/connection.js', true],
  ['process/gate.ts', '../app/handler.js', false],
  ['app/fetch.ts', '../env/request.js', true],
  ['app/fetch.ts', 'hono', false],
  ['app/fetch.ts', '../http/server/server.js', false],
  ['app/web/request.ts', '../../core/exchange.js', true],
  ['app/web/request.ts', '../../cgi/child/child.js', false],
  ['form/multipart.ts', 'busboy', true],
  ['form/store.ts', '../app/handler.js', false],
  ['pages/listing.ts', '../host/files.js', false],
  ['host/files.ts', '../pages/listing.js', true],
  ['host/files.ts', '../run/run.js', false],
  ['host/files.ts', '../cli/main.js', false],
  ['host/files.ts', 'express', false],
  ['run/run.ts', '../host/files.js', true],
  ['run/run.ts', '../cli/main.js', false],
  ['test/emulate.ts', '../run/run.js', true],
  ['test/emulate.ts', '../host.js', false],
  ['index.ts', './run/run.js', true],
  ['index.ts', './cli/main.js', false],
  ['cli/call.ts', '../host.js', true],
  ['cli/call.ts', 'commander', false],
]

describe('import rules', () => {
  test('the tree keeps them, and has no circle', () => {
    expect(check(tree())).toEqual([])
  })

  test('every file is in a room, and every room has files', () => {
    const found = new Set(Object.keys(tree()).map((path) => roomOf(path)))
    expect([...found].sort()).toEqual(Object.keys(rooms).sort())
  })

  test.each(arrows)('%s imports %s: %s', (from, to, allowed) => {
    expect(wrong({ [from]: `import { x } from '${to}'\n` })).toEqual(allowed ? [] : [`${from}:1`])
  })

  test('types, exports and lazy imports are arrows too', () => {
    const source = [
      "import type { A } from '../../app/handler.js'",
      "export { b } from '../../app/handler.js'",
      "export * from '../../app/handler.js'",
      "const c = await import('../../app/handler.js')",
      "let d: import('../../app/handler.js').App",
    ].join('\n')
    expect(wrong({ 'cgi/child/child.ts': source })).toEqual(
      [1, 2, 3, 4, 5].map((n) => `cgi/child/child.ts:${n}`),
    )
  })

  test('a circle fails, of types too', () => {
    const files = {
      'core/a.ts': "import type { B } from './b.js'\n",
      'core/b.ts': "import { c } from './c.js'\n",
      'core/c.ts': "export const c = () => import('./a.js')\n",
      'core/d.ts': "import './a.js'\n",
    }
    expect(check(files)).toEqual([
      { path: 'core/a.ts', line: 1, text: 'is in a circle: core/a.ts, core/b.ts, core/c.ts' },
    ])
  })

  test('a public entry file contains no code', () => {
    const face =
      "import { go } from './run/run.js'\nexport type { A } from './core/a.js'\nexport { go }\ngo()\n"
    expect(wrong({ 'index.ts': face })).toEqual([])
    for (const code of [
      'export const a = 1',
      'export interface A {}',
      'function f() {}',
      'if (go) go()',
      'go(1)',
    ])
      expect(wrong({ 'index.ts': `${face}${code}\n` })).toEqual(['index.ts:5'])
  })

  test('a folder without a row fails', () => {
    expect(wrong({ 'helpers/x.ts': '' })).toEqual(['helpers/x.ts:1'])
  })

  test.each([
    'setTimeout(go)',
    'await go()',
    'async () => {}',
    'Promise.resolve()',
    'process.env',
    'performance.now()',
  ])('sans-IO code has no %s', (code) => {
    for (const path of ['env/request.ts', 'cgi/codec/head.ts', 'fastcgi/codec/record.ts', 'lint/output.ts']) {
      expect(wrong({ [path]: `export const x = ${code}\n` })).toEqual([`${path}:1`])
    }
    expect(wrong({ 'cgi/child/child.ts': `export const x = ${code}\n` })).toEqual([])
  })

  test('docs/decisions/import-rules.md has the table', () => {
    expect(read('docs/decisions/import-rules.md')).toContain(roomTable())
  })
})
