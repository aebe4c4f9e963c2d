/** A persistent process: one listening socket, any of three protocols, one service behind it. */
import { type AddressInfo, createServer, type Server } from 'node:net'
import type { Handler } from '../exchange.js'
import type { AccessEntry, HttpAcceptor } from '../http/server.js'
import type { ServiceOptions } from '../server/limits.js'
import { type Listening, type ListenOptions, listen } from '../server/listen.js'
import { Service } from '../server/service.js'
import { type AdmissionOptions, admission } from './admission.js'
import { Gate, type Protocol } from './gate.js'

export interface DaemonOptions extends ListenOptions, ServiceOptions, AdmissionOptions {
  /** What may be spoken. Default all three, told by the first byte of each connection. */
  readonly protocols?: readonly Protocol[]
  /** Called once for each HTTP request, when its reply has ended. */
  readonly log?: (entry: AccessEntry) => void
}

export interface Daemon {
  /** `unix:/run/app.sock`, `http://127.0.0.1:9000`. */
  readonly url: string
  readonly address: AddressInfo | string
  /** Requests that are being served. */
  readonly running: number
  /**
   * Stops accepting, ends idle connections, lets running requests and the work after them end.
   *
   * @param graceMs how long they may take, in milliseconds; then they are broken off. Default 30000.
   */
  close(graceMs?: number): Promise<void>
}

/**
 * Serves a handler over FastCGI, SCGI and HTTP on one socket. Resolves when it listens.
 *
 * @throws UsageError LISTEN_TAKEN, LISTEN_FAILED, USAGE
 */
export async function serveDaemon(handler: Handler, options: DaemonOptions = {}): Promise<Daemon> {
  const protocols = options.protocols ?? ['fastcgi', 'scgi', 'http']
  const service = new Service(handler, options)
  const allowed = admission(options)
  const http = protocols.includes('http') ? await httpAcceptor(handler, options) : null
  const gate = new Gate(service, protocols, http)
  const server = createServer({ noDelay: true }, (socket) => {
    const refusal = allowed(socket)
    if (refusal === null) gate.accept(socket)
    else {
      service.log(refusal)
      socket.destroy()
    }
  })
  const place = await listen(server, options)
  server.on('error', (error) => service.log(`cannot accept: ${error.message}`))
  let closed: Promise<void> | undefined
  return {
    url: place.url,
    address: place.address,
    get running() {
      return service.running
    },
    close(graceMs = 30_000) {
      closed ??= close(server, place, service, http, graceMs)
      return closed
    },
  }
}

async function httpAcceptor(handler: Handler, options: DaemonOptions): Promise<HttpAcceptor> {
  const { acceptHttp } = await import('../http/server.js')
  const { onError, stderr, log, maxBodyBytes } = options
  return acceptHttp(handler, {
    ...(onError && { onError }),
    ...(stderr && { stderr }),
    ...(log && { log }),
    ...(maxBodyBytes !== undefined && { maxBodyBytes }),
  })
}

async function close(
  server: Server,
  place: Listening,
  service: Service,
  http: HttpAcceptor | null,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  await place.cleanUp()
  await Promise.all([service.stop(graceMs), http?.close({ graceMs }), closed])
}
