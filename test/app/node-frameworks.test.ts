/** The same behaviour in each framework. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { memory } from '../../src/test.js'
import { file, frameworks } from './framework-apps.js'

// Their own error handlers print what they caught.
beforeAll(() => void vi.spyOn(console, 'error').mockImplementation(() => {}))
afterAll(() => void vi.restoreAllMocks())

describe.each(Object.entries(frameworks))('%s', (_, make) => {
  const server = memory(make(), { development: false })
  const mounted = memory(make(), { mount: '/cgi-bin/app.cgi', development: false })
  afterAll(() => Promise.all([server.close(), mounted.close()]))

  test('answers', async () => {
    const response = await server.fetch('/hello')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/)
    expect(response.headers.get('x-middleware')).toBe('yes')
    expect(await response.text()).toBe('hello')
  })

  test('routes with parameters and a query', async () => {
    const response = await server.fetch('/users/ann?q=a%20b')
    expect(response.headers.get('content-type')).toMatch(/^application\/json/)
    expect(await response.json()).toEqual({ id: 'ann', q: 'a b' })
  })

  test('routes below a mount path', async () => {
    const response = await mounted.fetch('/cgi-bin/app.cgi/users/ann')
    expect(await response.json()).toEqual({ id: 'ann', q: null })
  })

  test('HEAD has the head of GET', async () => {
    const response = await server.fetch('/hello', { method: 'HEAD' })
    expect([response.status, await response.text()]).toEqual([200, ''])
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/)
  })

  test('404 for an unknown path', async () => {
    const response = await server.fetch('/missing')
    expect(response.status).toBe(404)
    expect(await response.text()).toMatch(/not found|cannot get/i)
  })

  test('a JSON body', async () => {
    const body = JSON.stringify({ a: [1, 'b'] })
    const headers = { 'Content-Type': 'application/json' }
    const response = await server.fetch('/body', { method: 'POST', headers, body })
    expect(await response.json()).toEqual({ a: [1, 'b'] })
  })

  test('a JSON body without a length', async () => {
    const body = (async function* () {
      yield '{"a":'
      yield '1}'
    })()
    const headers = { 'Content-Type': 'application/json' }
    const response = await server.fetch('/body', { method: 'POST', headers, body })
    expect(await response.json()).toEqual({ a: 1 })
  })

  test('a form', async () => {
    const body = new URLSearchParams({ name: 'Ann B', city: 'K\u00f6ln' })
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const response = await server.fetch('/body', { method: 'POST', headers, body: body.toString() })
    expect(await response.json()).toEqual({ name: 'Ann B', city: 'K\u00f6ln' })
  })

  test('a file', async () => {
    const response = await server.fetch('/file')
    expect(response.headers.get('content-type')).toMatch(/^application\/json/)
    expect(Buffer.from(await response.arrayBuffer()).equals(readFileSync(file))).toBe(true)
  })

  test('a stream', async () => {
    const response = await server.fetch('/stream')
    expect(await response.text()).toBe('piece 0\npiece 1\npiece 2\npiece 3\npiece 4\n')
    expect(response.headers.get('content-length')).toBeNull()
  })

  test.each(['/throw', '/reject'])('an error of the app is a 500: %s', async (path) => {
    const response = await server.fetch(path)
    expect(response.status).toBe(500)
    await response.text()
    expect((await server.fetch('/hello')).status).toBe(200)
  })

  test('a redirect', async () => {
    const response = await mounted.fetch('/cgi-bin/app.cgi/redirect')
    expect([response.status, response.headers.get('location')]).toEqual([302, '/cgi-bin/app.cgi/hello'])
  })

  test('several cookies', async () => {
    const response = await server.fetch('/cookies')
    expect(response.headers.getSetCookie().map((cookie) => cookie.split(';')[0])).toEqual(['a=1', 'b=2'])
  })

  test('a conditional request', async () => {
    const first = await server.fetch('/tag')
    expect([first.status, first.headers.get('etag'), await first.text()]).toEqual([200, '"v1"', 'tagged'])
    const second = await server.fetch('/tag', { headers: { 'If-None-Match': '"v1"' } })
    expect([second.status, await second.text()]).toEqual([304, ''])
  })

  test('the client, the scheme and the paths', async () => {
    const env = { REMOTE_ADDR: '192.0.2.7', REMOTE_USER: 'ann', AUTH_TYPE: 'Basic' }
    const response = await mounted.fetch('https://example.com/cgi-bin/app.cgi/facts?x', { env })
    expect(await response.json()).toEqual({
      url: '/facts?x',
      originalUrl: '/cgi-bin/app.cgi/facts?x',
      baseUrl: '/cgi-bin/app.cgi',
      remoteAddress: '192.0.2.7',
      encrypted: true,
      user: 'ann',
      ip: '192.0.2.7',
      protocol: 'https',
      host: 'example.com',
    })
  })

  test('a client that disconnects', async () => {
    const leaving = new AbortController()
    const response = await server.fetch('/file', { signal: leaving.signal })
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    expect((await reader.read()).value?.length).toBeGreaterThan(0)
    leaving.abort()
    await expect(
      (async () => {
        while (!(await reader.read()).done);
      })(),
    ).rejects.toThrow()
    expect((await server.fetch('/hello')).status).toBe(200)
  })

  test('many requests at once', async () => {
    const paths = Array.from({ length: 50 }, (_, i) => ['/hello', `/users/u${i}`, '/stream'][i % 3] as string)
    const responses = await Promise.all(paths.map((path) => server.fetch(path)))
    const texts = await Promise.all(responses.map((response) => response.text()))
    expect(responses.every(({ status }) => status === 200)).toBe(true)
    expect(JSON.parse(texts[49 - (49 % 3) + 1] as string).id).toBe(`u${49 - (49 % 3) + 1}`)
  })
})

describe('Express', () => {
  const server = memory((frameworks['Express 5'] as () => never)(), { development: false })
  afterAll(() => server.close())

  test('sendFile supports ranges and validators', async () => {
    const part = await server.fetch('/file', { headers: { Range: 'bytes=2-5' } })
    expect([part.status, part.headers.get('content-range')]).toEqual([
      206,
      expect.stringMatching(/^bytes 2-5\//),
    ])
    expect(await part.text()).toBe(readFileSync(file, 'latin1').slice(2, 6))
    const etag = part.headers.get('etag') as string
    const again = await server.fetch('/file', { headers: { 'If-None-Match': etag } })
    expect([again.status, await again.text()]).toEqual([304, ''])
  })
})
