import { describe } from 'vitest'
import { needs } from '../support/needs.js'
import { behaves } from './behaviour.js'
import { appNames, scripts } from './docroot.js'
import { useSite } from './site.js'
import { startNginx } from './sites/nginx.js'
import type { Traits } from './traits.js'

const buffered: Traits = {
  streams: { not: 'fcgiwrap holds the reply back unless NO_BUFFERING is set' },
  showsBreak: { not: 'fcgiwrap ends the reply of a script as whole, whatever became of the script' },
  showsShort: true,
  tellsLeave: true,
  tellsQuietLeave: { not: 'fcgiwrap looks for nginx only when it writes' },
  leaveBy: 'close',
  streamsUpload: { not: 'nginx reads the whole upload first' },
}

const streamed: Traits = { ...buffered, streams: true, streamsUpload: true }

describe.skipIf(!needs('nginx', 'fcgiwrap'))('nginx and fcgiwrap', () => {
  const site = useSite(startNginx)

  describe('as they come', () => {
    for (const app of appNames) {
      behaves({ site, app, port: () => site().port, mount: `/cgi-bin/${scripts[app]}`, traits: buffered })
    }
  })

  describe('without buffering', () => {
    for (const app of appNames) {
      behaves({ site, app, port: () => site().port2, mount: `/cgi-bin/${scripts[app]}`, traits: streamed })
    }
  })
})
