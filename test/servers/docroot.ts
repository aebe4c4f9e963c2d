/** A document root with the test apps in every place where a server finds scripts. */

import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tempDir } from '../support/temp.js'
import { provideNode, providePackages } from './packages.js'

const here = dirname(fileURLToPath(import.meta.url))
export const repository = resolve(here, '../..')
export const configDirectory = join(here, 'config')
const fixtures = join(here, '../fixtures/apps')

/** The frameworks, and their type of script: `.cgi` is CommonJS, `.mjs` an ES module. */
export const scripts = {
  fetch: 'fetch.mjs',
  hono: 'hono.mjs',
  express: 'express.cgi',
  koa: 'koa.cgi',
  fastify: 'fastify.cgi',
} as const

export type AppName = keyof typeof scripts

/** The same for persistent processes: `.fcgi` is CommonJS for Node. */
export const fcgiScripts: Readonly<Record<AppName, string>> = {
  fetch: 'fetch.mjs',
  hono: 'hono.mjs',
  express: 'express.fcgi',
  koa: 'koa.fcgi',
  fastify: 'fastify.fcgi',
}

export const appNames = Object.keys(scripts) as AppName[]

/** Front controllers of shared hosting: prefix of the directory and its .htaccess. */
const fronts = {
  front: 'htaccess-front-pathinfo',
  plain: 'htaccess-front',
  auth: 'htaccess-front-authorization',
}

export interface Docroot {
  readonly path: string
  /** PATH for the server, so that scripts find `node` and `cgiup`. */
  readonly searchPath: string
  /** A new directory that scripts may write to. */
  scratch(): string
}

export function makeDocroot(): Docroot {
  const path = tempDir('docroot')
  providePackages(repository, ['express', 'koa', 'fastify', 'hono'], join(path, 'node_modules'))
  mkdirSync(join(path, 'bin'))
  symlinkSync('../node_modules/cgiup/bin/cgiup.js', join(path, 'bin/cgiup'))
  provideNode(join(path, 'bin'))
  for (const place of ['cgi-bin', 'site']) {
    mkdirSync(join(path, place))
    for (const script of [...Object.values(scripts), 'default.cgi', 'plain.cgi'])
      placeScript(script, join(path, place, script))
    copyFileSync(join(fixtures, 'common.cjs'), join(path, place, 'common.cjs'))
  }
  for (const [prefix, htaccess] of Object.entries(fronts)) {
    for (const name of appNames) makeFront(path, `${prefix}-${name}`, scripts[name], htaccess)
  }
  makeFcgi(path)
  makeSuite(path)
  const scratch = join(path, 'scratch')
  mkdirSync(scratch)
  let count = 0
  return {
    path,
    searchPath: `${join(path, 'bin')}:${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
    scratch() {
      const directory = join(scratch, String(++count))
      mkdirSync(directory)
      chmodSync(directory, 0o777)
      return directory
    },
  }
}

function placeScript(script: string, target: string): void {
  copyFileSync(join(fixtures, script), target)
  chmodSync(target, 0o755)
}

function makeFront(root: string, name: string, script: string, htaccess: string): void {
  const directory = join(root, name)
  mkdirSync(directory)
  const text = readFileSync(join(configDirectory, htaccess), 'utf8')
  const own = text.includes('.fcgi') ? '.fcgi' : '.cgi'
  const extension = script.slice(script.lastIndexOf('.')).replace('.cgi', own)
  placeScript(script, join(directory, `app${extension}`))
  copyFileSync(join(fixtures, 'common.cjs'), join(directory, 'common.cjs'))
  writeFileSync(join(directory, '.htaccess'), text.replaceAll(own, extension))
}

/** The apps as scripts that are started once: `fcgi/`, and front controllers of their directory. */
function makeFcgi(root: string): void {
  const directory = join(root, 'fcgi')
  mkdirSync(directory)
  for (const script of [...Object.values(scripts), 'default.cgi'])
    placeScript(script, join(directory, script.replace('.cgi', '.fcgi')))
  copyFileSync(join(fixtures, 'common.cjs'), join(directory, 'common.cjs'))
  for (const name of appNames) makeFront(root, `fcgid-${name}`, scripts[name], 'htaccess-front-fcgid')
}

/** The apps of the shared behaviour suite, as scripts. */
function makeSuite(root: string): void {
  const directory = join(root, 'suite')
  mkdirSync(directory)
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
  for (const name of ['apps.js', 'upload.js'])
    copyFileSync(join(here, '../cases', name), join(directory, name))
  for (const style of ['fetch', 'node']) {
    const text = readFileSync(join(here, `../cases/${style}.js`), 'utf8')
    writeFileSync(join(directory, `${style}.mjs`), `#!/usr/bin/env node\n${text}`, { mode: 0o755 })
  }
}
