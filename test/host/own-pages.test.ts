/** Pages that this package writes: in no cache, no frame, no other site. Replies of apps and scripts stay as they are. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { mountedAt } from '../../src/host/mounted-at.js'
import { cgiBin, files } from '../../src/host.js'
import { handler } from '../../src/index.js'
import { errorReply } from '../../src/pages/error-page.js'
import { serveDaemon } from '../../src/process/daemon.js'
import { emulate } from '../../src/test.js'
import { request } from '../support/request.js'
import type { WireReply } from '../support/wire.js'
import { scripts, sh, startHost } from './support.js'

const bin = scripts({
  'ok.cgi': sh("printf 'Content-Type: text/html\\n\\nhello'"),
  'bad.cgi': sh('echo oops'),
  'page.html': Buffer.from('<p>hello'),
  'x.php': Buffer.from(''),
})

function isOurs(reply: WireReply): void {
  expect(reply.header('cache-control')).toBe('no-store')
  expect(reply.header('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/)
  expect(reply.header('x-frame-options')).toBe('DENY')
  expect(reply.header('x-content-type-options')).toBe('nosniff')
  expect(reply.header('cross-origin-resource-policy')).toBe('same-origin')
}

const pages: [what: string, path: string, method?: string][] = [
  ['a list', '/'],
  ['a failed script', '/bad.cgi'],
  ['a path that leads nowhere', '/none'],
  ['a broken path', '/%zz'],
  ['a withheld file', '/x.php'],
  ['a wrong method', '/page.html', 'POST'],
]

describe.each([true, false])('cgiBin() and files(), development %s', (development) => {
  it.each(pages)('%s', async (_, path, method = 'GET') => {
    const host = await startHost(cgiBin(bin, { development, files: true, list: true }))
    isOurs(await host.get(path, { method }))
    const statics = await startHost(files(bin, { development, list: true }))
    if (path !== '/bad.cgi') isOurs(await statics.get(path, { method }))
  })

  it.each(['text/html', 'application/json', 'text/plain'])('an error of an app, as %s', async (accept) => {
    const host = await startHost(
      () => {
        throw new Error('oops')
      },
      { onError: (error, exchange) => errorReply(error, exchange, { development }) },
    )
    isOurs(await host.get('/', { headers: [`Accept: ${accept}`] }))
  })
})

it('an error without a page of its own, over HTTP and in a persistent process', async () => {
  const host = await startHost(() => {
    throw new Error('oops')
  })
  isOurs(await host.get('/'))
  isOurs(await host.get('/', { headers: ['Host: a', 'Host: b'] }))
  const daemon = await serveDaemon(() => Promise.reject(new Error('oops')), { port: 0, stderr: () => {} })
  try {
    const { port } = daemon.address as { port: number }
    isOurs(await request({ port }))
  } finally {
    await daemon.close(0)
  }
})

it('an error of a CGI script', async () => {
  const directory = scripts({})
  writeFileSync(join(directory, 'app.mjs'), 'export default { fetch() { throw new Error("oops") } }')
  const reply = await emulate(join(directory, 'app.mjs')).fetch('/')
  expect(reply.status).toBe(500)
  expect(reply.headers.get('cache-control')).toBe('no-store')
  expect(reply.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
})

it('elsewhere than below the mount path', async () => {
  const host = await startHost(
    mountedAt(
      '/app',
      handler(() => ({ status: 200, headers: [], body: '' })),
    ),
  )
  isOurs(await host.get('/other'))
})

it('replies of apps, scripts and static files stay as they are', async () => {
  const app = handler(() => ({ status: 200, headers: ['Content-Type', 'text/html'], body: 'hello' }))
  const sent = [
    await (await startHost(app)).get('/'),
    await (await startHost(cgiBin(bin))).get('/ok.cgi'),
    await (await startHost(files(bin))).get('/page.html'),
  ]
  for (const reply of sent) {
    expect(reply.status).toBe(200)
    expect(reply.header('content-security-policy')).toBeUndefined()
    expect(reply.header('x-frame-options')).toBeUndefined()
    expect(reply.header('cache-control')).not.toBe('no-store')
  }
})
