/** HAProxy in front of persistent processes: fcgi-app. */

import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { behaves } from './behaviour.js'
import { appNames } from './docroot.js'
import { leavesAreSeen } from './early.js'
import { echo } from './echo.js'
import { losesNone } from './losses.js'
import { useSite } from './site.js'
import { startHaproxy } from './sites/haproxy.js'
import type { Traits } from './traits.js'

const tooLarge = { not: 'HAProxy answers 400 to chunked uploads over its buffer of 16 KB' }

const traits: Traits = {
  persistent: true,
  streams: true,
  showsBreak: true,
  showsShort: true,
  tellsLeave: true,
  tellsQuietLeave: {
    not: 'HAProxy 2.6 under load may keep its connection, and it sends no FCGI_ABORT_REQUEST',
  },
  leaveBy: 'close',
  streamsUpload: tooLarge,
  takesChunked: tooLarge,
}

describe.skipIf(!needs('haproxy', 'spawn-fcgi'))('HAProxy', () => {
  const site = useSite(startHaproxy)
  const at = (name: string) => () => site().ports[name] as number

  describe('as it comes', () => {
    for (const app of appNames) behaves({ site, app, port: at('PLAIN'), mount: `/${app}`, traits })
    losesNone({ site, port: at('PLAIN'), mount: '/fetch' })
    leavesAreSeen({ site, app: 'fetch', port: at('PLAIN'), mount: '/fetch', traits })
  })

  it('at the root without path-info', async () => {
    const target = '/-/echo//a%2Fb/%C3%A9?q'
    const url = `http://example.org${target}`
    expect(await echo(at('ROOTED')(), target)).toMatchObject({ mount: '', below: url, url })
  })

  it('Authorization is passed on, with a REMOTE_USER that nobody has checked; X_A is dropped', async () => {
    const seen = await echo(at('PLAIN')(), '/fetch/-/echo', ['Authorization: Basic dTpw', 'X_A: b'])
    expect(seen).toMatchObject({ user: 'u', headers: { authorization: 'Basic dTpw' } })
    expect(seen.headers).not.toHaveProperty('x-a')
  })

  describe('several requests on a connection', () => {
    for (const app of appNames) behaves({ site, app, port: at('MULTI'), mount: `/${app}`, traits })
    losesNone({ site, port: at('MULTI'), mount: '/fetch' })
  })
})
