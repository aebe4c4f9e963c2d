/** The configurations in docs/deploy-*.md are those that the tests run. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { configDirectory, repository } from './docroot.js'

const docs = join(repository, 'docs')
const guides = readdirSync(docs).filter((name) => name.startsWith('deploy-'))

/** A template as a reader of the guide would write it. */
function example(name: string): string {
  return readFileSync(join(configDirectory, name), 'utf8')
    .replaceAll('@ROOT@', '/var/www/example')
    .replaceAll('@SOCK@', '/run/fcgiwrap.socket')
    .replaceAll('@APP@', 'app')
    .replaceAll('@APPSOCK@', name.startsWith('lighttpd') ? '/run/lighttpd/app.sock' : '/run/app.sock')
    .replaceAll('@BACK@', '9000')
    .replaceAll('@ONE@', '/run/app-1.sock')
    .replaceAll('@TWO@', '/run/app-2.sock')
    .replaceAll('@FILE@', '/var/www/example/app.mjs')
    .replaceAll('@ONE@', '/run/app-1.sock')
    .replaceAll('@OTHER@', '/run/app-2.sock')
    .replaceAll('@SCRIPT@', '/srv/app/app.mjs')
    .replaceAll('@PATH@', '/usr/local/bin:/usr/bin:/bin')
    .replaceAll('front-express', 'shop')
}

const marked = guides.flatMap((guide) => {
  const text = readFileSync(join(docs, guide), 'utf8')
  const blocks = text.matchAll(/<!-- test\/servers\/config\/(\S+) -->\n```\w*\n(.*?)```/gs)
  return [...blocks].map(([, name = '', block = '']) => ({ guide, name, block }))
})

/** Directives that start processes and set their environment (mod_fcgid's is FcgidInitialEnv, global). */
const starts =
  /bin-path|ScriptAlias|cgi-script|spawn|ExecStart=\/usr\/bin\/node|fcgiwrap|set-environment|FcgidMaxRequestLen/

/** Templates of a complete server, used only by the tests. */
const wholeServer = /-(frame|process|authorizer)\.conf$/

describe('configurations in the guides', () => {
  it.each(marked)('$guide: $name', ({ name, block }) => {
    expect(block).toBe(example(name))
  })

  it.each(marked.filter(({ block }) => starts.test(block)))('$guide: $name sets NODE_ENV', ({ block }) => {
    expect(block).toMatch(/NODE_ENV.{1,8}production/)
  })

  it('every part that the servers are tested with is shown in a guide', () => {
    const parts = readdirSync(configDirectory).filter((name) => !wholeServer.test(name))
    expect(marked.map((one) => one.name).sort()).toEqual(parts.sort())
  })
})
