/** Handlers below a path get every member of the server's exchange. */
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { toHandler } from '../../src/app/handler.js'
import { afterwards, type Exchange, type PendingReply, pendingReply } from '../../src/core/exchange.js'
import { Environment } from '../../src/env/environment.js'
import { form } from '../../src/form.js'
import { DerivedExchange, emptyBody } from '../../src/host/derived-exchange.js'
import { mountedAt } from '../../src/host/mounted-at.js'
import { field, file, multipart, multipartType } from '../form/bodies.js'
import { until } from '../support/processes.js'
import { tempDir } from '../support/temp.js'
import { startHost } from './support.js'

test('a derived exchange passes every member on', () => {
  const calls: unknown[] = []
  const called =
    (name: string) =>
    (value: unknown): void => {
      calls.push(name, value)
    }
  // A new member of Exchange must be added here, too.
  const base = {
    env: new Environment(['A', '1']),
    stdin: emptyBody,
    data: { ...emptyBody },
    signal: new AbortController().signal,
    gateway: { protocol: 'http', role: 'responder', runOnce: false, multiprocess: false },
    maxBodyBytes: 17,
    peer: { isLoopback: true, isLocal: true, proxyMark: undefined },
    stderr: called('stderr'),
    waitUntil: called('waitUntil'),
    [afterwards]: called('afterwards'),
    [pendingReply]: { last: () => null } as PendingReply | null,
  } satisfies Required<Exchange>
  const env = new Environment(['B', '2'])
  const derived: Exchange = new DerivedExchange(base, env)
  for (const name of Reflect.ownKeys(base) as (keyof Exchange)[]) {
    if (name === 'env') expect(derived.env).toBe(env)
    else if (typeof base[name] !== 'function') expect(derived[name], String(name)).toBe(base[name])
  }
  derived[pendingReply] = null
  expect(base[pendingReply]).toBe(null)
  const [work, task] = [Promise.resolve(), () => {}]
  derived.stderr('text')
  derived.waitUntil(work)
  derived[afterwards]?.(task)
  expect(calls).toEqual(['stderr', 'text', 'waitUntil', work, 'afterwards', task])
})

test('absent members stay absent', () => {
  const derived: Exchange = new DerivedExchange({} as Exchange, new Environment([]))
  expect([derived[afterwards], derived.data, derived.maxBodyBytes, derived.peer]).toEqual([
    undefined,
    null,
    undefined,
    undefined,
  ])
})

test('an app below a path: files of a form are removed after their request, and bodies are limited', async () => {
  const directory = tempDir('stored')
  const app = async (request: Request) => {
    if (request.headers.get('content-type') === 'text/plain') return new Response(await request.text())
    const { files } = await form(request, { directory })
    return new Response(`${files.length} of ${readdirSync(directory).length}`)
  }
  const host = await startHost(mountedAt('/app', await toHandler({ fetch: app })), { maxBodyBytes: 2000 })
  const body = multipart(field('a', '1'), file('f', 'a.txt', 'content of the file'))
  const upload = { method: 'POST', headers: [`Content-Type: ${multipartType}`], body }
  expect((await host.get('/app/', upload)).text).toBe('1 of 1')
  expect(await until(() => readdirSync(directory).length === 0)).toBe(true)
  const large = { method: 'POST', headers: ['Content-Type: text/plain'], body: 'x'.repeat(2001) }
  expect((await host.get('/app/', large)).status).toBe(413)
})
