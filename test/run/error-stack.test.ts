/** Which source lines the development page shows: those of the app where the error occurred, and no others. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { excerptOf, parseStack } from '../../src/pages/error-stack.js'
import { request } from '../support/request.js'
import { directory, program, serve } from './programs.js'

const password = '/etc/passwd'

const fake = (place = `${password}:1:1`) => `\n    at f (${place})`
/** The source line that is marked for an error, or null. */
function marked(error: Error): string | null {
  const found = excerptOf(parseStack(error))
  return found && (found.lines[found.at - found.first]?.trim() ?? '')
}

const own = process.argv[1] === undefined ? '' : __filename

describe('an excerpt', () => {
  it('is the line where the app failed', () => {
    const error = new TypeError('here it is')
    expect(marked(error)).toContain("new TypeError('here it is')")
    expect(parseStack(error).lines[0]).toContain('error-stack.test.ts')
  })

  it.each<[string, () => Error]>([
    ['a line of the message', () => new Error(`No such user: bob${fake()}`)],
    ['several', () => new Error(`x${fake()}${fake(`file://${password}:2:2`)}`)],
    ['a message that is nothing else', () => new Error(fake().trimStart())],
    ['a message that begins with a line feed', () => new Error(fake())],
    ['the first frame', () => new Error(`x\nError: x${fake()}`)],
    ['a message that repeats the name', () => new Error(`Error: Error: Error: ${fake()}`)],
  ])('is never of %s', (_, make) => {
    const line = marked(make())
    expect(line).not.toBeNull()
    expect(line).toContain('new Error(')
  })

  it.each<[string, () => Error]>([
    ['a message that was changed', () => Object.assign(new Error(`a${fake()}`), { message: 'b' })],
    ['a message that was taken away', () => Object.assign(new Error(`a${fake()}`), { message: '' })],
    ['a message that was empty, then not', () => Object.assign(new Error(''), { message: `a${fake()}` })],
    ['a name with a line feed', () => Object.assign(new Error('x'), { name: `a${fake()}` })],
    [
      'a class with a line feed',
      () => {
        const Odd = class extends Error {}
        Object.defineProperty(Odd, 'name', { value: `a${fake()}` })
        Odd.prototype.name = `a${fake(`${own}:1:1`)}`
        const error = new Odd('x')
        return error
      },
    ],
    ['a stack that was set', () => Object.assign(new Error('x'), { stack: `Error: x${fake()}` })],
    [
      'a stack with more in it',
      () => Object.assign(new Error('x'), { stack: `${new Error('x').stack}\nCaused by: y` }),
    ],
    ['a stack of a link', () => Object.assign(new Error('x'), { stack: `Error: x${fake(`${link}:1:1`)}` })],
    [
      'a stack of a file that is not loaded',
      () => Object.assign(new Error('x'), { stack: `Error: x${fake(`${unloaded}:1:1`)}` }),
    ],
    [
      'a stack of data',
      () => Object.assign(new Error('x'), { stack: `Error: x${fake(`${process.cwd()}/package.json:1:1`)}` }),
    ],
    [
      'a stack that is not text',
      () => Object.assign(new Error('x'), { stack: { toString: () => `Error: x${fake()}` } }),
    ],
    ['no stack', () => Object.assign(new Error('x'), { stack: undefined })],
    ['code of eval', () => new Function('return new Error("x")')() as Error],
  ])('is not there for %s', (_, make) => {
    const line = marked(make())
    // V8 may write the head when the stack is first read: then it matches, and the location is the real one.
    if (line !== null) expect(line).toMatch(/new Error\('?|new Function|new Odd/)
  })
})

const link = join(directory, 'linked.mjs')
symlinkSync(password, link)
const unloaded = program('unloaded.mjs', '// not loaded\n')

describe('the page of a running app', () => {
  const files = {
    'secret.mjs': "// top-secret comment\nexport const key = 'top-secret'\n",
    'config.json': '{ "key": "top-secret" }',
    'note.txt': 'top-secret',
    '(group)/page.mjs':
      "export const fail = (name) => {\n  throw new Error('No such user: ' + name) // the place\n}\n",
    'node_modules/dep/index.mjs': '// top-secret\nexport const dep = (f) => f()\n',
  }
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(directory, 'app', name, '..'), { recursive: true })
    writeFileSync(join(directory, 'app', name), text)
  }
  const file = join(directory, 'app', 'app.mjs')
  writeFileSync(
    file,
    `import { createRequire } from 'node:module'
    import { run } from 'cgiup'
    import { key } from './secret.mjs'
    import { fail } from './(group)/page.mjs'
    createRequire(import.meta.url)('./config.json')
    run({ fetch: (r) => fail(new URL(r.url).searchParams.get('name'), key) }, { port: 0 })`,
  )

  it('shows the location, and no file that the request names', async () => {
    const { port } = await serve(file)
    const targets = [
      `${password}:2:1`,
      `file://${password}:1:1`,
      ...Object.keys(files).map((name) => `${join(directory, 'app', name)}:1:1`),
      `/proc/self/environ:1:1`,
      `${link}:1:1`,
    ]
    for (const target of targets) {
      const name = encodeURIComponent(`bob\n    at f (${target})`)
      const reply = await request({ port }, { target: `/x?name=${name}`, headers: ['Accept: text/html'] })
      expect(reply.status).toBe(500)
      expect(reply.text).toMatch(/<mark>.*No such user.*the place<\/mark>/)
      expect(reply.text).not.toMatch(/root:x:|daemon:|top-secret/)
    }
  })
})
