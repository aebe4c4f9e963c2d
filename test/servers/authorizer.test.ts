/** The FastCGI role Authorizer as web servers use it (the app is the one of docs/fastcgi.md). */

import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { needs, which } from '../support/needs.js'
import { request } from '../support/request.js'
import { startServer } from '../support/server-process.js'
import { repository } from './docroot.js'
import { startResponder } from './responder.js'
import { environment, type Frame, makeFrame, root, type Site, site, useSite, writeConfig } from './site.js'

const guide = readFileSync(join(repository, 'docs/fastcgi.md'), 'utf8')
const door = /```js\n(#!\/usr\/bin\/env node\n[\s\S]*?)```/.exec(guide)?.[1] ?? ''

const sha = (text = '') => createHash('sha1').update(text).digest('base64')

function place({ docroot }: Frame): string {
  const directory = join(docroot.path, 'guarded')
  mkdirSync(directory)
  mkdirSync(join(docroot.path, 'empty'))
  writeFileSync(join(directory, 'door.mjs'), door)
  chmodSync(join(directory, 'door.mjs'), 0o755)
  const users = ['Aladdin:open sesame', 'Cassim:riches'].map((one) => one.split(':'))
  writeFileSync(
    join(docroot.path, 'users'),
    users.map(([name, password]) => `${name}:{SHA}${sha(password)}\n`).join(''),
  )
  writeFileSync(join(directory, 'page.txt'), 'the page\n')
  writeFileSync(join(directory, 'env.sh'), `printf 'Content-Type: text/plain\\n\\nvisitor %s' "$VISITOR"\n`)
  return join(directory, 'door.mjs')
}

async function startApache(): Promise<Site> {
  const frame = await makeFrame(['DOOR'])
  const { port, run, ports } = frame
  const file = place(frame)
  const config = writeConfig(frame, 'apache-authorizer.conf', [], {
    MODULES: '/usr/lib/apache2/modules',
    USER: root ? 'User www-data\nGroup www-data' : '',
  })
  const app = await startResponder(frame, {
    file,
    server: 'fastcgi',
    listens: { port: ports.DOOR as number },
  })
  const args = ['-f', config, '-D', 'FOREGROUND']
  const options = { listens: { port }, env: environment(frame), cwd: run }
  try {
    const server = await startServer(which('apache2') ?? 'apache2', args, options)
    return site(frame, [server, app])
  } catch (error) {
    await app.stop()
    throw error
  }
}

async function startLighttpd(): Promise<Site> {
  const frame = await makeFrame()
  const { port, run } = frame
  place(frame)
  const user = root ? 'server.username = "www-data"\nserver.groupname = "www-data"' : ''
  const config = writeConfig(frame, 'lighttpd-authorizer.conf', [], { USER: user })
  const options = { listens: { port }, env: environment(frame), cwd: run }
  const server = await startServer(which('lighttpd') ?? 'lighttpd', ['-D', '-f', config], options)
  return site(frame, [server])
}

const basic = (text: string) => [`Authorization: Basic ${Buffer.from(text).toString('base64')}`]
const right = basic('Aladdin:open sesame')

describe.skipIf(!needs('apache2'))('Apache', () => {
  const running = useSite(startApache)

  it.each([
    ['mod_fcgid, FcgidAccessChecker', '/fcgid/page.txt'],
    ['mod_fcgid, FcgidAuthenticator', '/authenticator/page.txt'],
    ['mod_fcgid, FcgidAuthorizer', '/authorizer/page.txt'],
    ['mod_authnz_fcgi', '/authnz/page.txt'],
  ])('%s', async (_, target) => {
    const { port } = running()
    const page = await request({ port }, { target, headers: right })
    expect(page, running().log()).toMatchObject({ status: 200, text: 'the page\n', complete: true })
    expect(page.header('x-visitor')).toBe('Aladdin')
    // Apache accepts the last user's password, the app rejects the user.
    for (const headers of [[], basic('Aladdin:wrong'), basic('Cassim:riches')]) {
      const refused = await request({ port }, { target, headers })
      expect(refused.status, running().log()).toBe(401)
      expect(refused.header('www-authenticate')).toBe('Basic realm="guarded"')
    }
  })
})

describe.skipIf(!needs('lighttpd'))('lighttpd', () => {
  const running = useSite(startLighttpd)

  it('mode "authorizer": static files and scripts behind it', async () => {
    const { port } = running()
    const page = await request({ port }, { target: '/page.txt', headers: right })
    expect(page, running().log()).toMatchObject({ status: 200, text: 'the page\n', complete: true })
    const script = await request({ port }, { target: '/env.sh', headers: right })
    expect(script, running().log()).toMatchObject({ status: 200, text: 'visitor Aladdin' })
    for (const headers of [[], basic('Aladdin:wrong')]) {
      const refused = await request({ port }, { target: '/page.txt', headers })
      expect(refused, running().log()).toMatchObject({ status: 401, text: 'Who are you?\n' })
    }
  })
})
