/**
 * An app gets the request that Caddy, h2o and HAProxy decide to serve; an HTTP back end under the same
 * configuration is the control.
 */

import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { request } from '../support/request.js'
import { type TargetServer, targetRows } from '../support/targets.js'
import { useSite } from './site.js'
import { startCaddyTargets, startH2oTargets, startHaproxyTargets, type TargetsSite } from './sites/targets.js'

/** The path that an app or the control got; undefined if a server answered. */
async function seen(port: number, target: string) {
  const { status, text, error } = await request({ port }, { target })
  expect(error).toBeUndefined()
  const page = text.startsWith('{') ? JSON.parse(text) : undefined
  return { status, app: page?.seen as string | undefined, env: page?.env ?? {} }
}

const starts: Readonly<Record<TargetServer, () => Promise<TargetsSite>>> = {
  caddy: startCaddyTargets,
  h2o: startH2oTargets,
  haproxy: startHaproxyTargets,
}

for (const [server, start] of Object.entries(starts) as [TargetServer, () => Promise<TargetsSite>][]) {
  describe.skipIf(!needs(server))(server, () => {
    const site = useSite(start)
    const rows = targetRows(server).filter(({ site }) => !site.includes(' '))

    it.each(rows)('$site: $target', async ({ site: name, target, app, status, control, controlStatus }) => {
      const { ports } = site()
      const got = await seen(ports[name] as number, target)
      expect({ status: got.status, app: got.app ?? `${got.status}` }).toEqual({ status, app })
      if (control === undefined) return
      const asked = await seen(ports[`${name}2`] as number, target)
      expect({ status: asked.status, app: asked.app ?? '-' }).toEqual({ status: controlStatus, app: control })
    })

    if (server !== 'caddy') return
    it('forward_auth asks an app for its own path, over HTTP and over FastCGI', async () => {
      const { AUTH = 0, AUTH2 = 0 } = site().ports
      const asked = async (port: number, target: string) => (await seen(port, target)).env.HTTP_X_SEEN
      expect(await asked(AUTH, '/private/x?a=1')).toBe('/auth?x=1')
      expect(await asked(AUTH2, '/members/x?a=1')).toBe('/auth?x=1')
      expect(await asked(AUTH, '/members/x?a=1')).toBe('|/auth?x=1')
    })
  })
}
