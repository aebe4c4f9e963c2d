/** Every reply of 500 or above is logged once, with method and path, under every gateway. */
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { until } from '../support/processes.js'
import { allForms, requestBytes, type Started, startForm, startHost } from './forms.js'

const answers = `async (request, env, context) => {
  const { pathname } = new URL(request.url)
  if (pathname === '/throws') throw new Error('trouble in the app')
  if (pathname === '/status') return new Response('closed', { status: 503 })
  if (pathname === '/work') context.waitUntil(Promise.reject(new Error('trouble in the work')))
  if (pathname === '/end') console.error('the end')
  return new Response('fine')
}`

describe.each(allForms)('$name', (form) => {
  // HTTP has an access log, which lists them like all requests.
  it.each(form.protocol === 'http' ? [{ quiet: true }, {}] : [{}])('%j', async (options) => {
    const server = await startForm(form, answers, { options })
    expect(await server.ask('/throws?password=secret')).toContain('500')
    expect(await server.ask('/status?password=secret')).toContain('503')
    expect(await server.ask('/work')).toContain('fine')
    await server.ask('/end')
    await until(() => server.output().includes('the end'))
    const lines = server.output().split('\n')
    const of = (target: string) => lines.filter((line) => line.includes(`GET ${target}`))
    const accessLog = form.protocol === 'http' && !('quiet' in options)
    const isAccess = (line: string) => / unix GET /.test(line)

    const thrown = of('/throws').filter((line) => !isAccess(line))
    expect(thrown).toEqual(['cgiup: GET /throws: Error: trouble in the app'])
    const status = of('/status')
    if (accessLog) expect(status).toEqual([expect.stringMatching(/ GET \/status\?password=secret 503 /)])
    else expect(status).toEqual(['cgiup: GET /status: answered with 503 Service Unavailable'])
    expect(lines).toContain('cgiup: GET /work: work after the reply failed: Error: trouble in the work')
    if (!accessLog) expect(server.output()).not.toContain('secret')
  })
})

/**
 * `/gone` and `/stops` fail after their client has disconnected: the first because of a bug, the second
 * because its signal aborted.
 */
const late = `async (request) => {
  const { pathname } = new URL(request.url)
  if (pathname === '/broken') {
    const start = (c) => { c.enqueue(new Uint8Array(4)); setTimeout(() => c.error(new Error('disk gone')), 20) }
    return new Response(new ReadableStream({ start }))
  }
  if (pathname === '/end') return new Response('the end')
  console.error('begun ' + pathname)
  await new Promise((resolve) => request.signal.addEventListener('abort', resolve))
  setTimeout(() => console.error('over ' + pathname), 20)
  throw pathname === '/gone' ? new Error('trouble in the app') : request.signal.reason
}`

const lateNode = `async (req, res) => {
  console.error('begun ' + req.url)
  const reason = await new Promise((resolve) => res.on('error', resolve).on('close', () => resolve(res.errored)))
  setTimeout(() => console.error('over ' + req.url), 20)
  if (req.url === '/gone/node') throw new Error('trouble in the app')
  if (req.url === '/stops/node') throw reason ?? new DOMException('stopped', 'AbortError')
  const { pipeline } = await import('node:stream/promises')
  await pipeline((await import('node:stream')).Readable.from(['x']), res)
}`

describe.each(allForms)('$name', (form) => {
  const linesOf = (server: Started, target: string) =>
    server
      .output()
      .split('\n')
      .filter((line) => line.startsWith('cgiup: ') && line.includes(`GET ${target}`))

  it.each([
    ['/gone', ['cgiup: GET /gone: Error: trouble in the app']],
    ['/stops', []],
    ['/gone/node', ['cgiup: GET /gone/node: Error: trouble in the app']],
    ['/stops/node', []],
    ['/piped/node', []],
  ])('the client has disconnected, and the handler of %s fails', async (target, lines) => {
    const server = await startForm(form, target.endsWith('node') ? lateNode : late)
    const socket = connect(server.place, () => socket.write(requestBytes(form.protocol, target), 'latin1'))
    expect(await until(() => server.output().includes(`begun ${target}`))).toBe(true)
    socket.destroy()
    expect(await until(() => server.output().includes(`over ${target}`))).toBe(true)
    expect(linesOf(server, target)).toEqual(lines)
  })

  it('a reply that breaks partway: one line with the stack', async () => {
    const server = await startForm(form, late)
    await server.ask('/broken')
    expect(await until(() => linesOf(server, '/broken').length > 0)).toBe(true)
    await server.ask('/end')
    expect(linesOf(server, '/broken')).toEqual([
      'cgiup: GET /broken: The reply was cut off after 4 bytes of its body: Error: disk gone',
    ])
    expect(server.output()).toMatch(/disk gone\n {4,}at /)
  })
})

describe('cgiup host', () => {
  it('a script that returns 500: the access log; one that fails: the reason, with the request', async () => {
    const host = await startHost(
      'case $PATH_INFO in /bad) echo nonsense;; *) printf "Status: 500 Oh\\nContent-Type: text/plain\\n\\nx";; esac',
    )
    await host.ask('/x?password=secret')
    await host.ask('/bad?password=secret')
    const lines = () => host.output().split('\n')
    const seen = (status: number) => lines().filter((line) => line.includes(` ${status} `))
    expect(await until(() => seen(500).length > 0 && seen(502).length > 0)).toBe(true)
    expect(seen(500)).toHaveLength(1)
    const why = lines().filter((line) => line.startsWith('cgiup: GET '))
    expect(why).toEqual([expect.stringMatching(/^cgiup: GET \/bad: /)])
  })
})
