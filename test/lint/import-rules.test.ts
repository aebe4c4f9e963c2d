/** The arrows of "who may import whom": the linter must refuse a wrong one, in every file there is. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { tempDir } from '../support/temp.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const rule = 'lint/style/noRestrictedImports'

/** Lints a tree of files (path -> source) with our configuration; gives `path:line` of each wrong arrow. */
function wrongArrows(files: Record<string, string>): string[] {
  const room = tempDir('lint')
  const config = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8'))
  writeFileSync(join(room, 'biome.json'), JSON.stringify({ ...config, vcs: { enabled: false } }))
  for (const [path, source] of Object.entries(files)) {
    mkdirSync(dirname(join(room, path)), { recursive: true })
    writeFileSync(join(room, path), source)
  }
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
  const options = ['lint', '--reporter=json', '--max-diagnostics=none', '--only=style', 'src']
  let output: string
  try {
    output = execFileSync(process.execPath, [biome, ...options], {
      cwd: room,
      encoding: 'utf8',
      stdio: 'pipe',
    })
  } catch (error) {
    output = (error as { stdout: string }).stdout
  }
  const { diagnostics } = JSON.parse(output) as {
    diagnostics: { category: string; location: { path: string; start: { line: number } } }[]
  }
  return diagnostics
    .filter(({ category }) => category === rule || category === 'lint/style/noRestrictedGlobals')
    .map(({ location }) => `${location.path}:${location.start.line}`)
}

/** Where an import stands, what it names, and whether it may. */
const arrows: [from: string, to: string, allowed: boolean][] = [
  ['src/exchange.ts', './errors.js', false],
  ['src/exchange.ts', 'node:stream', false],
  ['src/errors.ts', './exchange.js', false],
  ['src/env/request.ts', './table.js', true],
  ['src/env/request.ts', '../errors.js', true],
  ['src/env/request.ts', 'node:fs', false],
  ['src/env/request.ts', '../cgi/head.js', false],
  ['src/env/request.ts', '../app/handler.js', false],
  ['src/cgi/head.ts', './status.js', true],
  ['src/cgi/head-parser.ts', './child.js', false],
  ['src/cgi/head.ts', 'node:buffer', false],
  ['src/cgi/lint.ts', '../http/server.js', false],
  ['src/cgi/child.ts', './head.js', true],
  ['src/cgi/child.ts', '../env/request.js', true],
  ['src/cgi/child.ts', 'node:fs/promises', true],
  ['src/cgi/child.ts', '../app/handler.js', false],
  ['src/cgi/child.ts', '../host/log.js', false],
  ['src/cgi/child.ts', '../host.js', false],
  ['src/cgi/child.ts', './script.js', false],
  ['src/cgi/stdio.ts', '../run.js', false],
  ['src/cgi/script.ts', './script-env.js', true],
  ['src/cgi/script.ts', 'node:child_process', true],
  ['src/cgi/script.ts', './child.js', false],
  ['src/cgi/script.ts', '../http/server.js', false],
  ['src/cgi/script.ts', '../app/handler.js', false],
  ['src/http/server.ts', '../cgi/head.js', true],
  ['src/http/server.ts', 'node:http', true],
  ['src/http/server.ts', '../app/handler.js', false],
  ['src/http/server.ts', '../host/files.js', false],
  ['src/http/server.ts', '../cgi/script.js', false],
  ['src/fastcgi/record.ts', '../errors.js', true],
  ['src/fastcgi/record.ts', 'node:net', false],
  ['src/fastcgi/responder.ts', '../server/service.js', false],
  ['src/fastcgi/connection.ts', '../server/service.js', true],
  ['src/fastcgi/connection.ts', 'node:net', true],
  ['src/fastcgi/connection.ts', '../app/handler.js', false],
  ['src/scgi/netstring.ts', './connection.js', true],
  ['src/scgi/netstring.ts', '../server/service.js', false],
  ['src/scgi/connection.ts', '../host/files.js', false],
  ['src/server/service.ts', '../cgi/spool.js', true],
  ['src/server/service.ts', '../fastcgi/connection.js', false],
  ['src/daemon/gate.ts', '../fastcgi/connection.js', true],
  ['src/daemon/gate.ts', '../app/handler.js', false],
  ['src/app/fetch.ts', '../env/request.js', true],
  ['src/app/fetch.ts', './web/request.js', true],
  ['src/app/fetch.ts', 'node:http', true],
  ['src/app/fetch.ts', '../http/server.js', false],
  ['src/app/fetch.ts', '../cgi/child.js', false],
  ['src/app/fetch.ts', '../cgi/script.js', false],
  ['src/app/fetch.ts', '../host.js', false],
  ['src/app/fetch.ts', 'hono', false],
  ['src/app/web/request.ts', '../../exchange.js', true],
  ['src/app/web/request.ts', '../../cgi/status.js', true],
  ['src/app/web/request.ts', '../../http/server.js', false],
  ['src/app/web/request.ts', '../../cgi/child.js', false],
  ['src/app/node/request.ts', '../web/streams.js', true],
  ['src/form/multipart.ts', 'busboy', true],
  ['src/form/store.ts', '../app/handler.js', false],
  ['src/form.ts', './form/store.js', true],
  ['src/form.ts', './app/handler.js', false],
  ['src/host/directory.ts', '../cgi/script.js', true],
  ['src/host/directory.ts', '../cli/main.js', false],
  ['src/host/directory.ts', '../run.js', false],
  ['src/host/directory.ts', 'express', false],
  ['src/test/emulate.ts', '../host.js', true],
  ['src/test/emulate.ts', '../cli/call.js', false],
  ['src/run.ts', './cgi/child.js', true],
  ['src/run.ts', './cli/main.js', false],
  ['src/run.ts', './config/nginx.js', false],
  ['src/run.ts', 'busboy', false],
  ['src/cli/main.ts', '../run.js', true],
  ['src/cli/main.ts', 'commander', false],
]

