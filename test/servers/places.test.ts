/** Where a script can be, and what the app sees of its URL there. */

import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { request } from '../support/request.js'
import { type AppName, appNames, scripts } from './docroot.js'
import { type Site, useSite } from './site.js'
import { startApache } from './sites/apache.js'
import { startLighttpd } from './sites/lighttpd.js'
import { startNginx } from './sites/nginx.js'

interface Seen {
  url: string
  below: string
  mount: string
  headers: Record<string, string>
}

async function echo(
  site: Site,
  app: AppName,
  mount: string,
  below: string,
  headers: string[] = [],
): Promise<Seen> {
  const reply = await request(
    { port: site.port },
    { target: mount + below, headers: ['Host: example.org', ...headers] },
  )
  expect(reply, site.log()).toMatchObject({ status: 200, complete: true })
  const seen = JSON.parse(reply.text) as Seen
  // Fetch apps see complete URLs, Node apps targets.
  const origin = app === 'fetch' || app === 'hono' ? 'http://example.org' : ''
  expect(seen).toMatchObject({ mount, url: origin + mount + below, below: origin + below })
  return seen
}

/** Escapes, repeated slashes and an empty query survive if the server keeps the target. */
const below = '/-/echo//a%20b/%c3%a9/x+y?'

function places(site: () => Site, list: Record<string, (app: AppName) => string | null>): void {
  for (const [name, mountOf] of Object.entries(list)) {
    const apps = appNames.filter((app) => mountOf(app) !== null)
    it.each(apps)(`${name}: %s`, async (app) => {
      await echo(site(), app, mountOf(app) ?? '', below)
    })
  }
}

function common(site: () => Site, directory: string): void {
  it('a script with #!/usr/bin/env cgiup and export default', async () => {
    const mount = `/${directory}/default.cgi`
    const reply = await request(
      { port: site().port },
      { target: `${mount}/a?b`, headers: ['Host: example.org'] },
    )
    expect(reply, site().log()).toMatchObject({ status: 200, complete: true })
    expect(JSON.parse(reply.text)).toEqual({ url: `http://example.org${mount}/a?b`, mount })
  })

  it('raw bytes of another encoding in the target', async () => {
    const mount = `/${directory}/express.cgi`
    const { below: seen } = await echo(site(), 'express', mount, '/-/echo/caf\xc3\xa9?\xe9')
    expect(seen).toBe('/-/echo/caf\xc3\xa9?\xe9')
  })
}

const byDirectory = (directory: string) => (app: AppName) => `/${directory}/${scripts[app]}`
const onlyExpress = (mount: string) => (app: AppName) => (app === 'express' ? mount : null)

describe.skipIf(!needs('apache2')).each(['prefork', 'event'] as const)('Apache, %s', (mpm) => {
  const site = useSite(() => startApache(mpm))
  places(site, {
    ScriptAlias: byDirectory('cgi-bin'),
    'AddHandler in a directory': byDirectory('site'),
    '.htaccess, everything to app.cgi/path': (app) => `/front-${app}`,
    '.htaccess, everything to app.cgi': (app) => `/plain-${app}`,
  })
  common(site, 'cgi-bin')

  it.each(appNames)('Authorization passed on by .htaccess: %s', async (app) => {
    const { headers } = await echo(site(), app, `/auth-${app}`, '/-/echo', ['Authorization: Bearer t0ken'])
    expect(headers.authorization).toBe('Bearer t0ken')
  })

  it('Authorization withheld without CGIPassAuth', async () => {
    const { headers } = await echo(site(), 'express', '/site/express.cgi', '/-/echo', [
      'Authorization: Bearer t0ken',
    ])
    expect(headers).not.toHaveProperty('authorization')
  })

  it('Content-Length of a reply to HEAD, if Apache is configured to trust it', async () => {
    const head = (directory: string) =>
      request({ port: site().port }, { method: 'HEAD', target: `/${directory}/express.cgi/-/tag` })
    expect((await head('site')).header('content-length')).toBe('9')
    expect((await head('cgi-bin')).header('content-length')).toBeUndefined()
  })

  it('the directory itself is answered by DirectoryIndex', async () => {
    const reply = await request({ port: site().port }, { target: '/plain-express/' })
    // The app has no page for "/", and answers 404 itself.
    expect(reply.status).toBe(404)
    expect(reply.text).toContain('Cannot GET /')
  })

  it('cannot: an encoded slash in the path (Apache answers 404 unless AllowEncodedSlashes is set)', async () => {
    const reply = await request({ port: site().port }, { target: '/cgi-bin/express.cgi/-/echo/a%2Fb' })
    expect(reply.status).toBe(404)
  })
})

describe.skipIf(!needs('lighttpd'))('lighttpd', () => {
  const site = useSite(startLighttpd)
  places(site, {
    'by extension': byDirectory('site'),
    'a cgi-bin by alias': byDirectory('cgi-bin'),
    'everything rewritten to app.cgi': onlyExpress('/front-express'),
  })
  common(site, 'site')

  it('an encoded slash in the path', async () => {
    await echo(site(), 'express', '/site/express.cgi', '/-/echo/a%2Fb%2fc')
    await echo(site(), 'fetch', '/site/fetch.mjs', '/-/echo/a%2Fb%2fc')
  })
})

describe.skipIf(!needs('nginx', 'fcgiwrap'))('nginx and fcgiwrap', () => {
  const site = useSite(startNginx)
  places(site, {
    'a cgi-bin': byDirectory('cgi-bin'),
    'everything below a path to one script': onlyExpress('/front-express'),
  })
  common(site, 'cgi-bin')

  it('an encoded slash in the path', async () => {
    await echo(site(), 'express', '/cgi-bin/express.cgi', '/-/echo/a%2Fb%2fc')
    await echo(site(), 'fetch', '/cgi-bin/fetch.mjs', '/-/echo/a%2Fb%2fc')
  })
})
