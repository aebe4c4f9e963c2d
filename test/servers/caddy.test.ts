/** Caddy in front of persistent processes: reverse_proxy with transport fastcgi. */

import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { request } from '../support/request.js'
import { behaves } from './behaviour.js'
import { appNames } from './docroot.js'
import { leavesAreSeen } from './early.js'
import { echo } from './echo.js'
import { losesNone, lossRun } from './losses.js'
import { useSite } from './site.js'
import { rooted, startCaddy } from './sites/caddy.js'
import type { Traits } from './traits.js'

const plain: Traits = {
  persistent: true,
  streams: { not: 'Caddy holds the reply back, except events' },
  streamsEvents: true,
  showsBreak: { not: 'Caddy 2.6 logs the break, and ends the reply as if it were whole' },
  showsShort: true,
  tellsLeave: true,
  tellsQuietLeave: { not: 'Caddy looks for the client only when it writes' },
  leaveBy: 'close',
  streamsUpload: true,
}

const streamed: Traits = { ...plain, streams: true }

describe.skipIf(!needs('caddy', 'spawn-fcgi'))('Caddy', () => {
  const site = useSite(startCaddy)
  const at = (name: string) => () => site().ports[name] as number

  describe('as it comes', () => {
    const port = at('PLAIN')
    for (const app of appNames) behaves({ site, app, port, mount: `/${app}`, traits: plain })
    losesNone({ site, port, mount: '/fetch' })
  })

  describe('with flush_interval -1', () => {
    const port = at('STREAM')
    for (const app of appNames) behaves({ site, app, port, mount: `/${app}`, traits: streamed })
    leavesAreSeen({ site, app: 'fetch', port, mount: '/fetch', traits: streamed })
  })

  describe('over TCP, with split', () => {
    it('2,000 POSTs, none lost', async () => {
      const report = await lossRun({ port: at('SPLIT')(), mount: '/fetch', method: 'POST' })
      expect(report).toMatchObject({ sent: 2000, lost: 0, differences: [] })
    })
  })

  it.each([
    ['split', 'SPLIT'],
    ['handle_path', 'PLAIN'],
  ])('the mount path with %s: slashes, escapes and the query stay', async (_, name) => {
    const below = '/-/echo//a%2Fb/%C3%A9?q=/fetch'
    expect(await echo(at(name)(), `/fetch${below}`)).toMatchObject({
      mount: '/fetch',
      below: `http://example.org${below}`,
      url: `http://example.org/fetch${below}`,
    })
  })

  it('with split the mount path itself reaches the app, with handle_path the client is sent on', async () => {
    const ask = (name: string) => request({ port: at(name)() }, { target: '/fetch' })
    expect(await ask('SPLIT')).toMatchObject({ status: 404, text: 'no such page' })
    const reply = await ask('PLAIN')
    expect(reply).toMatchObject({ status: 302 })
    expect(reply.header('location')).toBe('/fetch/')
  })

  it('what Caddy itself does to header fields', async () => {
    const sent = ['X_Name: under', 'X-Name: dash', 'Cookie: a=1', 'Cookie: b=2', 'X-Forwarded-For: 10.0.0.1']
    const { headers } = await echo(at(rooted.fetch)(), '/-/echo', sent)
    // Either may win: a client can set a header that a proxy in front should set.
    expect(['under', 'dash', 'dash, under', 'under, dash']).toContain(headers['x-name'])
    expect(headers.cookie).toBe('a=1, b=2')
    expect(headers['x-forwarded-for']).toBe('127.0.0.1')
    expect(headers).not.toHaveProperty('proxy')
  })

  describe('at the root', () => {
    for (const app of appNames) behaves({ site, app, port: at(rooted[app]), mount: '', traits: plain })
  })
})
