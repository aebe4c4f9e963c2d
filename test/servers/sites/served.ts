/**
 * Apache, nginx and lighttpd serving a path other than the requested one, with an HTTP back end as the
 * control.
 */

import { chmodSync, copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { which } from '../../support/needs.js'
import { startServer } from '../../support/server-process.js'
import { inFront, socketOf, startAll, startResponder } from '../responder.js'
import { environment, type Frame, type Member, makeFrame, root, type Site, writeConfig } from '../site.js'
import { withCgid } from './cgid.js'

const here = dirname(fileURLToPath(import.meta.url))
const fixtures = join(here, '../../fixtures/served')
const config = join(here, '../config')

/**
 * The app under every name by which it is called; behind FastCGI and SCGI the process runs another file of
 * that type.
 */
function placeApps(frame: Frame): string {
  const directory = join(frame.docroot.path, 'served')
  cpSync(fixtures, directory, { recursive: true })
  mkdirSync(join(directory, 'cgi-bin'))
  const app = join(directory, 'index.mjs')
  for (const name of ['cgi-bin/a.mjs', 'app.fcgi']) copyFileSync(app, join(directory, name))
  for (const name of ['index.mjs', 'go.cgi', 'cgi-bin/a.mjs', 'app.fcgi'])
    chmodSync(join(directory, name), 0o755)
  // A program without extension, which is not the file that Node runs.
  mkdirSync(join(directory, 'bin'))
  writeFileSync(join(directory, 'bin/app'), `#!/bin/sh\nexec '${app}'\n`, { mode: 0o755 })
  mkdirSync(join(directory, 'closed'))
  copyFileSync(join(directory, 'bin/app'), join(directory, 'closed/app.cgi'))
  chmodSync(join(directory, 'closed/app.cgi'), 0o755)
  copyFileSync(join(config, 'htaccess-front-closed'), join(directory, 'closed/.htaccess'))
  mkdirSync(join(directory, 'private'))
  writeFileSync(join(directory, 'private/page.txt'), 'the page\n')
  return app
}

/** The request that an HTTP back end gets. */
async function startControl(): Promise<Member & { readonly port: number }> {
  const server = createServer((req, res) => res.end(`|${req.url}\n`))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    return []
  }
  return { port: (server.address() as AddressInfo).port, output: () => '', stop }
}

type Values = Record<string, string>

/**
 * @param start starts the web server, once the apps and the control are running
 * @param targets values of the option `target`: an app for each, besides the one without it
 */
async function startServed(
  names: readonly string[],
  start: (frame: Frame, values: Values) => Promise<Member>,
  targets: readonly string[] = [],
): Promise<Site> {
  const frame = await makeFrame(names)
  const file = placeApps(frame)
  const control = await startControl()
  const at = (name: string) => ({ path: socketOf(frame, name) })
  const withTarget = (name: string) =>
    startResponder(frame, { file, server: 'fastcgi', listens: at(name), args: ['--target', name] })
  const starts = [
    () => startResponder(frame, { file, listens: at('served') }),
    ...targets.map((name) => () => withTarget(name)),
  ]
  const apps = await startAll(starts).catch(async (error) => {
    await control.stop()
    throw error
  })
  const values = {
    APPSOCK: at('served').path,
    SCRIPTSOCK: at('script').path,
    URISOCK: at('request-uri').path,
    CONTROL: String(control.port),
  }
  return inFront(frame, [...apps, control], () => start(frame, values))
}

const all = (frame: Frame) => Object.values(frame.ports).map((port) => ({ port }))

export const startApacheServed = (): Promise<Site> =>
  startServed(
    ['PROXY', 'HTTP', 'FRONT', 'INFO', 'FALLBACK', 'PAGES', 'BELOW', 'HANDLER', 'WRAPPED', 'DEEP'],
    async (frame, values) => {
      const file = writeConfig(frame, 'served-apache-frame.conf', [], {
        ...values,
        MODULES: '/usr/lib/apache2/modules',
        USER: root ? 'User www-data\nGroup www-data' : '',
      })
      const server = await startServer(which('apache2') ?? 'apache2', ['-f', file, '-D', 'FOREGROUND'], {
        listens: all(frame),
        env: environment(frame),
        cwd: frame.run,
      })
      return withCgid(server, frame.run)
    },
  )

export const startNginxServed = (): Promise<Site> =>
  startServed(
    ['ROOTED', 'FRONT', 'HTTP', 'SCGI', 'RECIPE', 'STATUS', 'NAMED', 'TARGET'],
    (frame, values) => {
      const user = root ? 'user www-data;' : ''
      const file = writeConfig(frame, 'served-nginx-frame.conf', ['nginx-fastcgi-denied.conf'], {
        ...values,
        USER: user,
      })
      const args = ['-e', join(frame.run, 'error.log'), '-p', frame.run, '-c', file]
      return startServer(which('nginx') ?? 'nginx', args, {
        listens: all(frame),
        env: environment(frame),
        cwd: frame.run,
      })
    },
    ['script', 'request-uri'],
  )

export const startLighttpdServed = (): Promise<Site> =>
  startServed([], (frame, values) => {
    const user = root ? 'server.username = "www-data"\nserver.groupname = "www-data"' : ''
    const file = writeConfig(frame, 'served-lighttpd-frame.conf', [], { ...values, USER: user })
    return startServer(which('lighttpd') ?? 'lighttpd', ['-D', '-f', file], {
      listens: { port: frame.port },
      env: environment(frame),
      cwd: frame.run,
    })
  })
