/** Names that every JavaScript object already has: they are treated like any other name. */
import { describe, expect, it, test } from 'vitest'
import { prepareReply } from '../../src/cgi/codec/head.js'
import { launch } from '../../src/cgi/script/environment.js'
import { pairs } from '../../src/cli/args.js'
import { Environment } from '../../src/env/environment.js'
import { changeVariables } from '../../src/host/derived-exchange.js'
import { cgiBin, mount } from '../../src/host.js'
import { handler } from '../../src/index.js'
import { emulate } from '../../src/test.js'
import { scripts, sh, startHost } from './support.js'

const odd = ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__']

describe.each(odd)('%s', (name) => {
  it('is a header field of a reply', async () => {
    const reply = prepareReply({ status: 200, headers: [name, 'x', 'X-B', 'y'], body: null }, 'GET', false)
    expect(reply.headers).toEqual(expect.arrayContaining([name, 'x', 'X-B', 'y']))
    const apps = [
      handler(() => ({ status: 200, headers: [name, 'x'], body: 'hello' })),
      { fetch: () => new Response('hello', { headers: [[name, 'x']] }) },
      (_: unknown, res: { setHeader(name: string, value: string): void; end(text: string): void }) => {
        res.setHeader(name, 'x')
        res.end('hello')
      },
    ]
    for (const app of apps) {
      const sent = await emulate(app as never).fetch('/')
      expect(sent.headers.get(name)).toBe('x')
    }
  })

  it('is a header field of a script, below a mount path and in the environment of the next handler', async () => {
    const bin = scripts({ 'x.cgi': sh(`printf 'Content-Type: text/plain\\n${name}: x\\n\\nhello'`) })
    const host = await startHost(mount({ '/cgi-bin': cgiBin(bin) }))
    expect((await host.get('/cgi-bin/x.cgi')).header(name)).toBe('x')
  })

  it('is a variable', () => {
    expect(changeVariables([name, 'x', 'A', 'a'], { A: 'b', B: 'c' })).toEqual([
      name,
      'x',
      'A',
      'b',
      'B',
      'c',
    ])
    expect(changeVariables([name, 'x'], {})).toEqual([name, 'x'])
    expect(Object.entries(launch(['x'], [name, 'y']).env)).toEqual([[name, 'y']])
    expect(Object.entries(pairs([`${name}=x`], ''))).toEqual([[name, 'x']])
    expect(new Environment([name, 'x']).get(name)).toBe('x')
    expect(new Environment(['A', 'a']).get(name)).toBeUndefined()
    expect(Object.hasOwn(new Environment(['A', 'a']).toObject(), name)).toBe(false)
  })
})

test('--env __proto__=x reaches a script', async () => {
  const bin = scripts({ 'x.cgi': sh(`printf 'Content-Type: text/plain\\n\\n'; env`) })
  const host = await startHost(cgiBin(bin, { env: pairs(['__proto__=x', 'constructor=y'], '') }))
  const { text } = await host.get('/x.cgi')
  expect(text).toMatch(/^__proto__=x$/m)
  expect(text).toMatch(/^constructor=y$/m)
})
