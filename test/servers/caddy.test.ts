/** Caddy in front of persistent processes: reverse_proxy with transport fastcgi. */

import { describe } from 'vitest'
import { needs } from '../support/needs.js'
import { behaves } from './behaviour.js'
import { appNames } from './docroot.js'
import { leavesAreSeen } from './early.js'
import { losesNone } from './losses.js'
import { useSite } from './site.js'
import { startCaddy } from './sites/caddy.js'
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
    for (const app of ['fetch', 'express'] as const)
      behaves({ site, app, port, mount: `/${app}`, traits: streamed })
    leavesAreSeen({ site, app: 'fetch', port, mount: '/fetch', traits: streamed })
  })

  describe('over TCP, with split', () => {
    losesNone({ site, port: at('SPLIT'), mount: '/fetch' })
  })

  describe('at the root', () => {
    behaves({ site, app: 'fetch', port: at('ROOTED'), mount: '', traits: plain })
  })
})
