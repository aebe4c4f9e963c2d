/**
 * Variables of real servers that served a request other than the one sent; the servers themselves are in
 * test/servers.
 */

import { describe, expect, test } from 'vitest'
import { decide } from '../../src/env/decide.js'
import { Environment } from '../../src/env/environment.js'
import { type TargetServer, targetRows } from '../support/targets.js'

const servers: readonly TargetServer[] = ['caddy', 'h2o', 'haproxy']

describe.each(servers)('%s', (server) => {
  test.each(targetRows(server))('$site $target -> $app', ({ env, app, status }) => {
    const decision = decide(Environment.fromObject(env))
    const { request, refused } = decision
    if (refused) return expect(`${refused.status}`).toBe(app)
    const { pathname, search } = new URL(request.relativeUrl)
    expect(`${request.mount}|${pathname}${search}`).toBe(app)
    // If the server does not set the status of its error page, the app's reply gets it.
    expect(decision.status).toBe(env.REDIRECT_STATUS === undefined ? 0 : status)
  })
})
