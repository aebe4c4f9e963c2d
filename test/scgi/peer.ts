/** A web server's side of SCGI, for tests, and an SCGI server to talk to. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import type { Exchange, Handler, Reply } from '../../src/core/exchange.js'
import { ScgiConnection } from '../../src/scgi/server/connection.js'
import type { ServiceOptions } from '../../src/serve/limits.js'
import { Service } from '../../src/serve/service.js'
import { createWireServer } from '../../src/socket/wire-server.js'

/** The head of a request, Latin-1; CONTENT_LENGTH and SCGI come first. */
export const encodeScgiHead = (params: readonly string[], contentLength: number): string => {
  let text = `CONTENT_LENGTH\0${contentLength}\0SCGI\x001\0`
  for (let i = 0; i + 1 < params.length; i += 2) {
    const name = params[i] as string
    if (name !== 'CONTENT_LENGTH' && name !== 'SCGI') text += `${name}\0${params[i + 1]}\0`
  }
  return `${text.length}:${text},`
}

/** A complete request; POST if it has a body. */
export const scgiRequest = (body = '', announced = body.length): string =>
  encodeScgiHead(['REQUEST_METHOD', announced ? 'POST' : 'GET', 'REQUEST_URI', '/'], announced) + body

export const textReply = (body: Reply['body'], status = 200): Reply => ({
  status,
  headers: ['Content-Type', 'text/plain'],
  body,
})

/** Answers with the body of the request. */
export const echo: Handler = async ({ stdin }: Exchange) => {
  const pieces: Uint8Array[] = []
  for (let piece = await stdin.read(); piece !== null; piece = await stdin.read()) pieces.push(piece)
  return textReply(Buffer.concat(pieces))
}

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

/** An in-process SCGI server, until the end of the test. @param tcp listen on a port, not on a Unix socket */
export const serveScgi = async (handler: Handler, options: ServiceOptions = {}, tcp = false) => {
  const log: string[] = []
  const dir = await mkdtemp(join(tmpdir(), 'cgiup-test-'))
  cleanups.push(() => rm(dir, { recursive: true }))
  const service = new Service(handler, { stderr: (line: string) => log.push(line), ...options })
  const server = createWireServer((wire) => new ScgiConnection(wire, service))
  if (tcp) server.listen(0, '127.0.0.1')
  else server.listen(join(dir, 's'))
  await once(server, 'listening')
  cleanups.push(async () => {
    server.close()
    await service.stop(0)
  })
  const open = (): Socket => {
    const { port = 0 } = tcp ? (server.address() as AddressInfo) : {}
    const socket = tcp ? connect(port, '127.0.0.1') : connect(join(dir, 's'))
    cleanups.push(async () => socket.destroy())
    return socket.on('error', () => {})
  }
  return { open, log, service }
}

/** Everything that arrives until the connection closes. */
export const all = async (socket: Socket): Promise<string> => {
  let got = ''
  socket.on('data', (chunk) => {
    got += chunk.toString('latin1')
  })
  await once(socket, 'close')
  return got
}

/** The complete reply to these bytes. */
export const ask = (socket: Socket, bytes: string): Promise<string> => {
  socket.write(bytes, 'latin1')
  return all(socket)
}

/** Keeps writing until the peer has fully closed: after it has read the end, only a failed write shows that. */
export const writeUntilClosed = async (socket: Socket): Promise<void> => {
  let closed = false
  socket.on('close', () => {
    closed = true
  })
  while (!closed) {
    socket.write('x')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
