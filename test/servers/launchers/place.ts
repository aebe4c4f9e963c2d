/** An app file for programs that start it on a socket that they opened, and requests over that socket. */

import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll } from 'vitest'
import { loadApp } from '../../fastcgi/load.js'
import { get, Peer } from '../../fastcgi/peer.js'
import { removeTempDir } from '../../support/temp.js'
import { repository } from '../docroot.js'

/** Created for the first test: a file whose tests are all skipped leaves nothing behind. */
export const directory = join(realpathSync(tmpdir()), `launch-${process.pid}-${Date.now()}`)

/** The environment that launchers pass on. */
export const env = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, LANG: 'C.UTF-8' }

const from = pathToFileURL(join(repository, 'dist/index.js')).href

/** Answers every request, and `/slow` once the file named in its query exists. Reports when it has ended. */
export const app = join(directory, 'app.mjs')
const source = `#!/usr/bin/env node
import { appendFileSync, existsSync } from 'node:fs'
import { run } from '${from}'
process.on('exit', (code) => appendFileSync('${directory}/exits', process.pid + ' ' + code + '\\n'))
console.log('printed')
const pause = () => new Promise((resolve) => setTimeout(resolve, 5))
async function slow(request) {
  const at = new URL(request.url).searchParams.get('at')
  appendFileSync(at + '.begun', String(process.pid))
  while (!existsSync(at)) await pause()
  return new Response('slow ' + process.pid)
}
const fast = ${loadApp.replace('await run(', '').replace(/\)\n$/, '')}
await run({ fetch: (request) => (request.url.includes('/slow') ? slow(request) : fast.fetch(request)) })
appendFileSync('${directory}/serving', process.pid + '\\n')
`

beforeAll(() => {
  mkdirSync(directory, { mode: 0o755 })
  writeFileSync(app, source, { mode: 0o755 })
})
afterAll(() => removeTempDir(directory))

/** An app that never starts to serve. It creates a file once it has begun. */
export const loading = (begun: string): string => `#!/usr/bin/env node
import { writeFileSync } from 'node:fs'
import { run } from '${from}'
writeFileSync('${begun}', '')
await new Promise((resolve) => setTimeout(resolve, 60_000))
await run({ fetch: () => new Response() })
`

/** How a process ended: its exit code; undefined while it runs and if a signal killed it. */
export function exitOf(pid: number): number | undefined {
  const line = new RegExp(`^${pid} (\\d+)$`, 'm').exec(told('exits'))
  return line === null ? undefined : Number(line[1])
}

/** All processes that have started to serve, in that order. */
export const serving = (): number[] => told('serving').trim().split('\n').filter(Boolean).map(Number)

function told(name: string): string {
  try {
    return readFileSync(join(directory, name), 'utf8')
  } catch {
    return ''
  }
}

/** The process that answers a request on a new connection. */
export async function answering(place: string | number): Promise<number> {
  const peer = new Peer(place)
  peer.send(get(1, ['REQUEST_URI', '/'], false))
  const { stdout } = await peer.ended(1)
  peer.socket.destroy()
  return Number(/^x-pid: (\d+)/im.exec(stdout)?.[1])
}
