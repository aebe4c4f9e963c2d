/** Behaviour that every app has in common behind every server: requests, replies, bodies. */

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { until } from '../support/processes.js'
import { request, send } from '../support/request.js'
import { early } from './early.js'
import { endings } from './endings.js'
import { streaming } from './streaming.js'
import { named, type Subject } from './traits.js'

const MiB = 1 << 20

/** `size` bytes without a short period, and their digest as the apps report it. */
function upload(size: number): { body: Buffer; sum: string } {
  const body = Buffer.alloc(size)
  for (let at = 0; at < size; at += 4) body.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at)
  return { body, sum: `${size} ${createHash('sha256').update(body).digest('hex')}` }
}

const ten = upload(10 * MiB)
const three = upload(3 * MiB)

export function behaves(subject: Subject): void {
  describe.concurrent(`${subject.app}`, () => {
    requests(subject)
    replies(subject)
    bodies(subject)
    streaming(subject)
    endings(subject)
    if (subject.traits.persistent) early(subject)
  })
}

function requests({ app, port, mount, traits }: Subject): void {
  it('GET: method, URL, header fields and mount path', async () => {
    const below = '/-/echo/a%20b/%C3%A9;x/~y?q=1&q=%2F+%3d&r'
    const headers = [
      `Host: localhost:${port()}`,
      'X-Name: caf\xc3\xa9 \xe9',
      'Authorization: Basic dTpw',
      'Proxy: http://evil/',
    ]
    const reply = await request({ port: port() }, { target: mount + below, headers })
    expect(reply).toMatchObject({ status: 200, complete: true })
    const seen = JSON.parse(reply.text)
    expect(seen).toMatchObject({ method: 'GET', mount })
    if (!traits.hidesClient) expect(seen.remote).toBe('127.0.0.1')
    const origin = app === 'fetch' || app === 'hono' ? `http://localhost:${port()}` : ''
    expect(seen.url).toBe(origin + mount + below)
    expect(seen.below).toBe(origin + below)
    expect(seen.headers['x-name']).toBe('caf\xc3\xa9 \xe9')
    expect(seen.headers.authorization).toBe('Basic dTpw')
    expect(seen.headers).not.toHaveProperty('proxy')
    expect(seen.headers).not.toHaveProperty('content-length')
  })

  it('HEAD: the head of GET and no body', async () => {
    const reply = await request({ port: port() }, { method: 'HEAD', target: `${mount}/-/tag` })
    expect(reply).toMatchObject({ status: 200, complete: true, size: 0 })
    expect(reply.surplus.toString()).toBe('')
    expect(reply.header('etag')).toBe('"v1"')
  })

  it('cookies: several both ways', async () => {
    const headers = ['Cookie: x=1; y=2; z=3']
    const reply = await request({ port: port() }, { target: `${mount}/-/cookies`, headers })
    expect(reply).toMatchObject({ status: 200, text: 'x=1; y=2; z=3' })
    const cookies = reply.headerAll('set-cookie')
    expect(cookies.map((cookie) => cookie.slice(0, 2))).toEqual(['a=', 'b=', 'c='])
    expect(cookies[1]).toMatch(/httponly/i)
    expect(cookies[2]).toContain('1970')
  })
}

