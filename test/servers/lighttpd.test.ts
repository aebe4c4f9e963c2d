import { describe } from 'vitest'
import { needs } from '../support/needs.js'
import { behaves } from './behaviour.js'
import { appNames, scripts } from './docroot.js'
import { useSite } from './site.js'
import { startLighttpd } from './sites/lighttpd.js'
import type { Traits } from './traits.js'

const buffered: Traits = {
  streams: { not: 'lighttpd holds the whole reply back unless server.stream-response-body is set' },
  showsBreak: { not: 'lighttpd ends the reply of a CGI script as whole, whatever became of the script' },
  showsShort: true,
  tellsLeave: true,
  tellsQuietLeave: true,
  leaveBy: 'reset',
  streamsUpload: { not: 'lighttpd reads the whole upload first' },
}

const streamed: Traits = { ...buffered, streams: true }

describe.skipIf(!needs('lighttpd'))('lighttpd, mod_cgi', () => {
  const site = useSite(startLighttpd)

  describe('as it comes', () => {
    for (const app of appNames) {
      behaves({ site, app, port: () => site().port, mount: `/site/${scripts[app]}`, traits: buffered })
    }
  })

  describe('with server.stream-response-body', () => {
    for (const app of appNames) {
      behaves({ site, app, port: () => site().port2, mount: `/site/${scripts[app]}`, traits: streamed })
    }
  })
})
