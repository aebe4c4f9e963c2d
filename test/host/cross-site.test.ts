/** Pages of other sites cannot make `cgiup host` change anything. */
import { hostname } from 'node:os'
import { describe, expect, it } from 'vitest'
import { hostRule } from '../../src/host/allowed-hosts.js'
import { refuseCrossSite } from '../../src/host/cross-site.js'
import { handler } from '../../src/index.js'
import { startHost } from './support.js'

let calls = 0
const app = handler(() => {
  calls++
  return { status: 200, headers: ['Content-Type', 'text/plain'], body: 'done' }
})
const served = refuseCrossSite(app, hostRule(['app.example', '*']))

const cases: [what: string, headers: string[], passes: boolean][] = [
  ['of another site', ['Sec-Fetch-Site: cross-site'], false],
  ['of another site, in other letters', ['sec-fetch-site: Cross-Site'], false],
  ['of another site with our Origin', ['Sec-Fetch-Site: cross-site', 'Origin: http://localhost'], false],
  ['of this origin', ['Sec-Fetch-Site: same-origin', 'Origin: http://localhost'], true],
  ['of another port (same site)', ['Sec-Fetch-Site: same-site', 'Origin: http://localhost:5173'], true],
  ['of a bookmark', ['Sec-Fetch-Site: none'], true],
  ['of a program (curl, git)', [], true],
  ['with an Origin only: another site', ['Origin: https://evil.example'], false],
  ['with an Origin only: null', ['Origin: null'], false],
  ['with an Origin only: an extension', ['Origin: chrome-extension://abc'], false],
  ['with an Origin only: a foreign address', ['Origin: http://203.0.113.9'], false],
  ['with an Origin only: a name that begins as ours', ['Origin: http://localhost.evil.example'], false],
  ['with an Origin only: userinfo', ['Origin: http://localhost@evil.example'], false],
  ['with an Origin only: localhost, another port', ['Origin: http://localhost:3000'], true],
  ['with an Origin only: loopback', ['Origin: http://127.0.0.1:3000'], true],
  ['with an Origin only: loopback of IPv6', ['Origin: http://[::1]:3000'], true],
  ['with an Origin only: an allowed name', ['Origin: https://app.example'], true],
  ['with an Origin only: the name of this machine', [`Origin: http://${hostname()}.local:8080`], true],
  ['with an Origin only: the host it is for', ['Host: 192.0.2.7:8080', 'Origin: http://192.0.2.7'], true],
  [
    'with an Origin only: another host than it is for',
    ['Host: 192.0.2.7', 'Origin: http://192.0.2.8'],
    false,
  ],
  ['with two Origin fields', ['Origin: http://localhost', 'Origin: http://evil.example'], false],
  [
    'with an unknown Sec-Fetch-Site, and an Origin',
    ['Sec-Fetch-Site: x', 'Origin: http://evil.example'],
    false,
  ],
]

describe.each(['POST', 'PUT', 'PATCH', 'DELETE', 'MKCOL', 'PROPPATCH'])('%s', (method) => {
  it.each(cases)('%s', async (_, headers, passes) => {
    calls = 0
    const host = await startHost(served)
    const reply = await host.get('/', { method, headers, body: 'x' })
    expect(reply.status).toBe(passes ? 200 : 403)
    expect(calls).toBe(passes ? 1 : 0)
    if (!passes) {
      expect(reply.text).toContain('--allow-cross-site')
      expect(host.stderr()).toContain('--allow-cross-site')
      expect(host.stderr()).toContain(
        `cgiup: ${method} /: 403: This ${method} request was sent by a page of another site`,
      )
    }
  })
})

it('behind a proxy that changes Host, the page shows the name to allow', async () => {
  const host = await startHost(served)
  const reply = await host.get('/', {
    method: 'POST',
    headers: ['Origin: http://www.shop.example:8000'],
    body: 'x',
  })
  expect(reply.text).toContain('--allowed-host www.shop.example.')
  const odd = await host.get('/', { method: 'POST', headers: ['Origin: http://--x$y'], body: 'x' })
  expect(odd.status).toBe(403)
  expect(odd.text).not.toContain('--allowed-host')
})

it.each(['GET', 'HEAD', 'OPTIONS'])('%s changes nothing, and is accepted', async (method) => {
  const host = await startHost(served)
  const reply = await host.get('/', {
    method,
    headers: ['Sec-Fetch-Site: cross-site', 'Origin: http://evil.example'],
  })
  expect(reply.status).toBe(200)
})
