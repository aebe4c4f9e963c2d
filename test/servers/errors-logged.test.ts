import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { until } from '../support/processes.js'
import { request } from '../support/request.js'
import { type Site, useSite } from './site.js'
import { startApache } from './sites/apache.js'
import { startLighttpd } from './sites/lighttpd.js'
import { startNginx } from './sites/nginx.js'

const script = `#!/usr/bin/env node
const { run } = require('cgiup')
const app = require('express')()
app.get('/throws', () => { throw new Error('trouble in the app') })
app.get('/sends', (_, res) => {
  setTimeout(() => console.error('said after the reply'), 0)
  res.status(503).type('text').send('closed')
})
run(app)
`

describe.each([
  { name: 'Apache, mod_cgi', programs: ['apache2'], start: () => startApache('prefork') },
  { name: 'Apache, mod_cgid', programs: ['apache2'], start: () => startApache('event') },
  { name: 'lighttpd', programs: ['lighttpd'], start: startLighttpd },
  { name: 'nginx and fcgiwrap', programs: ['nginx', 'fcgiwrap'], start: startNginx },
] as const)('$name: its error log has', ({ programs, start }) => {
  describe.skipIf(!needs(...programs))('of an Express app', () => {
    const site = useSite<Site>(start)

    const logOf = async (path: string, last: string) => {
      const { port, docroot, follow } = site()
      writeFileSync(join(docroot.path, 'cgi-bin/errors.cgi'), script, { mode: 0o755 })
      const log = follow()
      const reply = await request({ port }, { target: `/cgi-bin/errors.cgi${path}?password=secret` })
      await until(() => log().includes(last))
      return { reply, log: log() }
    }

    it('the error that it threw, and one line with method and path', async () => {
      const { reply, log } = await logOf('/throws', 'trouble in the app')
      expect(reply.status).toBe(500)
      expect(log).toContain('Error: trouble in the app')
      const lines = log.match(/cgiup: GET \/cgi-bin\/errors\.cgi\/throws: [^\n"]*/g)
      expect(lines).toEqual([expect.stringContaining('answered with 500 Internal Server Error')])
    })

    it('a line for its own 503, and its output after the reply', async () => {
      const { reply, log } = await logOf('/sends', 'said after the reply')
      expect([reply.status, reply.text]).toEqual([503, 'closed'])
      expect(log).toContain('cgiup: GET /cgi-bin/errors.cgi/sends: answered with 503 Service Unavailable')
      expect(log).toContain('said after the reply')
    })
  })
})
