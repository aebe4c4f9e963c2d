/** Every file of examples/, run as by `npm start`. */

import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { needs, type ProgramName } from '../support/needs.js'
import { tempDir } from '../support/temp.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const guestbook = join(tempDir('guestbook'), 'entries.jsonl')
let host: ChildProcess
let base: string
let log = ''

beforeAll(async () => {
  const args = [
    'bin/cgiup.js',
    'host',
    'examples',
    '--listen',
    '127.0.0.1:0',
    '--env',
    `GUESTBOOK_FILE=${guestbook}`,
  ]
  host = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  base = await new Promise<string>((resolve, reject) => {
    const look = (piece: Buffer) => {
      log += piece
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(log)
      if (url) resolve(url[0])
    }
    host.stdout?.on('data', look)
    host.stderr?.on('data', look)
    host.once('exit', (code) => reject(new Error(`cgiup host ended with ${code}: ${log}`)))
  })
})

afterAll(async () => {
  const ended = new Promise((resolve) => host.once('exit', resolve))
  host.kill()
  await ended
})

const page = async (path: string, init?: RequestInit) => {
  const reply = await fetch(`${base}/${path}`, init)
  return {
    status: reply.status,
    type: reply.headers.get('content-type') ?? '',
    text: await reply.text(),
    reply,
  }
}
const post = (body: FormData | Record<string, string>): RequestInit => ({
  method: 'POST',
  redirect: 'manual',
  body: body instanceof FormData ? body : new URLSearchParams(body),
})

/** file -> its test. */
const examples: Record<string, () => Promise<void>> = {
  async 'hello.js'() {
    expect((await page('hello.js')).text).toBe('Hello, world!\n')
    expect((await page('hello.js?name=J%C3%BCrgen')).text).toBe('Hello, Jürgen!\n')
  },
  async 'hono.js'() {
    const start = await page('hono.js')
    expect(start.type).toContain('text/html')
    const [, link] = /href="\/([^"]+)"/.exec(start.text) ?? []
    expect(JSON.parse((await page(link ?? '')).text)).toEqual({ id: '7' })
    expect(JSON.parse((await page('hono.js/me')).text)).toEqual({
      user: 'nobody in particular',
      address: '127.0.0.1',
    })
    expect((await page('hono.js/nowhere')).status).toBe(404)
  },
  async 'express.js'() {
    const [, action] = /action="\/([^"]+)"/.exec((await page('express.js')).text) ?? []
    const greeting = await page(action ?? '', post({ name: 'Ada' }))
    expect(JSON.parse(greeting.text)).toEqual({ hello: 'Ada', from: '127.0.0.1' })
  },
  async 'form.js'() {
    expect((await page('form.js')).text).toContain('multipart/form-data')
    const content = Buffer.alloc(500_000, 'content')
    const sent = new FormData()
    sent.append('name', 'Grace')
    sent.append('files', new File([content], '../a.txt', { type: 'text/plain' }))
    const thanks = await page('form.js', post(sent))
    expect(thanks.text).toContain('Thank you, Grace.')
    expect(thanks.text).toContain(
      `a.txt (text/plain): sha256 ${createHash('sha256').update(content).digest('hex')}`,
    )
    expect(thanks.text).not.toContain('..')
    sent.append('files', new File([Buffer.alloc(1024 * 1024 + 1)], 'big'))
    const refused = await page('form.js', post(sent))
    expect(refused.status).toBe(413)
    expect(refused.text).toContain('fileSize')
  },
  async 'events.js'() {
    expect((await page('events.js')).text).toContain('EventSource')
    const reply = await fetch(`${base}/events.js?events=2`)
    expect(reply.headers.get('content-type')).toBe('text/event-stream')
    const pieces: string[] = []
    for await (const piece of reply.body ?? []) pieces.push(Buffer.from(piece).toString())
    expect(pieces[0]).toMatch(/^data: \d{4}-/)
    expect(pieces.length).toBeGreaterThan(1) // It arrived in several chunks.
    expect(pieces.join('')).toMatch(/event: end\ndata:\n\n$/)
  },
  async 'environment.js'() {
    const { text } = await page('environment.js/extra?q=1')
    expect(text).toContain('gateway: cgi\n')
    expect(text).toContain('PATH_INFO=/extra\n')
    expect(text).toContain('QUERY_STRING=q=1\n')
    expect(text).toContain('SCRIPT_NAME=/environment.js\n')
  },
  async 'guestbook.js'() {
    expect((await page('guestbook.js', post({ name: 'x' }))).status).toBe(400)
    const signed = await page('guestbook.js', post({ name: '<Eve>', text: 'a & b' }))
    expect(signed.status).toBe(303)
    expect(signed.reply.headers.get('location')).toBe(`${base}/guestbook.js`)
    const both = [post({ text: 'one' }), post({ text: 'two' })].map((init) => page('guestbook.js', init))
    await Promise.all(both)
    const { text } = await page('guestbook.js')
    expect(text).toContain('&#60;Eve&#62;')
    expect(text).toContain('<dd>a &#38; b')
    expect(text).toContain('<dd>one')
    expect(text).toContain('<dd>two')
    expect(text).toContain('Somebody')
  },
  async 'hello.sh'() {
    expect((await page('hello.sh')).text).toMatch(/^Hello from cgiup.*, you asked for \/hello\.sh\.\n$/)
  },
  async 'hello.pl'() {
    expect((await page('hello.pl')).text).toMatch(/^Hello from Perl v/)
    expect((await page('hello.pl', post({ a: '12' }))).text).toContain('You sent 4 bytes.')
  },
  async 'hello.py'() {
    expect((await page('hello.py?name=Guido')).text).toMatch(/^Hello, Guido, from Python 3/)
  },
}

const interpreters: Record<string, ProgramName> = { pl: 'perl', py: 'python3' }

for (const [file, run] of Object.entries(examples)) {
  const interpreter = interpreters[file.slice(-2)]
  test.skipIf(interpreter !== undefined && !needs(interpreter))(file, run)
}

test('every example has a test, can be executed, and is listed with what it shows', async () => {
  const files = readdirSync(join(root, 'examples')).filter((name) => !name.startsWith('.'))
  expect(files).toEqual(Object.keys(examples).sort())
  const { text } = await page('')
  for (const file of files) {
    expect(statSync(join(root, 'examples', file)).mode & 0o100).toBe(0o100)
    expect(text).toMatch(new RegExp(`<a href="./${file}">${file}</a>[^\n]*\\w{3}`))
  }
})
