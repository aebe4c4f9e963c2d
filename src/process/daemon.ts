/** A persistent process: listening sockets, up to three protocols on them, and one service. */
import type { AddressInfo } from 'node:net'
import type { Handler } from '../core/exchange.js'
import { Connection } from '../fastcgi/server/connection.js'
import type { AccessEntry, HttpAcceptor } from '../http/server/server.js'
import { limitsOverHttp, type ServiceOptions } from '../serve/limits.js'
import { atProcessEnd } from '../serve/process-end.js'
import { Service } from '../serve/service.js'
import { type AdmissionOptions, admission } from '../socket/admission.js'
import { type Listening, type ListenOptions, listen } from '../socket/listen.js'
import type { HandOver } from '../socket/wire.js'
import { wireOn } from '../socket/wire-server.js'
import { Entrance } from './accept.js'
import { type Protocol, ProtocolGate } from './protocol-gate.js'

export interface DaemonOptions extends ListenOptions, ServiceOptions, AdmissionOptions {
  /** Accepted protocols. Default: all three, detected from the first byte of each connection. */
  readonly protocols?: readonly Protocol[]
  /** Sockets that already listen. All are served, and no other socket is opened. */
  readonly sockets?: readonly DaemonSocket[]
  /** Called once for each HTTP request, when its reply has ended. */
  readonly log?: (entry: AccessEntry) => void
}

interface DaemonSocket {
  readonly fd: number
  /** Accepted protocols on this socket. Default: {@link DaemonOptions.protocols}. */
  readonly protocols?: readonly Protocol[]
  /** Accepted protocols if it is a TCP socket. Default: its {@link protocols}. */
  readonly protocolsOverTcp?: readonly Protocol[]
  /** The socket's path belongs to this process alone, and is removed when it stops. Default false. */
  readonly ownPath?: boolean
}

export interface Daemon {
  /**
   * URL of the first socket: `unix:/run/app.sock`, `http://127.0.0.1:8080`; over TCP without HTTP
   * `fcgi://127.0.0.1:9000` or `scgi://127.0.0.1:4000`, as Apache writes them.
   */
  readonly url: string
  readonly address: AddressInfo | string
  /** Number of requests in progress. */
  readonly running: number
  /**
   * Stops accepting, closes idle connections, and waits for running requests and their background work.
   *
   * @param graceMs how long they may take, in milliseconds; then they are aborted. Default 30000.
   * @param handOver passes kept FastCGI connections to another process, which continues with them
   */
  close(graceMs?: number, handOver?: HandOver): Promise<void>
  /** Takes over a kept FastCGI connection from another process. */
  adopt(handle: object): void
}

/** A socket that is served. */
interface Open {
  readonly entrance: Entrance
  readonly place: Listening
  readonly fd: number | undefined
}

/**
 * Serves a handler over FastCGI, SCGI and HTTP. Resolves when it listens.
 *
 * @throws UsageError LISTEN_TAKEN, LISTEN_FAILED, USAGE
 */
export async function serveDaemon(handler: Handler, options: DaemonOptions = {}): Promise<Daemon> {
  const allowed = admission(options)
  const service = new Service(handler, options)
  const protocols = options.protocols ?? ['fastcgi', 'scgi', 'http']
  const sockets: readonly Partial<DaemonSocket>[] = options.sockets ?? [{}]
  const spoken = new Set(sockets.flatMap((socket) => socket.protocols ?? protocols))
  const http = spoken.has('http') ? await httpAcceptor(handler, options) : null
  const spokenOn = (socket: Partial<DaemonSocket>, address: unknown): readonly Protocol[] => {
    // For an inherited Unix socket Node returns the path, or nothing.
    const overTcp = typeof address === 'object' && address !== null ? socket.protocolsOverTcp : undefined
    return overTcp ?? socket.protocols ?? protocols
  }

  const open = async (socket: Partial<DaemonSocket>): Promise<Open> => {
    let gate: ProtocolGate | undefined
    const entrance = new Entrance((wire) => {
      gate ??= new ProtocolGate(service, spokenOn(socket, entrance.server.address()), http)
      const refusal = allowed(wire)
      if (refusal === null) gate.accept(wire)
      else {
        service.log(refusal)
        wire.destroy()
      }
    })
    const place = await listen(entrance.server, { ...options, ...socket })
    entrance.server.on('error', (error) => service.log(`cannot accept: ${error.message}`))
    return { entrance, place, fd: socket.fd ?? options.fd }
  }
  const forget = atProcessEnd(service.abandon)
  const opened: Open[] = []
  try {
    for (const socket of sockets) opened.push(await open(socket))
  } catch (error) {
    forget()
    await close(opened, service, http, 0)
    throw error
  }
  const [{ place }] = opened as [Open]
  const spokenFirst = spokenOn(sockets[0] ?? {}, place.address)
  let closed: Promise<void> | undefined
  return {
    url: urlOf(place, spokenFirst),
    address: place.address,
    get running() {
      return service.running
    },
    close(graceMs = 30_000, handOver) {
      closed ??= close(opened, service, http, graceMs, handOver).finally(forget)
      return closed
    },
    adopt(handle) {
      new Connection(wireOn(handle), service)
    },
  }
}

function urlOf({ url }: Listening, protocols: readonly Protocol[]): string {
  if (protocols.includes('http')) return url
  return url.replace(/^http:/, protocols.includes('fastcgi') ? 'fcgi:' : 'scgi:')
}

async function httpAcceptor(handler: Handler, options: DaemonOptions): Promise<HttpAcceptor> {
  const { acceptHttp } = await import('../http/server/server.js')
  const { onError, stderr, log, multiprocess } = options
  return acceptHttp(handler, {
    ...(onError && { onError }),
    ...(stderr && { stderr }),
    ...(log && { log }),
    ...(multiprocess && { multiprocess }),
    ...(options.sockets && { handedOver: true }),
    ...limitsOverHttp(options),
  })
}

async function close(
  opened: readonly Open[],
  service: Service,
  http: HttpAcceptor | null,
  graceMs: number,
  handOver?: HandOver,
): Promise<void> {
  const stop = async ({ entrance, place, fd }: Open) => {
    // Remove our path first: nobody can connect between the last accept and the close.
    place.cleanUp()
    await entrance.close(fd)
  }
  service.retire(handOver)
  http?.retire()
  await Promise.all(opened.map(stop))
  const begun = performance.now()
  await service.stop(graceMs)
  // Not earlier: connections without a first byte may turn out to be HTTP.
  const left = Math.max(0, graceMs - (performance.now() - begun))
  await http?.close({ graceMs: left, idleGraceMs: Service.idleGraceMs })
}