function replies({ site, app, port, mount }: Subject): void {
  it('304 for what the client has', async () => {
    const target = `${mount}/-/tag`
    const reply = await request({ port: port() }, { target, headers: ['If-None-Match: "v1"'] })
    expect(reply).toMatchObject({ status: 304, complete: true, size: 0 })
    expect(reply.surplus.toString()).toBe('')
    expect(reply.header('etag')).toBe('"v1"')
    expect(await request({ port: port() }, { target })).toMatchObject({ status: 200, text: 'version 1' })
  })

  it.each([
    ['302', '/next/page?a=b'],
    ['303', 'next'],
    ['301', 'https://example.org/other'],
    ['307', '//example.org/other'],
  ])('redirect %s to %s', async (status, to) => {
    const target = `${mount}/-/go?status=${status}&to=${encodeURIComponent(to)}`
    const reply = await request({ port: port() }, { target })
    expect(reply).toMatchObject({ status: Number(status), complete: true })
    expect(reply.header('location')).toBe(to)
  })

  it('an app that throws: 500, and the reason in the log only', async () => {
    const reply = await request({ port: port() }, { target: `${mount}/-/throw` })
    expect(reply).toMatchObject({ status: 500, complete: true })
    // Express (stack, outside production) and Fastify (message) report it themselves.
    if (app !== 'express' && app !== 'fastify') expect(reply.text).not.toContain('secret')
    if (app !== 'fastify') expect(await until(() => site().log().includes('secret reason'))).toBe(true)
  })

  it('console.log and process.stdout.write do not get into the reply', async () => {
    const reply = await request({ port: port() }, { target: `${mount}/-/print` })
    expect(reply).toMatchObject({ status: 200, complete: true, text: 'clean' })
    expect(await until(() => site().log().includes('noise from process.stdout'))).toBe(true)
    expect(site().log()).toContain('noise from console.log')
  })
}

function bodies({ site, port, mount, traits }: Subject): void {
  it('POST: 10 MB arrive unchanged', async () => {
    const headers = ['Content-Type: application/octet-stream']
    const reply = await request(
      { port: port() },
      { method: 'POST', target: `${mount}/-/sum`, headers, body: ten.body },
    )
    expect(reply).toMatchObject({ status: 200, complete: true, text: ten.sum })
  })

  const takesChunked = traits.takesChunked ?? true
  it(named('POST: a chunked upload without a length', takesChunked), async () => {
    const headers = ['Content-Type: application/octet-stream']
    const { body, sum } = three
    const pieces = [body.subarray(0, 5), body.subarray(5, 100_000), body.subarray(100_000)]
    const asked = { method: 'POST', target: `${mount}/-/sum`, headers, pieces }
    const reply = await request({ port: port() }, asked).catch((error: Error) => error)
    if (takesChunked === true) expect(reply).toMatchObject({ status: 200, complete: true, text: sum })
    // HAProxy may close before the upload is complete.
    else if (!(reply instanceof Error) && reply.text !== sum) expect([400, 411]).toContain(reply.status)
  })

  it(named('an upload reaches the app while it is being sent', traits.streamsUpload), async () => {
    const at = site().docroot.scratch()
    const { body, sum } = three
    const chunked = takesChunked === true
    const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`
    const headers = ['Content-Type: application/octet-stream', framing]
    const wire = await send({ port: port() }, { method: 'POST', target: `${mount}/-/take?at=${at}`, headers })
    const put = (bytes: Uint8Array) => (chunked ? wire.sendChunk(bytes) : wire.send(bytes))
    await put(body.subarray(0, 100_000))
    if (traits.streamsUpload === true)
      expect(await until(() => existsSync(join(at, 'taken')), 10_000)).toBe(true)
    await put(body.subarray(100_000))
    if (chunked) await wire.sendChunk('')
    const reply = await wire.reply()
    wire.close()
    expect(reply).toMatchObject({ status: 200, complete: true, text: sum })
  })

  const echoes = traits.echoes ?? true
  const echo = echoes === true ? it : it.skip
  echo(named('a body echoed while it arrives: 10 MB both ways', echoes), async () => {
    const headers = ['Content-Type: application/octet-stream']
    const reply = await request(
      { port: port() },
      { method: 'POST', target: `${mount}/-/copy`, headers, body: ten.body },
    )
    expect(reply).toMatchObject({ status: 200, complete: true, size: ten.body.length })
    expect(reply.body.equals(ten.body)).toBe(true)
  })

  it('a reply to a body of 4 MiB that the app does not read', async () => {
    const headers = ['Content-Type: application/octet-stream']
    const body = Buffer.alloc(4 * MiB, 'x')
    const reply = await request(
      { port: port() },
      { method: 'POST', target: `${mount}/-/unread`, headers, body },
    )
    expect(reply).toMatchObject({ status: 200, complete: true, text: 'not read' })
  })
}
