/** Apache in front of persistent processes: mod_proxy_fcgi and mod_proxy_scgi. */

import { describe } from 'vitest'
import { needs } from '../support/needs.js'
import { behaves } from './behaviour.js'
import { appNames } from './docroot.js'
import { leavesAreSeen } from './early.js'
import { losesNone } from './losses.js'
import { useSite } from './site.js'
import { startApacheProxy } from './sites/apache-proxy.js'
import type { Traits } from './traits.js'

const streamed: Traits = {
  persistent: true,
  streams: true,
  showsBreak: true,
  showsShort: true,
  tellsLeave: true,
  tellsQuietLeave: { not: 'Apache looks for the client only when it writes' },
  leaveBy: 'close',
  streamsUpload: true,
}

const buffered: Traits = {
  ...streamed,
  streams: { not: 'mod_proxy_fcgi holds back up to 8 KiB; flushpackets=on' },
}

const looksWhole = 'without a length, the end of a connection is the end of a reply in SCGI'

const scgi: Traits = {
  ...streamed,
  showsBreak: { not: looksWhole },
  showsShort: { not: 'Apache ignores the Content-Length of an SCGI app' },
  takesChunked: { not: 'mod_proxy_scgi answers 411' },
  streamsUpload: { not: 'mod_proxy_scgi reads the whole upload first' },
}

const ways = [
  { name: 'mod_proxy_fcgi, ProxyPass', port: 'PREFIX', traits: buffered },
  {
    name: 'mod_proxy_fcgi, flushpackets, connections kept',
    port: 'STREAM',
    traits: streamed,
  },
  { name: 'mod_proxy_fcgi, SetHandler', port: 'HANDLER', traits: buffered },
  { name: 'mod_proxy_scgi, ProxyPass', port: 'SCGI', traits: scgi },
] as const

describe.skipIf(!needs('apache2', 'spawn-fcgi'))('Apache', () => {
  const site = useSite(startApacheProxy)

  describe.each(ways)('$name', ({ port: name, traits }) => {
    const port = () => site().ports[name] as number
    for (const app of appNames) behaves({ site, app, port, mount: `/${app}`, traits })
    const mount = name === 'PREFIX' ? '/express' : '/fetch'
    losesNone({ site, port, mount }, name === 'HANDLER' ? [16] : [1, 16])
    leavesAreSeen({ site, app: 'fetch', port, mount: '/fetch', traits })
  })
})
