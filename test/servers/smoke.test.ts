/** One request through each installed server, in each way in which it can reach an app. */

import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { processesIn } from '../support/processes.js'
import { request } from '../support/request.js'
import { isListening } from '../support/server-process.js'
import type { Site } from './site.js'
import { startApache } from './sites/apache.js'
import { startFcgid } from './sites/apache-fcgid.js'
import { startApacheSuite } from './sites/apache-proxy.js'
import { startCaddySuite } from './sites/caddy.js'
import { startH2oSuite } from './sites/h2o.js'
import { startHaproxySuite } from './sites/haproxy.js'
import { startLighttpd } from './sites/lighttpd.js'
import { startLighttpdSuite } from './sites/lighttpd-persistent.js'
import { startNginx } from './sites/nginx.js'
import { startNginxSuite } from './sites/nginx-persistent.js'

const plain = { target: '/cgi-bin/plain.cgi/a/b', text: 'POST /cgi-bin/plain.cgi /a/b\nxyz' }
const echo = { target: '/app', text: 'xyz' }

/** A script without Node shows that the server itself is set up correctly. */
async function asks({ port, suite, log }: Site, runsScripts: boolean): Promise<void> {
  const asked = { method: 'POST', body: 'xyz' }
  const whole = { status: 200, complete: true }
  if (runsScripts) {
    const { target, text } = plain
    expect(await request({ port }, { ...asked, target }), log()).toMatchObject({ ...whole, text })
  }
  const { target, text } = echo
  const reply = await request({ port: suite.fetch }, { ...asked, target, headers: ['X-Case: echo'] })
  expect(reply, log()).toMatchObject({ ...whole, text })
}

describe.each([
  { name: 'Apache mod_cgi', programs: ['apache2'], scripts: true, start: () => startApache('prefork') },
  { name: 'Apache mod_cgid', programs: ['apache2'], scripts: true, start: () => startApache('event') },
  { name: 'Apache mod_fcgid', programs: ['apache2'], start: startFcgid },
  {
    name: 'Apache mod_proxy_fcgi',
    programs: ['apache2', 'spawn-fcgi'],
    start: () => startApacheSuite('fcgi'),
  },
  {
    name: 'Apache mod_proxy_scgi',
    programs: ['apache2', 'spawn-fcgi'],
    start: () => startApacheSuite('scgi'),
  },
  { name: 'lighttpd mod_cgi', programs: ['lighttpd'], scripts: true, start: startLighttpd },
  { name: 'lighttpd mod_fastcgi', programs: ['lighttpd'], start: () => startLighttpdSuite('fastcgi') },
  {
    name: 'lighttpd mod_scgi',
    programs: ['lighttpd', 'spawn-fcgi'],
    start: () => startLighttpdSuite('scgi'),
  },
  { name: 'nginx and fcgiwrap', programs: ['nginx', 'fcgiwrap'], scripts: true, start: startNginx },
  { name: 'nginx fastcgi_pass', programs: ['nginx', 'spawn-fcgi'], start: () => startNginxSuite('fastcgi') },
  { name: 'nginx scgi_pass', programs: ['nginx', 'spawn-fcgi'], start: () => startNginxSuite('scgi') },
  { name: 'Caddy', programs: ['caddy', 'spawn-fcgi'], start: startCaddySuite },
  { name: 'HAProxy', programs: ['haproxy', 'spawn-fcgi'], start: startHaproxySuite },
  { name: 'h2o', programs: ['h2o'], start: () => startH2oSuite('fetch') },
] as const)('$name', ({ programs, start, ...more }) => {
  it.skipIf(!needs(...programs))('runs an app and leaves nothing behind', async () => {
    const site: Site = await start()
    const { port, suite, docroot, run } = site
    try {
      await asks(site, 'scripts' in more)
    } finally {
      expect(await site.stop()).toEqual([])
    }
    expect(processesIn(docroot.path)).toEqual([])
    expect(processesIn(run)).toEqual([])
    expect(existsSync(docroot.path) || existsSync(run)).toBe(false)
    expect(await isListening({ port })).toBe(false)
    expect(await isListening({ port: suite.fetch })).toBe(false)
  })
})
