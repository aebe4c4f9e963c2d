/** A host for tests: real sockets, real scripts, and all its output recorded. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach } from 'vitest'
import type { Handler } from '../../src/core/exchange.js'
import type { AccessEntry, HttpOptions, HttpServer } from '../../src/http/server/server.js'
import { serveHttp } from '../../src/http/server/server.js'
import { type RawRequest, request, send } from '../support/request.js'
import { tempDir } from '../support/temp.js'
import type { Wire, WireReply } from '../support/wire.js'

export const fixtures = fileURLToPath(new URL('../fixtures/cgi-bin', import.meta.url))

export interface TestHost {
  readonly server: HttpServer
  readonly port: number
  readonly url: string
  /** Everything written to stderr so far. */
  stderr(): string
  readonly entries: AccessEntry[]
  get(target: string, more?: RawRequest): Promise<WireReply>
  /** Sends a request; the caller reads the reply. */
  open(more: RawRequest): Promise<Wire>
}

const open: HttpServer[] = []

afterEach(async () => {
  for (const server of open.splice(0)) await server.close({ graceMs: 50 })
})

export async function startHost(handler: Handler, options: HttpOptions = {}): Promise<TestHost> {
  let text = ''
  const entries: AccessEntry[] = []
  const server = await serveHttp(handler, {
    port: 0,
    stderr: (more) => {
      text += more
    },
    log: (entry) => {
      entries.push(entry)
    },
    ...options,
  })
  open.push(server)
  const { address } = server
  const port = typeof address === 'string' ? 0 : address.port
  const at = typeof address === 'string' ? { path: address } : { port }
  return {
    server,
    port,
    url: server.url,
    stderr: () => text,
    entries,
    get: (target, more = {}) => request(at, { target, ...more }),
    open: (more) => send(at, more),
  }
}

/** A directory of executable scripts (a string) and other files (a Buffer). */
export function scripts(files: Readonly<Record<string, string | Buffer>>): string {
  const directory = tempDir('cgi-bin')
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    if (typeof text === 'string') chmodSync(path, 0o755)
  }
  return directory
}

/** A shell script. */
export function sh(text: string): string {
  return `#!/bin/sh\n${text}\n`
}
