import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { processesIn } from '../support/processes.js'
import { request } from '../support/request.js'
import { isListening } from '../support/server-process.js'
import { startApache } from './sites/apache.js'
import { startLighttpd } from './sites/lighttpd.js'
import { startNginx } from './sites/nginx.js'

describe.each([
  { name: 'Apache mod_cgi', programs: ['apache2'], start: () => startApache('prefork') },
  { name: 'Apache mod_cgid', programs: ['apache2'], start: () => startApache('event') },
  { name: 'lighttpd', programs: ['lighttpd'], start: startLighttpd },
  { name: 'nginx and fcgiwrap', programs: ['nginx', 'fcgiwrap'], start: startNginx },
] as const)('$name', ({ programs, start }) => {
  it.skipIf(!needs(...programs))('runs a script and leaves nothing behind', async () => {
    const site = await start()
    const { port, docroot, run } = site
    try {
      const reply = await request({ port }, { target: '/cgi-bin/plain.cgi/a/b', method: 'POST', body: 'xyz' })
      expect(reply, site.log()).toMatchObject({
        status: 200,
        complete: true,
        text: 'POST /cgi-bin/plain.cgi /a/b\nxyz',
      })
    } finally {
      expect(await site.stop()).toEqual([])
    }
    expect(processesIn(docroot.path)).toEqual([])
    expect(processesIn(run)).toEqual([])
    expect(existsSync(docroot.path) || existsSync(run)).toBe(false)
    expect(await isListening({ port })).toBe(false)
  })
})
