/** An app gets the request that Apache, nginx and lighttpd decide to serve; an HTTP back end is the control. */

import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { request } from '../support/request.js'
import { useSite } from './site.js'
import { startApacheServed, startLighttpdServed, startNginxServed } from './sites/served.js'

async function seen(port: number, target: string, host = 'localhost') {
  const { status, text, error } = await request({ port }, { target, headers: [`Host: ${host}`] })
  expect(error).toBeUndefined()
  // The titles of error pages, by servers and by cgiup.
  const title = /<title>(.*?)<\/title>/.exec(text)?.[1]?.slice(0, 3)
  return `${status} ${title ?? text.split('\n', 1)[0]}`
}

describe.skipIf(!needs('apache2', 'spawn-fcgi'))('Apache', () => {
  const site = useSite(startApacheServed)

  it.concurrent.each([
    ['PROXY', '/x?a=1', '200 |/x?a=1'],
    ['PROXY', '/admin?a=1', '403 |/denied?e=403'],
    ['PROXY', '/old/x?a=1', '200 |/new/x?via=r&a=1'],
    // No variable contains the new path.
    ['PROXY', '/p/x?a=1', '200 /p|/x?a=1'],
    ['HTTP', '/admin?a=1', '200 |/denied?e=403'],
    ['HTTP', '/old/x?a=1', '200 |/new/x?via=r&a=1'],
    ['FRONT', '/x?a=1', '200 |/x?a=1'],
    ['FRONT', '/admin?a=1', '403 |/denied?e=403'],
    ['FRONT', '/go.cgi?/cgi-bin/a.mjs/target?x=1', '200 /cgi-bin/a.mjs|/target?x=1'],
    ['FRONT', '/go.cgi?/pretty?x=1', '200 |/pretty?x=1'],
    ['FRONT', '/page.shtml?outer=1', '200 /cgi-bin/a.mjs|/pi?page=two'],
    // Denied after a rewrite: REDIRECT_URL is then the denied path.
    ['FRONT', '/priv/x?a=1', '403 |/denied?e=403'],
    // A local redirect after a rewrite: REDIRECT_URL is then the script that redirected.
    ['FRONT', '/fine/x?a=1', '200 /cgi-bin/a.mjs|/'],
    ['INFO', '/x?a=1', '200 |/x?a=1'],
    ['INFO', '/admin?a=1', '403 |/denied?e=403'],
    ['INFO', '/go.cgi?/pretty?x=1', '200 |/pretty?x=1'],
    ['FALLBACK', '/x?a=1', '200 |/x?a=1'],
    ['FALLBACK', '/admin?a=1', '403 /index.mjs|/?e=403'],
    ['PAGES', '/missing/5?a=1', '200 |/missing/5?a=1'],
    ['PAGES', '/admin?a=1', '403 /index.mjs|/'],
    ['PAGES', '/priv/x?a=1', '403 /index.mjs|/'],
    ['PAGES', '/admin%2fx', '404 404 Not Found'],
    ['PAGES', '/item/5?sort=up', '200 |/item/5?id=5&sort=up'],
    ['PAGES', '/show/5?sort=up', '200 /index.mjs|/detail/5?id=5&sort=up'],
    ['BELOW', '/missing?q=2', '404 /cgi-bin/a.mjs|/err?code=404'],
    ['BELOW', '/admin?q=2', '418 /cgi-bin/a.mjs|/teapot?code=403'],
    ['BELOW', '/page.shtml?outer=1', '200 /cgi-bin/a.mjs|/pi?page=two'],
    ['HANDLER', '/', '200 |/'],
    ['HANDLER', '/admin?a=1', '403 /app.fcgi|/denied'],
    ['HANDLER', '/missing?a=1', '404 /app.fcgi|/nf'],
    ['WRAPPED', '/x?a=1', '200 |/x?a=1'],
    // [PT] comes before <Location>: SECURITY.md.
    ['WRAPPED', '/admin?a=1', '200 |/admin?a=1'],
    ['WRAPPED', '/bin/no/x', '404 /bin/app|/nf'],
    ['WRAPPED', '/bin/app/x?a=1', '200 /bin/app|/x?a=1'],
    ['BELOW', '/closed/x?a=1', '200 /closed|/x?a=1'],
    ['BELOW', '/closed/', '200 /closed|/'],
    ['BELOW', '/closed/admin/x', '418 /cgi-bin/a.mjs|/teapot?code=403'],
    // It cannot be requested by its own name.
    ['BELOW', '/closed/app.cgi', '418 /cgi-bin/a.mjs|/teapot?code=403'],
    ['BELOW', '/closed/app.cgi/admin/x', '418 /cgi-bin/a.mjs|/teapot?code=403'],
    ['BELOW', '/closed//app%2ecgi/admin/x', '418 /cgi-bin/a.mjs|/teapot?code=403'],
    // Four and more redirects; REDIRECT_URL is an absolute URL there.
    ['DEEP', '/a/x?a=1', '200 |/a/x?a=1'],
    ['DEEP', '/go.cgi?/a/x?b=1', '200 |/d/x?b=1'],
    ['DEEP', '/admin?a=1', '403 |/d/denied'],
  ])('%s: %s', async (way, target, wanted) => {
    expect(await seen(site().ports[way] as number, target), site().log()).toBe(wanted)
  })
})

