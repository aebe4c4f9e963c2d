/** Apache with mod_fcgid, which starts the processes: one request at a time in each. */

import { describe } from 'vitest'
import { needs } from '../support/needs.js'
import { behaves } from './behaviour.js'
import { appNames, fcgiScripts } from './docroot.js'
import { useSite } from './site.js'
import { startFcgid } from './sites/apache-fcgid.js'
import type { Traits } from './traits.js'

const unbuffered: Traits = {
  streams: true,
  showsBreak: true,
  showsShort: true,
  tellsLeave: true,
  tellsQuietLeave: { not: 'mod_fcgid looks for the client only when it writes' },
  leaveBy: 'close',
  streamsUpload: { not: 'mod_fcgid reads the whole body before it asks the app' },
}

const buffered: Traits = {
  ...unbuffered,
  streams: { not: 'mod_fcgid holds back up to 64 KiB; FcgidOutputBufferSize 0' },
}

describe.skipIf(!needs('apache2'))('Apache, mod_fcgid', () => {
  const site = useSite(startFcgid)
  describe('FcgidOutputBufferSize 0', () => {
    for (const app of appNames)
      behaves({ site, app, port: () => site().port2, mount: `/fcgi/${fcgiScripts[app]}`, traits: unbuffered })
  })
  describe('as it comes', () => {
    behaves({ site, app: 'fetch', port: () => site().port, mount: '/fcgid-fetch', traits: buffered })
  })
})
