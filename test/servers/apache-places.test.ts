/** Every way in guides to configure a FastCGI or SCGI process in Apache, and how each behaves under load. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { signalProcess } from '../support/processes.js'
import { request, send } from '../support/request.js'
import { lossRun } from './losses.js'
import { http2Upload, longHeaders, silence } from './peculiar.js'
import { useSite } from './site.js'
import { startApacheProxy } from './sites/apache-proxy.js'

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

describe.skipIf(!needs('apache2', 'spawn-fcgi'))('Apache, mod_proxy_fcgi and mod_proxy_scgi', () => {
  let site: Awaited<ReturnType<typeof startApacheProxy>>
  const started = useSite(async () => {
    site = await startApacheProxy()
    return site
  })
  const port = (name: string) => started().ports[name] as number

  async function seen(port: number, target: string) {
    const reply = await request({ port }, { target, headers: ['Host: example.org'] })
    expect(reply, site.log()).toMatchObject({ status: 200, complete: true })
    return JSON.parse(reply.text)
  }

  describe('the app is mounted as configured, and sees the rest of the path', () => {
    it.each([
      ['ProxyPass with a slash', '/slash'],
      ['ProxyPass to a script', '/file'],
      ['ProxyPassMatch', '/match'],
      ['ProxyPassMatch to a script', '/matchfile'],
      ['RewriteRule [P]', '/rewritten'],
      ['RewriteRule [P] to a script', '/rewrittenfile'],
      ['proxy-fcgi-pathinfo=unescape', '/unescape'],
      ['proxy-fcgi-pathinfo=full', '/full'],
      ['proxy-fcgi-pathinfo=first-dot', '/first-dot'],
      ['ProxyFCGIBackendType GENERIC', '/generic'],
      ['SetHandler in a Location', '/handled'],
      ['SetHandler in a Location, with a slash', '/handledslash'],
      ['ProxyFCGISetEnvIf', '/computed'],
      ['SetHandler on files', '/fcgi/express.fcgi'],
      ['SetHandler on files and .htaccess', '/fcgid-express'],
      ['SCGI, ProxyPass', '/scgi'],
      ['SCGI, ProxyPass with a slash', '/scgislash'],
      ['SCGI, SetHandler in a Location', '/scgihandled'],
      ['SCGI, RewriteRule [P]', '/scgirewritten'],
    ])('%s: %s', async (_, mount) => {
      for (const below of ['/-/echo//a%20b/%c3%a9/x+y?', '/-/echo/x?q=1&r']) {
        const origin = 'http://example.org'
        const expected = { mount, url: origin + mount + below, below: origin + below }
        expect(await seen(port('PLACES'), mount + below)).toMatchObject(expected)
      }
    })

    it('an app at the root: FastCGI and SCGI over TCP', async () => {
      for (const name of ['TCP', 'SCGIROOT', 'BALANCED'])
        expect(await seen(port(name), '/-/echo/a%20b')).toMatchObject({ mount: '' })
    })

    it('the complete path is passed on: the app is at the root', async () => {
      for (const prefix of ['/same', '/scgisame']) {
        const reply = await request({ port: port('PLACES') }, { target: `${prefix}/-/echo` })
        expect(reply).toMatchObject({ status: 404, text: 'no such page' })
      }
    })

    it('cannot: nocanon and a query (Apache answers 403)', async () => {
      expect(await seen(port('PLACES'), '/nocanon/-/echo//a')).toMatchObject({ mount: '/nocanon' })
      expect((await request({ port: port('PLACES') }, { target: '/nocanon/-/echo?a' })).status).toBe(403)
    })

    it('cannot: SetHandler in <Location "/"> (the first part of the path looks like a script): option mount', async () => {
      expect((await request({ port: port('ROOTED') }, { target: '/-/echo' })).status).toBe(404)
      expect(await seen(port('ROOTED'), '/first/-/echo')).toMatchObject({ mount: '/first' })
      expect(await seen(port('TOLD'), '/-/echo/a')).toMatchObject({ mount: '' })
    })
  })

  describe('none is lost', () => {
    it.each(['GET', 'POST'] as const)(
      '%s: members of a balancer are stopped and started again',
      async (method) => {
        const run = { port: port('BALANCED'), mount: '', method }
        const work = async () => {
          for (const name of ['one', 'two'] as const) {
            await pause(150)
            const start = await site.restart(name)
            await start()
            // The request is sent again.
            await pause(1200)
          }
        }
        await lossRun({ ...run, requests: 64 })
        const report = await lossRun({ ...run, until: work() })
        expect(report, site.log().slice(-2000)).toMatchObject({ lost: 0, differences: [] })
        expect(report.sent).toBeGreaterThan(50)
      },
    )

    it.each(['PREFIX', 'STREAM', 'SCGI'])('Apache is restarted gracefully: %s', async (name) => {
      const work = async () => {
        for (let i = 0; i < 2; i++) {
          await pause(200)
          signalProcess(site.pid, 'SIGUSR1')
          await pause(400)
        }
      }
      const run = { port: port(name), mount: '/fetch', method: 'POST', kept: false } as const
      const report = await lossRun({ ...run, until: work() })
      expect(report, site.log().slice(-2000)).toMatchObject({ lost: 0, differences: [] })
      expect(report.sent).toBeGreaterThan(10)
    })
  })

  it.runIf(needs('curl')).each([8, 300_000])(
    'HTTP/2: an upload of %i bytes without a length',
    async (size) => {
      const [got, expected] = await http2Upload(`http://127.0.0.1:${port('STREAM')}/fetch/-/sum`, size)
      expect(got).toBe(expected)
    },
  )

  it.each(['PREFIX', 'STREAM', 'SCGI'])('long headers: %s', (name) => longHeaders(port(name), '/fetch'))

  it.each(['/impatient', '/scgi-impatient'])('timeout=1: 504, and the app is notified: %s', (mount) =>
    silence(site, port('PLACES'), mount, 504),
  )

  it('SCGI over TCP: a reply that breaks partway', async () => {
    const at = site.docroot.scratch()
    const target = `/-/break?at=${at}`
    const wire = await send({ port: port('SCGIROOT') }, { target })
    await wire.until(() => wire.text === 'part')
    writeFileSync(join(at, 'break'), '')
    expect((await wire.reply()).complete).toBe(false)
  })

  it('an app that is down: 503, and it is used again as soon as it is there', async () => {
    const ask = async () => (await request({ port: port('TCP') }, { target: '/-/tag' })).status
    expect(await ask()).toBe(200)
    const start = await site.restart('tcp')
    expect(await ask()).toBe(503)
    await start()
    expect(await ask()).toBe(200)
  })
})
