/** A log reader that exits or stops reading neither ends nor blocks a server. */

import { spawnSync } from 'node:child_process'
import { openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { until } from '../support/processes.js'
import { tempDir } from '../support/temp.js'
import { allForms, type Form, forms, type Started, startForm, startHost } from './forms.js'

const noisy = `async (request) => {
  const { pathname } = new URL(request.url)
  if (pathname === '/throw') throw new Error('to the log')
  process.stdout.write('one\\n')
  process.stderr.write('two\\n')
  console.log('three')
  console.error('four')
  return new Response('pid ' + process.pid)
}`

/** The log's reader has exited. */
async function leave({ child }: Started): Promise<void> {
  for (const stream of [child.stdout, child.stderr]) stream?.destroy()
  await until(() => Boolean(child.stderr?.closed && child.stdout?.closed))
}

describe.each(allForms.map((form) => [form.name, form] as const))('%s', (_, form: Form) => {
  it('keeps running when the reader of its log has exited', async () => {
    const server = await startForm(form, noisy)
    const first = await server.ask('/')
    expect(first).toMatch(/pid \d+/)
    await leave(server)
    for (let times = 0; times < 3; times++) {
      expect(await server.ask('/throw')).toMatch(/^(Status:|HTTP\/1.1) 500/)
      expect(await server.ask('/')).toContain(/pid \d+/.exec(first)?.[0])
    }
    expect(server.exit()).toBeUndefined()
  })
})

it('cgiup host keeps running, and its scripts answer', async () => {
  const server = await startHost('echo "a line" >&2; printf "Content-Type: text/plain\\n\\nhello"')
  await leave(server)
  for (let times = 0; times < 3; times++) expect(await server.ask('/')).toMatch(/200 OK[\s\S]*hello/)
  expect(server.exit()).toBeUndefined()
})

it('a reader that does not read delays nothing; lines beyond the buffer are dropped, and that is logged', async () => {
  const server = await startForm(
    forms.fastcgi,
    `async (request) => {
      if (new URL(request.url).pathname === '/pending') return new Response('pending ' + process.stderr.writableLength)
      for (let i = 0; i < 40; i++) process.stderr.write('x'.repeat(99_999) + '\\n')
      return new Response('done')
    }`,
  )
  server.child.stderr?.pause()
  expect(await server.ask('/')).toContain('done')
  expect(await server.ask('/')).toContain('done')
  const [, pending] = /pending (\d+)/.exec(await server.ask('/pending')) ?? []
  expect(Number(pending)).toBeGreaterThan(0)
  expect(Number(pending)).toBeLessThan(1.3 * 2 ** 20)
  server.child.stderr?.resume()
  expect(await until(async () => (await server.ask('/pending')).endsWith('pending 0'))).toBe(true)
  expect(await server.ask('/')).toContain('done')
  expect(await until(() => /cgiup: \d+ writes to this log were dropped/.test(server.output()))).toBe(true)
})

describe('a CGI script', () => {
  const dist = new URL('../../dist/index.js', import.meta.url).href
  const script = join(tempDir('cgi'), 'script.mjs')
  writeFileSync(
    script,
    `import { run } from '${dist}'
await run({ async fetch() {
  process.stderr.write('one\\n')
  await new Promise((resolve) => setTimeout(resolve, 20))
  process.stdout.write('three\\n')
  return new Response('answered')
} })\n`,
  )
  const env = {
    PATH: process.env.PATH,
    GATEWAY_INTERFACE: 'CGI/1.1',
    REQUEST_METHOD: 'GET',
    SCRIPT_NAME: '/x',
  }

  it('answers if nobody reads its stderr', () => {
    const words = ['-c', '"$0" "$1" 2>&1 >&3 3>&- | true 3>&-', process.execPath, script]
    const { output } = spawnSync('sh', words, { env, stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
    expect(String(output[3])).toContain('answered')
  })

  it.skipIf(process.platform !== 'linux')('answers if the disk of its log is full', () => {
    const { stdout } = spawnSync(process.execPath, [script], {
      env,
      stdio: ['ignore', 'pipe', openSync('/dev/full', 'w')],
    })
    expect(String(stdout)).toContain('answered')
  })
})
