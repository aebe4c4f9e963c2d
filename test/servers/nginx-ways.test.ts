/** More ways from nginx to a persistent process: at the root, over TCP, SCGI, HTTP, to one of two. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { signalProcess } from '../support/processes.js'
import { request } from '../support/request.js'
import { behaves } from './behaviour.js'
import { limit } from './early.js'
import { endings } from './endings.js'
import { losesNone, lossRun } from './losses.js'
import { useSite } from './site.js'
import { startNginxPair, startNginxRoots } from './sites/nginx-persistent.js'
import type { Traits } from './traits.js'

const there = needs('nginx')

describe.skipIf(!there).each([
  ['fetch', 'fetch.mjs'],
  ['express', 'express.cgi'],
] as const)('nginx, %s at the root', (app, file) => {
  const site = useSite(() => startNginxRoots(file))

  it.each([
    ['fastcgi_params over TCP', 'ROOT'],
    ['the same, connections kept', 'KEEP'],
    ['fastcgi.conf behind try_files', 'FILES'],
    ['scgi_params', 'SCGI'],
    ['proxy_pass', 'PROXY'],
  ])('%s: the address, and Authorization', async (_, name) => {
    const below = '/-/echo//a%20b/%c3%a9/x+y%2Fz?'
    const port = site().ports[name] as number
    const headers = [`Host: example.org:${port}`, 'Authorization: Bearer t0ken']
    const reply = await request({ port }, { target: below, headers })
    expect(reply, site().log()).toMatchObject({ status: 200, complete: true })
    const seen = JSON.parse(reply.text)
    const origin = app === 'fetch' ? `http://example.org:${port}` : ''
    expect(seen).toMatchObject({ mount: '', url: origin + below, below: origin + below, method: 'GET' })
    expect(seen.headers.authorization).toBe('Bearer t0ken')
  })

  const port = (name: string) => () => site().ports[name] as number
  if (app === 'express') losesNone({ site, port: port('PROXY'), mount: '' }, [16])
  else {
    limit('fastcgi_pass', port('FILES'))
    limit('scgi_pass', port('SCGI'))
    describe('scgi_pass over TCP', () =>
      endings({ site, app, port: port('SCGI'), mount: '', traits: { ...proxied, showsBreak: true } }))
    describe('proxy_pass', () => behaves({ site, app, port: port('PROXY'), mount: '', traits: proxied }))
    losesNone({ site, port: port('ROOT'), mount: '' }, [16])
    describe('connections kept, over TCP', () => losesNone({ site, port: port('KEEP'), mount: '' }, [16]))
  }
})

const proxied: Traits = {
  persistent: true,
  hidesClient: true,
  streams: { not: 'nginx holds the reply back, unless it says X-Accel-Buffering: no' },
  streamsEvents: true,
  showsBreak: true,
  showsShort: true,
  tellsLeave: true,
  tellsQuietLeave: true,
  leaveBy: 'close',
  streamsUpload: { not: 'nginx reads the whole upload first' },
  echoes: { not: 'nginx sends no more of the body once the reply has begun' },
}

describe.skipIf(!there)('nginx, an upstream of two processes', () => {
  const site = useSite(startNginxPair)

  it.each(['KEEP', 'PLAIN'])('nginx -s reload loses none, %s', async (way) => {
    const { ports, run } = site()
    const pid = Number(readFileSync(join(run, 'nginx.pid'), 'utf8'))
    const reloads = (async () => {
      for (let times = 0; times < 3; times++) {
        signalProcess(pid, 'SIGHUP')
        await new Promise((resolve) => setTimeout(resolve, 150))
      }
    })()
    // nginx closes kept client connections when it reloads.
    const report = await lossRun({
      port: ports[way] as number,
      mount: '',
      method: 'POST',
      until: reloads,
      kept: false,
    })
    expect(report).toMatchObject({ lost: 0, differences: [] })
  })

  it.each([
    ['GET', 'KEEP'],
    ['POST', 'KEEP'],
    ['GET', 'PLAIN'],
    ['POST', 'PLAIN'],
  ] as const)('%s, %s: none lost while one is stopped and started again', async (method, way) => {
    const { ports, restart, log } = site()
    const restarts = restart(0).then(() => restart(1))
    const report = await lossRun({ port: ports[way] as number, mount: '', method, until: restarts })
    await restarts
    expect(report, log().slice(-3000)).toMatchObject({ lost: 0, differences: [] })
    expect(report.sent).toBeGreaterThan(50)
  })
})