describe('import rules', () => {
  test('each arrow is refused or allowed as the design says', () => {
    const files: Record<string, string> = {}
    const expected: string[] = []
    for (const [from, to, allowed] of arrows) {
      const line = (files[from]?.split('\n').length ?? 1) - 1
      files[from] = `${files[from] ?? ''}import { x${line} } from '${to}'\n`
      if (!allowed) expected.push(`${from}:${line + 1}`)
    }
    expect(wrongArrows(files).sort()).toEqual(expected.sort())
  })

  test('types, exports and lazy imports are arrows too', () => {
    const source = [
      "import type { A } from '../app/handler.js'",
      "export { b } from '../app/handler.js'",
      "const c = await import('../app/handler.js')",
    ].join('\n')
    const wrong = wrongArrows({ 'src/cgi/child.ts': source })
    expect(wrong).toEqual(['src/cgi/child.ts:1', 'src/cgi/child.ts:2', 'src/cgi/child.ts:3'])
  })

  test('every file of src is under a rule: none may import the command line or a package', () => {
    const files: Record<string, string> = {}
    const expected: string[] = []
    for (const path of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
      if (!path.endsWith('.ts')) continue
      const up = '../'.repeat(path.split('/').length - 1) || './'
      const inCli = path.startsWith('cli/')
      files[`src/${path}`] = `import '${up}cli/main.js'\nimport 'left-pad'\n`
      if (!inCli) expected.push(`src/${path}:1`)
      expected.push(`src/${path}:2`)
    }
    expect(expected.length).toBeGreaterThan(50)
    expect(wrongArrows(files).sort()).toEqual(expected.sort())
  })

  test.each(['setTimeout(go)', 'await Promise.resolve()', 'process.env'])(
    'sans-IO code has no %s',
    (code) => {
      for (const path of ['src/env/request.ts', 'src/cgi/head.ts', 'src/fastcgi/record.ts']) {
        expect(wrongArrows({ [path]: `export const x = ${code}\n` })).toEqual([`${path}:1`])
      }
      expect(wrongArrows({ 'src/cgi/child.ts': `export const x = ${code}\n` })).toEqual([])
    },
  )
})
