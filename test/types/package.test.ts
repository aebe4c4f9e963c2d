/** The types as seen by a project that has installed the package, without skipLibCheck. */
import { execFile } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { tempDir } from '../support/temp.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const project = tempDir('types')

const files = {
  'all.mts': `
    import { type App, type Exchange, handler, run, serverNames } from 'cgiup'
    import { runCgi } from 'cgiup/cgi'
    import { form } from 'cgiup/form'
    import { cgiBin } from 'cgiup/host'
    import { emulate, memory } from 'cgiup/test'
    run({ fetch: async (request) => new Response((await form(request)).get('name')) })
    run((req, res) => res.end(req.url))
    run(handler((exchange: Exchange) => ({ status: 200, headers: [], body: exchange.env.get('PATH_INFO') ?? '' })))
    // @ts-expect-error
    run('app.js')
    void [runCgi, cgiBin, emulate, memory, serverNames]
    export type { App }`,
  'script.cts': `
    import { run } from 'cgiup'
    run({ fetch: () => new Response('hello') })
    // @ts-expect-error
    run('app.js')`,
}

beforeAll(() => {
  mkdirSync(join(project, 'node_modules'))
  symlinkSync(root, join(project, 'node_modules/cgiup'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(project, name), text)
})

test.each(['es2023', 'es2023,dom'])(
  'an ES module and a CommonJS script compile, with lib %s',
  async (lib) => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')]
    const options = [
      '--noEmit',
      '--strict',
      '--exactOptionalPropertyTypes',
      '--module',
      'nodenext',
      '--target',
      'es2023',
    ]
    const args = [tsc, ...options, ...types, '--lib', lib, ...Object.keys(files)]
    const run = promisify(execFile)(process.execPath, args, { cwd: project }).catch((error) => error)
    expect((await run).stdout).toBe('')
  },
)
