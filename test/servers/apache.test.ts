import { describe } from 'vitest'
import { needs } from '../support/needs.js'
import { behaves } from './behaviour.js'
import { appNames, scripts } from './docroot.js'
import { useSite } from './site.js'
import { startApache } from './sites/apache.js'
import type { Traits } from './traits.js'

const traits: Traits = {
  streams: true,
  showsBreak: { not: 'Apache ends the reply of a CGI script as whole, whatever became of the script' },
  showsShort: { not: 'Apache ignores the Content-Length of a CGI script' },
  tellsLeave: true,
  tellsQuietLeave: { not: 'Apache looks for the client only when it writes' },
  leaveBy: 'close',
  streamsUpload: true,
}

describe.each([
  { name: 'Apache, mod_cgi (prefork)', mpm: 'prefork' },
  { name: 'Apache, mod_cgid (event)', mpm: 'event' },
] as const)('$name', ({ mpm }) => {
  describe.skipIf(!needs('apache2'))('ScriptAlias', () => {
    const site = useSite(() => startApache(mpm))
    for (const app of appNames) {
      behaves({ site, app, port: () => site().port, mount: `/cgi-bin/${scripts[app]}`, traits })
    }
  })
})
