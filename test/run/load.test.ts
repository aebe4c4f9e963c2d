import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { beforeAll, describe, expect, it } from 'vitest'
import { tempDir } from '../support/temp.js'

/**
 * In a separate process, as the command does it, because vitest has its own module loader. Prints the app's
 * result and the location in its stack trace.
 */
const program = `
import { loadModule, appOf } from ${JSON.stringify(new URL('../../dist/app/load.js', import.meta.url).href)}
try {
  const app = await appOf(await loadModule(process.argv[1]))
  let place = ''
  try { app.fetch() } catch (error) { place = /([^/]+:\\d+):\\d+/.exec(error.stack.split('\\n')[1])[1] }
  console.log(JSON.stringify({ says: app?.says, place }))
} catch (error) {
  console.log(JSON.stringify({ code: error.code, name: error.name, message: error.message, stack: error.stack }))
}`

async function load(file: string) {
  const { stdout, stderr } = await execa(process.execPath, ['--input-type=module', '-e', program, file], {
    env: { NODE_OPTIONS: '' },
  })
  return { ...JSON.parse(stdout), stderr }
}

const fetch = "fetch() { throw new Error('place') }"
const esm = `#!/usr/bin/env cgiup
import relative from './relative.mjs'
import bare from 'bare'
export default { says: [relative, bare, import.meta.url.split('/').pop()].join(' '), ${fetch} }
`
const styles = {
  esm,
  await: esm.replace(
    'export default',
    'await new Promise((resolve) => setTimeout(resolve, 1))\nexport default',
  ),
  cjs: `#!/usr/bin/env cgiup
const relative = require('./relative.cjs')
const bare = require('bare')
module.exports = { says: [relative, bare, __filename.split('/').pop()].join(' '), ${fetch} }
`,
}
const scopes = { none: undefined, module: '{"type":"module"}', commonjs: '{"type":"commonjs"}' }
const extensions = ['.cgi', '.pl', '.js', '.mjs', '.cjs', '']

/** Errors of Node itself: the extension or package.json selects another module type. */
function refused(scope: string, style: string, extension: string): boolean {
  if (style === 'cjs') return extension === '.mjs' || (scope === 'module' && extension === '.js')
  return extension === '.cjs' || (scope === 'commonjs' && extension === '.js')
}

let root: string
beforeAll(() => {
  root = tempDir('load')
  for (const [scope, manifest] of Object.entries(scopes)) {
    const directory = join(root, scope)
    mkdirSync(join(directory, 'node_modules', 'bare'), { recursive: true })
    if (manifest) writeFileSync(join(directory, 'package.json'), manifest)
    writeFileSync(join(directory, 'node_modules/bare/package.json'), '{"name":"bare","main":"main.cjs"}')
    writeFileSync(join(directory, 'node_modules/bare/main.cjs'), "module.exports = 'bare'")
    writeFileSync(join(directory, 'relative.mjs'), "export default 'relative'")
    writeFileSync(join(directory, 'relative.cjs'), "module.exports = 'relative'")
    for (const [style, text] of Object.entries(styles)) {
      for (const extension of extensions) writeFileSync(join(directory, style + extension), text)
    }
  }
})

describe('loads an app file whatever its extension', () => {
  const cases = Object.keys(scopes).flatMap((scope) =>
    Object.keys(styles).flatMap((style) => extensions.map((extension) => [scope, style, extension] as const)),
  )
  const works = cases.filter((one) => !refused(...one))
  it.concurrent.each(works)('package type %s: %s%s', async (scope, style, extension) => {
    // Node 26 applies the type of the package to files without extension, too.
    const strict = Number(process.versions.node.split('.')[0]) >= 26 && extension === ''
    if (strict && (scope === 'commonjs' ? style !== 'cjs' : scope === 'module' && style === 'cjs')) return
    const found = await load(join(root, scope, style + extension))
    expect(found).toEqual({
      says: `relative bare ${style}${extension}`,
      place: `${style}${extension}:${styles[style as keyof typeof styles].trimEnd().split('\n').length}`,
      stderr: '',
    })
  })

  it('works in a directory that cannot be written', async () => {
    const directory = join(root, 'none')
    chmodSync(directory, 0o555)
    expect((await load(join(directory, 'await.cgi'))).says).toBe('relative bare await.cgi')
    chmodSync(directory, 0o755)
  })
})

