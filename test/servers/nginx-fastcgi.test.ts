/** nginx in front of persistent processes: fastcgi_pass and scgi_pass. */

import { describe } from 'vitest'
import { needs } from '../support/needs.js'
import { behaves } from './behaviour.js'
import { appNames } from './docroot.js'
import { leavesAreSeen } from './early.js'
import { losesNone } from './losses.js'
import { useSite } from './site.js'
import { startNginxPersistent } from './sites/nginx-persistent.js'
import type { Traits } from './traits.js'

const plain: Traits = {
  persistent: true,
  streams: { not: 'nginx holds the reply back, unless it says X-Accel-Buffering: no' },
  streamsEvents: true,
  showsBreak: true,
  showsShort: true,
  tellsLeave: true,
  tellsQuietLeave: true,
  leaveBy: 'close',
  streamsUpload: { not: 'nginx reads the whole upload first' },
}

/** A side effect of fastcgi_keep_conn: chunks are passed on as they arrive. */
const kept: Traits = { ...plain, streams: true }

const streamed: Traits = { ...plain, streams: true, streamsUpload: true }

const scgi: Traits = {
  ...plain,
  showsBreak: { not: 'in SCGI the end of the connection is the end of the reply' },
}

const both = [1, 16]

const ways = [
  { name: 'fastcgi_pass', port: 'PLAIN', traits: plain, at: both },
  { name: 'fastcgi_pass, connections kept', port: 'KEEP', traits: kept, at: both },
  { name: 'fastcgi_pass without buffering', port: 'STREAM', traits: streamed, at: [16] },
  { name: 'scgi_pass', port: 'SCGI', traits: scgi, at: both },
] as const

describe.skipIf(!needs('nginx', 'spawn-fcgi'))('nginx', () => {
  const site = useSite(startNginxPersistent)

  describe.each(ways)('$name', ({ port: name, traits, at }) => {
    const port = () => site().ports[name] as number
    for (const app of appNames) behaves({ site, app, port, mount: `/${app}`, traits })
    losesNone({ site, port, mount: '/fetch' }, at)
    leavesAreSeen({ site, app: 'fetch', port, mount: '/fetch', traits })
  })
})
