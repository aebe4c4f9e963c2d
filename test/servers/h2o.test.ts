/** h2o in front of persistent processes: fastcgi.connect and fastcgi.spawn. */

import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { behaves } from './behaviour.js'
import { appNames } from './docroot.js'
import { leavesAreSeen } from './early.js'
import { echo } from './echo.js'
import { losesNone } from './losses.js'
import { useSite } from './site.js'
import { overTcp, spawned, startH2o } from './sites/h2o.js'
import type { Traits } from './traits.js'

const traits: Traits = {
  persistent: true,
  streams: true,
  showsBreak: { not: 'h2o takes the end of the connection for the end of the reply' },
  showsShort: true,
  tellsLeave: true,
  tellsQuietLeave: { not: 'h2o looks for the client only when it writes' },
  leaveBy: 'close',
  streamsUpload: { not: 'h2o reads the whole upload first' },
}

describe.skipIf(!needs('h2o'))('h2o', () => {
  const site = useSite(startH2o)
  const at = (name: string) => () => site().ports[name] as number

  describe('fastcgi.connect', () => {
    for (const app of appNames) behaves({ site, app, port: at('CONNECT'), mount: `/${app}`, traits })
    losesNone({ site, port: at('CONNECT'), mount: '/fetch' })
    leavesAreSeen({ site, app: 'fetch', port: at('CONNECT'), mount: '/fetch', traits })
  })

  it('header fields that h2o sends as several variables are joined', async () => {
    const sent = ['X-Two: 1', 'X-Two: 2', 'X_Name: under', 'X-Name: dash', 'Cookie: a=1', 'Cookie: b=2']
    const { headers, mount } = await echo(at('CONNECT')(), '/fetch/-/echo', sent)
    expect(mount).toBe('/fetch')
    expect(headers).toMatchObject({ 'x-two': '1, 2', 'x-name': 'under, dash', cookie: 'a=1; b=2' })
  })

  describe('fastcgi.connect over TCP', () => {
    for (const app of overTcp) behaves({ site, app, port: at('TCP'), mount: `/${app}`, traits })
    losesNone({ site, port: at('TCP'), mount: '/fetch' }, [16])
  })

  describe('fastcgi.spawn', () => {
    for (const app of appNames) behaves({ site, app, port: at(spawned[app]), mount: '', traits })
    losesNone({ site, port: at(spawned.fetch), mount: '' })
  })
})