describe('finds the app', () => {
  const write = (name: string, text: string) => {
    const file = join(root, 'none', name)
    writeFileSync(file, text)
    return file
  }

  it.each([
    ['a promise', "export default Promise.resolve({ says: 'later', fetch() {} })", 'later'],
    ['a named fetch', "export const says = 'named fetch'; export function fetch() {}", 'named fetch'],
    ['a named app', "export const app = { says: 'named app', fetch() {} }", 'named app'],
    [
      'a marked handler',
      "export const handler = Object.assign(() => {}, { [Symbol.for('cgiup.handler')]: true, says: 'handler' })",
      'handler',
    ],
    [
      'TypeScript as CommonJS',
      "Object.defineProperty(exports, '__esModule', { value: true }); exports.default = { says: 'cjs default', fetch() {} }",
      'cjs default',
    ],
    ['exports.app', "exports.app = { says: 'exports.app', fetch() {} }", 'exports.app'],
    [
      'default before app',
      "export const app = () => {}; export default { says: 'default', fetch() {} }",
      'default',
    ],
  ])('%s', async (name, text, says) => {
    expect((await load(write(`${name.replaceAll(' ', '-')}.cgi`, text))).says).toBe(says)
  })

  it.each([
    ['nothing at all', 'export {}'],
    [
      'an unmarked handler, as cloud platforms have it',
      'export const handler = async () => ({ statusCode: 200 })',
    ],
    ['empty exports', '0'],
  ])('none in %s', async (name, text) => {
    expect((await load(write(`no-${name.length}.cgi`, text))).says).toBeUndefined()
  })
})

describe('reports what is wrong', () => {
  it('no such file', async () => {
    expect(await load(join(root, 'none', 'missing.cgi'))).toMatchObject({
      code: 'APP_FILE',
      message: expect.stringContaining('no such file'),
    })
  })

  it('errors of the file itself are passed on unchanged', async () => {
    const file = join(root, 'none', 'broken.cgi')
    writeFileSync(file, "import './relative.mjs'\nthrow new RangeError('of its own')")
    expect(await load(file)).toMatchObject({ name: 'RangeError', message: 'of its own' })
    writeFileSync(file, 'this is not JavaScript')
    expect(await load(file)).toMatchObject({ name: 'SyntaxError' })
  })

  it.each([
    ['an ES module', "import './relative.mjs'\nexport default = 3"],
    ['a CommonJS file', 'const fs = require("fs")\nconst x = = 3'],
  ])('a syntax error of %s is shown with its place', async (_, source) => {
    const file = join(root, 'none', 'wrong.cgi')
    writeFileSync(file, source)
    const { stack } = (await load(file)) as Error
    expect(stack?.split('\n').slice(0, 2)).toEqual([`${file}:2`, source.split('\n')[1]])
    expect(stack).toMatch(/\n *\^\n[\s\S]*SyntaxError: Unexpected token '='/)
  })

  it('a CommonJS file that requires a module with top-level await: the reason, not the extension', async () => {
    writeFileSync(join(root, 'none', 'awaits.mjs'), 'await null')
    const file = join(root, 'none', 'requires.cgi')
    writeFileSync(file, "require('./awaits.mjs')")
    expect(await load(file)).toMatchObject({ code: 'ERR_REQUIRE_ASYNC_MODULE' })
  })

  it('TypeScript in a Node that cannot read it', async () => {
    const file = join(root, 'none', 'typed.ts')
    writeFileSync(file, "const says: string = 'typed'\nexport default { says, fetch() {} }")
    const found = await load(file)
    if ((process.features as { typescript?: unknown }).typescript) expect(found.says).toBe('typed')
    else {
      expect(found).toMatchObject({ code: 'APP_FILE' })
      expect(found.message).toMatch(/typed\.ts: Node 20\.\d+\.\d+ cannot run TypeScript/)
    }
  })
})
