/** The code of the app itself is never sent, whatever name it was imported by, nor are copies of it. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { cgiBin, files, mount, script } from '../../src/host.js'
import { freePort } from '../support/ports.js'
import { request } from '../support/request.js'
import { startServer } from '../support/server-process.js'
import { tempDir } from '../support/temp.js'
import { startHost } from './support.js'

const host = JSON.stringify(fileURLToPath(new URL('../../dist/host.js', import.meta.url)))

function site(texts: Readonly<Record<string, string | Buffer>>): string {
  const root = tempDir('own')
  for (const [name, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  return root
}

const app = `
import { createRequire } from 'node:module'
import { readdirSync } from 'node:fs'
import { files, serve } from ${host}
import '#db'
import '#lib/text'
import 'a-site/self'
for (const name of readdirSync(new URL('./routes/', import.meta.url))) await import(\`./routes/\${name}\`)
await import(new URL('./computed.js', import.meta.url).href)
const load = createRequire(import.meta.url)
load('./data.json')
globalThis.later = () => import('./la' + 'ter.js')
const app = files(import.meta.dirname)
await serve(async (exchange) => {
  if (exchange.env.get('PATH_INFO') !== '/load') return app(exchange)
  await globalThis.later()
  return { status: 200, headers: [], body: '' }
}, { port: Number(process.argv[2]) })
`

test('modules that the app has loaded: by names of its package, computed paths, --import', async () => {
  const own = {
    'lib/db.js': '',
    'lib/text.js': '',
    'lib/self.js': '',
    'routes/admin.js': '',
    'computed.js': '',
    'data.json': '{}',
    'setup.mjs': '',
  }
  const root = site({
    ...own,
    'package.json': JSON.stringify({
      name: 'a-site',
      type: 'module',
      imports: { '#db': { node: './lib/db.js' }, '#lib/*': './lib/*.js' },
      exports: { './self': './lib/self.js' },
    }),
    'app.js': app,
    'lib/db.js.gz': gzipSync(''),
    'later.js': '',
    'client.js': '',
  })
  const port = await freePort()
  const server = await startServer(process.execPath, ['--import', './setup.mjs', 'app.js', `${port}`], {
    cwd: root,
    listens: { port },
  })
  onTestFinished(() => void server.stop())
  const status = async (name: string) => (await request({ port }, { target: `/${name}` })).status
  for (const name of ['app.js', 'lib/db.js.gz', ...Object.keys(own)])
    expect([name, await status(name)]).toEqual([name, 403])
  for (const name of ['client.js', 'later.js']) expect([name, await status(name)]).toEqual([name, 200])
  await status('load')
  await expect.poll(() => status('later.js'), { timeout: 5000 }).toBe(403)
  expect(await status('client.js')).toBe(200)
})

test('modules that a script imports by a name of its package, or after a comment', async () => {
  const root = site({
    'package.json': JSON.stringify({
      imports: {
        '#db': { import: './lib/db.mjs', default: ['./lib/db.js'] },
        '#lib/*.js': './lib/*.js',
        '#no': null,
      },
    }),
    'app.js': `import '#db'; import '#lib/text.js'; import '#no'; import(/* later */ './late.js')`,
    'lib/db.mjs': '',
    'lib/db.js': '',
    'lib/text.js': '',
    'late.js': '',
    'lib/client.js': '',
  })
  const run = script(join(root, 'app.js'), { handler: { '.js': 'node' } })
  const { get } = await startHost(mount({ '/app': run, '/': files(root) }))
  for (const name of ['lib/db.mjs', 'lib/db.js', 'lib/text.js', 'late.js'])
    expect([name, (await get(`/${name}`)).status]).toEqual([name, 403])
  expect((await get('/lib/client.js')).status).toBe(200)
})

test('copies of a running program', async () => {
  const root = site({
    'app.js': '',
    'app.js.gz': '',
    'app.js.txt': '',
    'app.js.tar.gz': '',
    'other.js.gz': '',
    tool: '',
    'tool.txt': '',
  })
  const run = (name: string) => script(join(root, name), { handler: { '.js': 'node' } })
  const { get } = await startHost(mount({ '/app': run('app.js'), '/tool': run('tool'), '/': files(root) }))
  for (const name of ['app.js', 'app.js.gz', 'app.js.txt', 'app.js.tar.gz'])
    expect([name, (await get(`/${name}`)).status]).toEqual([name, 403])
  for (const name of ['other.js.gz', 'tool.txt'])
    expect([name, (await get(`/${name}`)).status]).toEqual([name, 200])
})

test.each(['files()', 'cgiBin()'])(
  '%s: the index of a directory that is reached through a symlink',
  async (how) => {
    const root = site({ 'releases/1/index.html': 'page', 'releases/1/índice.html': 'página' })
    symlinkSync('releases/1', join(root, 'current'))
    const with_ = (index: string) =>
      how === 'files()' ? files(root, { index: [index] }) : cgiBin(root, { files: true, index: [index] })
    expect((await (await startHost(with_('index.html'))).get('/current/')).text).toBe('page')
    expect((await (await startHost(with_('índice.html'))).get('/current/')).text).toBe('página')
  },
)

test.each(['files()', 'cgiBin()'])(
  '%s: names begin no line of the log, and steer no terminal',
  async (how) => {
    const root = site({ 'x\n403: forged\x1b[2J.cfg': '' })
    const host = await startHost(how === 'files()' ? files(root) : cgiBin(root, { files: true }))
    await host.get('/x%0A403:%20forged%1B%5B2J.cfg')
    await host.get('/no%0A403:%20forged%C2%9B2J')
    expect(host.stderr()).toContain('x\\x0a403: forged\\x1b[2J.cfg is withheld')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
    expect(host.stderr()).not.toMatch(/^403: forged|[\x00-\x09\x0b-\x1f\x7f-\x9f]/m)
  },
)