describe.skipIf(!needs('nginx', 'spawn-fcgi'))('nginx', () => {
  const site = useSite(startNginxServed)

  it.concurrent.each([
    ['ROOTED', '/x?a=1', '200 |/x?a=1'],
    ['ROOTED', '/admin?a=1', '403 |/denied.html?e=403'],
    ['ROOTED', '/old/x?a=1', '200 |/new/x?via=r&a=1'],
    ['ROOTED', '/private/x', '401 401'],
    ['ROOTED', '/accel?a=1', '200 |/files/1?z=2'],
    ['ROOTED', '/page.shtml?outer=1', '200 |/cgi-bin/a.mjs/pi?page=two'],
    ['ROOTED', '/nf?a=1', '200 |/nf?a=1'],
    ['ROOTED', '/v2/lib/x.js?a=1', '200 |/lib/x.js?a=1'],
    ['ROOTED', '/v2/lib/x%2ejs', '200 |/lib/x.js'],
    ['ROOTED', '/fixed/x?a=1', '200 |/fixed/x?a=1'],
    ['ROOTED', '/oldfixed/x?a=1', '200 |/fixed/x?a=1'],
    ['ROOTED', '/fixed/admin/x?a=1', '403 |/fixed/denied'],
    ['ROOTED', '/mounted/x?a=1', '200 |/mounted/x?a=1'],
    ['HTTP', '/admin?a=1', '403 |/denied.html?e=403'],
    ['HTTP', '/old/x?a=1', '200 |/new/x?via=r&a=1'],
    ['HTTP', '/page.shtml?outer=1', '200 |/cgi-bin/a.mjs/pi?page=two'],
    ['FRONT', '/x?a=1', '200 |/x?a=1'],
    ['FRONT', '/t2/x?a=1', '200 |/t2/x?q=/t2/x&a=1'],
    // All variables are the same as for a request for /admin: see RECIPE.
    ['FRONT', '/admin?a=1', '403 |/admin?a=1'],
    ['SCGI', '/x?a=1', '200 |/x?a=1'],
    ['SCGI', '/admin?a=1', '403 |/denied.html?e=403'],
    ['SCGI', '/old/x?a=1', '200 |/new/x?via=r&a=1'],
    ['RECIPE', '/x?a=1', '200 |/x?a=1'],
    ['RECIPE', '/admin/x?a=1', '403 |/denied'],
    ['STATUS', '/x?a=1', '200 |/x?a=1'],
    ['STATUS', '/admin/x?a=1', '403 /index.mjs|/'],
    ['RECIPE', '/members/x?a=1', '401 401'],
    ['RECIPE', '/accel?a=1', '200 |/files/1?z=2'],
    ['NAMED', '/admin/x?a=1', '403 403 Forbidden'],
    // The "=" clears the status but keeps the path: nothing shows that it was denied.
    ['NAMED', '/cleared/x', '200 |/cleared/x'],
    ['TARGET', '/said/x', '401 401'],
    ['TARGET', '/script/x', '401 401'],
    ['TARGET', '/x?a=1', '200 |/x?a=1'],
  ])('%s: %s', async (way, target, wanted) => {
    expect(await seen(site().ports[way] as number, target), site().log()).toBe(wanted)
  })

  it.each([
    ['ROOTED', '/private/x?a=1'],
    ['RECIPE', '/members/x?a=1'],
    ['TARGET', '/said/x?a=1'],
    ['TARGET', '/script/x?a=1'],
  ])('auth_request lets in whom the app at /auth lets in: %s, %s', async (way, target) => {
    const { ports } = site()
    const reply = await request({ port: ports[way] as number }, { target, headers: ['X-Pass: yes'] })
    expect(reply.text, site().log()).toBe(`|${target}\n`)
  })
})

describe.skipIf(!needs('lighttpd', 'spawn-fcgi'))('lighttpd', () => {
  const site = useSite(startLighttpdServed)

  it.concurrent.each([
    ['fastcgi', '/x?a=1', '200 |/x?a=1'],
    ['fastcgi', '/admin?a=1', '403 |/denied?e=403'],
    ['fastcgi', '/old/x?a=1', '200 |/new/x?a=1?via=r'],
    ['notfound', '/miss/5?a=1', '200 |/miss/5?a=1'],
    ['notfound', '/admin?a=1', '403 /index.mjs|/'],
    ['handler', '/miss/5?a=1', '200 |/miss/5?a=1'],
    ['handler', '/admin?a=1', '403 /index.mjs|/'],
    ['below', '/miss/5?a=1', '404 /index.mjs|/nf?c=1'],
    ['below', '/admin?a=1', '403 /index.mjs|/nf?c=1'],
    ['rewrite', '/miss/5?a=1', '200 |/miss/5?a=1'],
    ['rewrite', '/admin?a=1', '403 /index.mjs|/'],
  ])('%s: %s', async (host, target, wanted) => {
    expect(await seen(site().port, target, host), site().log()).toBe(wanted)
  })
  it('an Authorizer is asked for the path that a rewrite leads to', async () => {
    const ask = (target: string, ...headers: string[]) =>
      request(site(), { target, headers: ['Host: authorizer', ...headers] })
    for (const target of ['/private/page.txt', '/pub/page.txt']) {
      // The app's door is at /private/page.txt.
      expect((await ask(target)).status, site().log()).toBe(401)
      expect((await ask(target, 'X-Pass: yes')).text, site().log()).toBe('the page\n')
    }
  })
})
