/** Detects the protocol of a connection from its first byte, so that one socket serves all three. */
import { Connection } from '../fastcgi/server/connection.js'
import type { HttpAcceptor } from '../http/server/server.js'
import { ScgiConnection } from '../scgi/server/connection.js'
import { silentSince, stays } from '../serve/pressure.js'
import type { ServedConnection, Service } from '../serve/service.js'
import type { Wire, WireOwner } from '../socket/wire.js'

export type Protocol = 'fastcgi' | 'scgi' | 'http'

/** FastCGI starts with its version, SCGI with a length, HTTP with a method. */
function protocolOf(byte: number): Protocol | null {
  if (byte === 1) return 'fastcgi'
  if (byte >= 0x31 && byte <= 0x39) return 'scgi'
  return byte > 0x20 && byte < 0x7f ? 'http' : null
}

/** A connection without a first byte. */
class Silent implements ServedConnection, WireOwner {
  place = -1
  readonly ahead = 0
  readonly #wire: Wire
  readonly #service: Service
  readonly #give: (wire: Wire, first: Buffer) => void
  readonly #since: number
  #given = false

  /** @param give takes over the connection with its first bytes */
  constructor(wire: Wire, service: Service, give: (wire: Wire, first: Buffer) => void) {
    this.#wire = wire
    this.#service = service
    this.#give = give
    this.#since = service.now()
    // A connection over the limit gets an error when it sends a request.
    service.hasRoom()
    service.opened(this)
    wire.probe(this)
  }

  data(chunk: Buffer): void {
    // The connection is counted throughout; with none, a closing process would exit.
    this.#given = true
    this.#service.passOn(this, () => this.#give(this.#wire, chunk))
  }

  gone(): void {
    this.#wire.destroySoon()
  }

  closed(): void {
    this.#service.closed(this)
  }

  stop(): void {
    this.#wire.destroySoon()
  }

  sweep(now: number): void {
    if (now - this.#since > this.#service.limits.idleTimeoutMs) this.#wire.destroySoon()
  }

  orderOfLeaving(now: number): number {
    return this.#given ? stays : silentSince(this.#since, now)
  }

  giveWay(): void {
    this.#service.closed(this)
    this.#wire.destroy()
  }

  destroy(): void {
    this.#wire.destroy()
  }

  abandon(): null {
    return null
  }
}

export class ProtocolGate {
  readonly #service: Service
  readonly #protocols: readonly Protocol[]
  readonly #http: HttpAcceptor | null

  /** @param http serves HTTP connections, if HTTP is accepted. */
  constructor(service: Service, protocols: readonly Protocol[], http: HttpAcceptor | null) {
    this.#service = service
    this.#protocols = protocols
    this.#http = http
  }

  accept(wire: Wire): void {
    const [only, more] = this.#protocols
    // If only one protocol is accepted, its own reader reports wrong bytes best.
    if (more === undefined) this.#give(wire, only as Protocol, null)
    else new Silent(wire, this.#service, this.#tell)
  }

  readonly #tell = (wire: Wire, first: Buffer): void => {
    const found = protocolOf(first[0] as number)
    const known = found !== null && this.#protocols.includes(found)
    if (found === 'http' && !known) {
      this.#refuseHttp(wire)
      return
    }
    this.#give(wire, known ? found : (this.#protocols[0] as Protocol), first)
  }

  #refuseHttp(wire: Wire): void {
    const from = wire.remoteAddress ?? 'a client that has disconnected'
    this.#service.lines.complaint(
      `cgiup: closed an HTTP connection from ${from}: this TCP socket was inherited by the process and accepts only FastCGI and SCGI, ` +
        'because HTTP would bypass the access rules of the web server. To serve HTTP on it, set FileDescriptorName=http in its ' +
        'socket unit, or start with --server http (CGIUP_SERVER=http)',
    )
    wire.destroy()
  }

  #give(wire: Wire, protocol: Protocol, first: Buffer | null): void {
    if (protocol === 'http') {
      const socket = wire.toSocket(first)
      this.#http?.accept(socket)
      socket.resume()
      return
    }
    const connection =
      protocol === 'fastcgi' ? new Connection(wire, this.#service) : new ScgiConnection(wire, this.#service)
    if (first !== null) connection.data(first)
  }
}
