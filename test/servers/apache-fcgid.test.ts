/** Apache with mod_fcgid, which starts the processes: each serves one request at a time. */

import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { signalProcess } from '../support/processes.js'
import { request } from '../support/request.js'
import { behaves } from './behaviour.js'
import { appNames, fcgiScripts } from './docroot.js'
import { leavesAreSeen } from './early.js'
import { losesNone, lossRun } from './losses.js'
import { http2Upload, leaveHeldBack, longHeaders, silence } from './peculiar.js'
import { useSite } from './site.js'
import { startFcgid } from './sites/apache-fcgid.js'
import type { Traits } from './traits.js'

const unbuffered: Traits = {
  persistent: true,
  streams: true,
  showsBreak: {
    not: 'mod_fcgid puts an error page behind what it has sent and ends the reply as if it were whole',
  },
  showsShort: true,
  tellsLeave: true,
  tellsQuietLeave: { not: 'mod_fcgid looks for the client only when it writes' },
  leaveBy: 'close',
  streamsUpload: { not: 'mod_fcgid reads the whole upload first' },
}

const buffered: Traits = {
  ...unbuffered,
  streams: { not: 'mod_fcgid holds back up to 64 KiB; FcgidOutputBufferSize 0' },
  showsBreak: true,
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

describe.skipIf(!needs('apache2'))('Apache, mod_fcgid', () => {
  let pid = 0
  const site = useSite(async () => {
    const started = await startFcgid()
    pid = started.pid
    return started
  })

  describe('FcgidOutputBufferSize 0', () => {
    const port = () => site().port2
    for (const app of appNames)
      behaves({ site, app, port, mount: `/fcgi/${fcgiScripts[app]}`, traits: unbuffered })
    leavesAreSeen({ site, app: 'fetch', port, mount: '/fcgi/fetch.mjs', traits: unbuffered })
  })

  describe('as it comes', () => {
    const port = () => site().port
    for (const app of appNames) behaves({ site, app, port, mount: `/fcgid-${app}`, traits: buffered })
    it.concurrent.each(appNames)('%s notices a client disconnect after another 128 KiB of the reply', (app) =>
      leaveHeldBack(site(), port(), `/fcgid-${app}`),
    )
    losesNone({ site, port, mount: '/fcgid-fetch' })
  })

  it.each(['GET', 'POST'] as const)('%s: Apache is restarted gracefully, none is lost', async (method) => {
    const run = { port: site().port, mount: '/fcgid-fetch', method, concurrency: 4, kept: false } as const
    // mod_fcgid drops requests for which it was about to start a process.
    await lossRun({ ...run, requests: 200 })
    const restart = async () => {
      await pause(200)
      signalProcess(pid, 'SIGUSR1')
      await pause(1500)
    }
    const report = await lossRun({ ...run, until: restart() })
    expect(report, site().log().slice(-2000)).toMatchObject({ lost: 0, differences: [] })
    expect(report.sent).toBeGreaterThan(10)
  })

  it('ErrorDocument: the app is asked for the error page, and its 200 goes out as 404', async () => {
    const reply = await request({ port: site().port }, { target: '/missing/page?q' })
    expect(reply).toMatchObject({ status: 404, complete: true })
    const mount = '/fcgi/fetch.mjs'
    const url = `http://localhost${mount}/-/echo/error-page`
    expect(JSON.parse(reply.text)).toMatchObject({ mount, url })
  })

  async function echo(mount: string, below: string, port = site().port) {
    const headers = ['Host: example.org', 'Authorization: Bearer t0ken']
    const reply = await request({ port }, { target: mount + below, headers })
    expect(reply, site().log()).toMatchObject({ status: 200, complete: true })
    return JSON.parse(reply.text)
  }

  describe.each([
    ['a script with ExecCGI', (app: keyof typeof fcgiScripts) => `/fcgi/${fcgiScripts[app]}`],
    ['.htaccess, everything to app.fcgi', (app: string) => `/fcgid-${app}`],
  ] as const)('%s', (_, mountOf) => {
    it.each(appNames)('%s sees its address', async (app) => {
      const mount = mountOf(app)
      const below = '/-/echo//a%20b/%c3%a9/x+y?'
      const origin = app === 'fetch' || app === 'hono' ? 'http://example.org' : ''
      const seen = await echo(mount, below)
      expect(seen).toMatchObject({ mount, url: origin + mount + below, below: origin + below })
    })
  })

  it.each([
    ['.htaccess with E=HTTP_AUTHORIZATION', '/fcgid-fetch', 'port', 'Bearer t0ken'],
    ['FcgidPassHeader', '/fcgi/fetch.mjs', 'port2', 'Bearer t0ken'],
    ['neither: withheld', '/fcgi/fetch.mjs', 'port', undefined],
  ] as const)('Authorization, %s', async (_, mount, port, expected) => {
    const { headers } = await echo(mount, '/-/echo', site()[port])
    expect(headers.authorization).toBe(expected)
  })

  it('#!/usr/bin/env cgiup and export default', async () => {
    expect(await echo('/fcgi/default.fcgi', '/a?b')).toEqual({
      url: 'http://example.org/fcgi/default.fcgi/a?b',
      mount: '/fcgi/default.fcgi',
    })
  })

  it('FcgidWrapper: an app that is not a file below the document root', async () => {
    const seen = await echo('/wrapped', '/-/echo/a/b?c')
    expect(seen).toMatchObject({
      url: 'http://example.org/wrapped/-/echo/a/b?c',
      mount: '/wrapped',
      below: 'http://example.org/-/echo/a/b?c',
    })
    expect((await request({ port: site().port }, { target: '/wrapped' })).text).toBe('no such page')
  })

  it('FcgidWrapper: node itself, and files by their extension', async () => {
    expect(await echo('/wrapped-node', '/-/echo/a')).toMatchObject({
      mount: '/wrapped-node',
      below: '/-/echo/a',
    })
    const seen = await echo('/pages/one.page', '/-/echo/a')
    expect(seen).toMatchObject({ mount: '/pages/one.page', below: 'http://example.org/-/echo/a' })
  })

  it('FcgidInitialEnv: an error page of Express says nothing in production', async () => {
    const reply = await request({ port: site().port }, { target: '/fcgid-express/-/throw' })
    expect(reply.status).toBe(500)
    expect(reply.text).not.toContain('secret')
  })

  it('an upload above FcgidMaxRequestLen is refused by Apache', async () => {
    const { port } = site()
    const body = Buffer.alloc(65 << 20)
    const target = '/fcgi/fetch.mjs/-/sum'
    const reply = await request({ port }, { method: 'POST', target, body })
    expect(reply.status).toBe(500)
    expect(site().log()).toContain('exceeds MaxRequestLen')
  })

  it.runIf(needs('curl')).each([8, 300_000])(
    'HTTP/2: an upload of %i bytes without a length',
    async (size) => {
      const url = `http://127.0.0.1:${site().port2}/fcgi/fetch.mjs/-/sum`
      const [got, expected] = await http2Upload(url, size)
      expect(got).toBe(expected)
    },
  )

  it('long headers', () => longHeaders(site().port, '/fcgi/fetch.mjs'))

  it('FcgidIOTimeout: 500, and the app is notified', () =>
    silence(site(), site().ports.IMPATIENT as number, '/fcgi/fetch.mjs', 500))
})
