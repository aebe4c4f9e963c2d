/** Every reply of 500 or above is in the log once, with method and path, whatever the app is served by. */
import { describe, expect, it } from 'vitest'
import { until } from '../support/processes.js'
import { allForms, startForm, startHost } from './forms.js'

const answers = `async (request, env, context) => {
  const { pathname } = new URL(request.url)
  if (pathname === '/throws') throw new Error('trouble in the app')
  if (pathname === '/status') return new Response('closed', { status: 503 })
  if (pathname === '/work') context.waitUntil(Promise.reject(new Error('trouble in the work')))
  if (pathname === '/end') console.error('the end')
  return new Response('fine')
}`

describe.each(allForms)('$name', (form) => {
  // HTTP has an access log, which tells of them as of every request.
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

describe('cgiup host', () => {
  it('a script that says 500: the access log; one that breaks: why, with the request', async () => {
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
