import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { tempDir } from '../support/temp.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

export const cgi = {
  GATEWAY_INTERFACE: 'CGI/1.1',
  REQUEST_METHOD: 'GET',
  REQUEST_URI: '/x',
  SCRIPT_NAME: '',
  PATH_INFO: '/x',
  SERVER_NAME: 'localhost',
  SERVER_PORT: '80',
  SERVER_PROTOCOL: 'HTTP/1.1',
}

export const app = `{ fetch: (request) => new Response('at ' + new URL(request.url).pathname) }`
export const common = `const { run } = require('cgiup')\nrun(${app})`
export const answered = /^Status: 200 OK\r\n[\s\S]*\r\n\r\nat \/x$/

/** The package as it is installed: built files, in node_modules. */
export function install() {
  const place = tempDir('installed')
  const dist = join(place, 'node_modules/cgiup/dist')
  mkdirSync(dist, { recursive: true })
  for (const name of ['dist', 'package.json']) {
    cpSync(join(root, name), join(place, 'node_modules/cgiup', name), {
      recursive: true,
      filter: (file) => !file.includes('.cache'),
    })
  }
  return { place, dist, cache: join(dist, '.cache') }
}

export interface RunAs {
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  /** The user id to run as; only root may choose. */
  readonly uid?: number
  /** Program and arguments before `node`. */
  readonly under?: readonly string[]
  /** Default: the Node that runs the tests. */
  readonly node?: string
}

/** The stdout of a program; the program must succeed. */
export function runIn(place: string, name: string, code: string, as: RunAs = {}): string {
  writeFileSync(join(place, name), code)
  const { env = cgi, args = [], under = [], node = process.execPath, uid } = as
  const [command = node, ...rest] = [...under, node, ...args, join(place, name)]
  const { stdout, stderr, status } = spawnSync(command, rest, {
    env: { PATH: process.env.PATH ?? '', ...env },
    input: '',
    encoding: 'utf8',
    ...(uid !== undefined && { uid, gid: uid }),
  })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout
}
