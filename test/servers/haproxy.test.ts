/** HAProxy in front of persistent processes: fcgi-app. */

import { describe } from 'vitest'
import { needs } from '../support/needs.js'
import { behaves } from './behaviour.js'
import { leavesAreSeen } from './early.js'
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
  tellsQuietLeave: true,
  leaveBy: 'close',
  streamsUpload: tooLarge,
  takesChunked: tooLarge,
}

describe.skipIf(!needs('haproxy', 'spawn-fcgi'))('HAProxy', () => {
  const site = useSite(startHaproxy)
  const at = (name: string) => () => site().ports[name] as number

  describe('as it comes', () => {
    for (const app of ['fetch', 'express'] as const)
      behaves({ site, app, port: at('PLAIN'), mount: `/${app}`, traits })
    losesNone({ site, port: at('PLAIN'), mount: '/fetch' })
    leavesAreSeen({ site, app: 'fetch', port: at('PLAIN'), mount: '/fetch', traits })
  })

  describe('several requests on a connection', () => {
    behaves({ site, app: 'fetch', port: at('MULTI'), mount: '/fetch', traits })
    losesNone({ site, port: at('MULTI'), mount: '/fetch' })
  })
})
