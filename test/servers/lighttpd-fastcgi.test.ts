/** lighttpd in front of persistent processes: mod_fastcgi with and without bin-path, and mod_scgi. */

import { describe } from 'vitest'
import { needs } from '../support/needs.js'
import { behaves } from './behaviour.js'
import { appNames } from './docroot.js'
import { leavesAreSeen } from './early.js'
import { losesNone } from './losses.js'
import { type Site, useSite } from './site.js'
import { startLighttpdPersistent } from './sites/lighttpd-persistent.js'
import type { Traits } from './traits.js'

const buffered: Traits = {
  persistent: true,
  streams: { not: 'lighttpd holds the whole reply back unless server.stream-response-body is set' },
  showsBreak: { not: 'lighttpd keeps what came before, and gives it its length' },
  showsShort: true,
  tellsLeave: true,
  tellsQuietLeave: true,
  leaveBy: 'reset',
  streamsUpload: { not: 'lighttpd reads the whole upload first' },
}

const streamed: Traits = { ...buffered, streams: true, showsBreak: true }

const both: Traits = {
  ...streamed,
  streamsUpload: true,
  takesChunked: { not: 'lighttpd answers 411 where server.stream-request-body is set' },
}

/** `at`: how many concurrent requests in the runs that must lose none. */
const ways = [
  { name: 'bin-path', port: (site: Site) => site.port, traits: buffered, at: [1, 16] },
  {
    name: 'bin-path, replies streamed',
    port: (site: Site) => site.ports.STREAM,
    traits: streamed,
    at: [16],
  },
  {
    name: 'bin-path, uploads and replies streamed',
    port: (site: Site) => site.ports.BOTH,
    traits: both,
    at: [16],
  },
  { name: 'socket', port: (site: Site) => site.ports.SOCKET, traits: buffered, at: [16] },
  { name: 'mod_scgi', port: (site: Site) => site.ports.SCGI, traits: buffered, at: [1, 16] },
] as const

describe.skipIf(!needs('lighttpd', 'spawn-fcgi'))('lighttpd', () => {
  const site = useSite(startLighttpdPersistent)

  describe.each(ways)('$name', ({ port: portOf, traits, at }) => {
    const port = () => portOf(site()) as number
    for (const app of appNames) behaves({ site, app, port, mount: `/${app}`, traits })
    losesNone({ site, port, mount: '/fetch' }, at)
    leavesAreSeen({ site, app: 'fetch', port, mount: '/fetch', traits })
  })
})
