/** What the app sees of Apache's own authentication (AuthType Basic). */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { needs, which } from '../support/needs.js'
import { request } from '../support/request.js'
import { startServer } from '../support/server-process.js'
import { inFront, startSuiteResponders } from './responder.js'
import { environment, makeFrame, root, type Site, useSite, writeConfig } from './site.js'
import { withCgid } from './sites/cgid.js'

async function startApache(): Promise<Site> {
  const frame = await makeFrame()
  const { port, run } = frame
  const file = writeConfig(frame, 'apache-basic-frame.conf', [], {
    MODULES: '/usr/lib/apache2/modules',
    USER: root ? 'User www-data\nGroup www-data' : '',
  })
  // SHA-1 of "open sesame".
  writeFileSync(join(run, 'users'), 'Aladdin:{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=\n')
  const options = { listens: { port }, env: environment(frame), cwd: run }
  return inFront(frame, await startSuiteResponders(frame), async () => {
    const server = await startServer(which('apache2') ?? 'apache2', ['-f', file, '-D', 'FOREGROUND'], options)
    return withCgid(server, run)
  })
}

const basic = (text: string) => `Authorization: Basic ${Buffer.from(text).toString('base64')}`
const right = basic('Aladdin:open sesame')

const ways = [
  ['mod_cgid', 'cgi'],
  ['mod_fcgid', 'fcgid'],
  ['mod_proxy_fcgi, ProxyPass', 'fcgi'],
  ['mod_proxy_fcgi, SetHandler', 'handler'],
  ['mod_proxy_scgi', 'scgi'],
] as const

describe.skipIf(!needs('apache2', 'spawn-fcgi'))('Apache with AuthType Basic', () => {
  const site = useSite(startApache)
  const ask = (target: string, ...headers: string[]) =>
    request({ port: site().port }, { target, headers: ['X-Case: env', ...headers] })

  describe.each(ways)('%s', (_, way) => {
    it.each(['fetch', 'node'])('a %s app has REMOTE_USER and AUTH_TYPE, not the password', async (style) => {
      const reply = await ask(`/${way}/${style}/?REMOTE_USER,AUTH_TYPE,HTTP_AUTHORIZATION`, right)
      expect(reply, site().log()).toMatchObject({ status: 200, complete: true })
      expect(JSON.parse(reply.text)).toEqual(['Aladdin', 'Basic', null])
    })

    it('with CGIPassAuth, what the client sent as well', async () => {
      const reply = await ask(`/${way}-passed/fetch/?REMOTE_USER,AUTH_TYPE,HTTP_AUTHORIZATION`, right)
      expect(reply, site().log()).toMatchObject({ status: 200, complete: true })
      const sent = right.slice(right.indexOf(' ') + 1)
      expect(JSON.parse(reply.text)).toEqual(['Aladdin', 'Basic', sent])
    })

    it('a wrong password: Apache answers, the app is not asked', async () => {
      for (const headers of [[], [basic('Aladdin:wrong')]]) {
        const reply = await ask(`/${way}/fetch/?REMOTE_USER`, ...headers)
        expect(reply.status).toBe(401)
        expect(reply.header('www-authenticate')).toBe('Basic realm="guarded"')
      }
    })
  })
})
