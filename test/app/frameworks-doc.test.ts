/** The programs of docs/frameworks.md, each as a CGI script. */
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import type { TestInit } from '../../src/memory/request.js'
import { emulate } from '../../src/test.js'
import { tempDir } from '../support/temp.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const text = readFileSync(join(root, 'docs/frameworks.md'), 'utf8')

/** File name -> program. */
const programs = new Map<string, string>()
for (const [, program = ''] of text.matchAll(/```js\n([\s\S]*?)```/g)) {
  programs.set(/^\/\/ (\S+\.js)$/m.exec(program)?.[1] ?? `block ${programs.size}`, program)
}

const json = (body: unknown): TestInit => ({
  body: JSON.stringify(body),
  headers: { 'Content-Type': 'application/json' },
})

type Expected = { status?: number; body?: string; location?: string }

const calls: Record<string, [target: string, init: TestInit, expected: Expected][]> = {
  'express.js': [
    ['/app/', {}, { body: 'Hello' }],
    ['/app/users/7', {}, { body: '{"id":"7"}' }],
    ['/app/users', json({ name: 'Ann' }), { status: 201, body: '{"name":"Ann"}' }],
  ],
  'koa.js': [['/app/x', {}, { body: 'Hello from /x' }]],
  'fastify.js': [['/app/', {}, { body: '{"hello":"world"}' }]],
  'connect.js': [['/app/', {}, { body: 'Hello from Connect' }]],
  'polka.js': [['/app/users/7', {}, { body: 'User 7' }]],
  'plain.js': [['/app/a?b', { method: 'PUT' }, { body: 'PUT /a?b' }]],
  'server.js': [['/app/', {}, { body: 'Hello' }]],
  'listening.js': [['/app/', {}, { body: 'Hello' }]],
  'import-listen.js': [['/app/', {}, { body: 'Hello' }]],
  'links.js': [['/app/old', {}, { status: 302, location: '/app/new' }]],
  'user.js': [
    ['/app/', { env: { REMOTE_USER: 'ann', AUTH_TYPE: 'Basic' } }, { body: 'ann from 127.0.0.1' }],
    ['/app/', {}, { body: 'nobody from 127.0.0.1' }],
  ],
}

test('each program of the page is run here', () => {
  expect([...programs.keys()].sort()).toEqual(Object.keys(calls).sort())
})

describe.each([...programs])('%s', (name, program) => {
  const directory = tempDir('frameworks')
  mkdirSync(join(directory, 'node_modules'))
  for (const module of ['express', 'koa', 'fastify', 'connect', 'polka']) {
    symlinkSync(join(root, 'node_modules', module), join(directory, 'node_modules', module))
  }
  symlinkSync(root, join(directory, 'node_modules/cgiup'))
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
  const file = join(directory, name)
  writeFileSync(file, program)
  chmodSync(file, 0o755)
  const launcher = program.startsWith('#!/usr/bin/env cgiup') ? [join(root, 'bin/cgiup.js')] : []
  const server = emulate(file, { mount: '/app', interpreter: [process.execPath, ...launcher] })
  afterAll(() => server.close())

  test.each(calls[name] ?? [])('%s', async (target, init, { status = 200, body, location }) => {
    const response = await server.fetch(target, init)
    const answer = await response.text()
    expect([response.status, body === undefined ? undefined : answer], server.stderr()).toEqual([
      status,
      body,
    ])
    if (location !== undefined) expect(response.headers.get('location')).toBe(location)
  })
})
