/** An in-process FastCGI server for tests, and handlers that many of them use. */
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import type { Body, Exchange, Handler, Reply } from '../../src/core/exchange.js'
import { Connection } from '../../src/fastcgi/server/connection.js'
import type { ServiceOptions } from '../../src/serve/limits.js'
import { Service } from '../../src/serve/service.js'
import { createWireServer } from '../../src/socket/wire-server.js'
import { tempDir } from '../support/temp.js'
import { Peer } from './peer.js'

export const text = (body: Reply['body'], status = 200): Reply => ({
  status,
  headers: ['Content-Type', 'text/plain'],
  body,
})

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

let sockets = 0
let dir: string | undefined

/** Serves a handler on a Unix socket until the end of the test. */
export const serve = async (handler: Handler, options: ServiceOptions = {}) => {
  const log: string[] = []
  dir ??= tempDir('cgiup')
  const path = join(dir, `s${sockets++}`)
  const service = new Service(handler, { stderr: (line: string) => log.push(line), ...options })
  const server = createWireServer((wire) => new Connection(wire, service))
  server.listen(path)
  await once(server, 'listening')
  const stop = async (graceMs: number) => {
    const closed = new Promise((resolve) => server.close(resolve))
    await service.stop(graceMs)
    await closed
  }
  cleanups.push(() => stop(0))
  const peer = (allowHalfOpen = false) => {
    const p = new Peer(path, allowHalfOpen)
    cleanups.push(() => p.socket.destroy())
    return p
  }
  return { stop, peer, log, service, path }
}

/** An event that a test triggers. */
export const gate = () => {
  let open!: () => void
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, passed }
}

export const readBody = async (body: Body): Promise<string> => {
  let all = ''
  for (let piece = await body.read(); piece !== null; piece = await body.read())
    all += Buffer.from(piece).toString('latin1')
  return all
}

export const readAll = ({ stdin }: Exchange): Promise<string> => readBody(stdin)

export const echo: Handler = async (exchange) => text(await readAll(exchange))
