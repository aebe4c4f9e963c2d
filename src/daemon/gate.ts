/** Which protocol does a connection speak? Its first byte tells, so that one socket serves them all. */
import type { Socket } from 'node:net'
import { Connection } from '../fastcgi/connection.js'
import type { HttpAcceptor } from '../http/server.js'
import { ScgiConnection } from '../scgi/connection.js'
import type { Served, Service } from '../server/service.js'

export type Protocol = 'fastcgi' | 'scgi' | 'http'

/** FastCGI begins with its version, SCGI with a length, HTTP with a method. */
const protocolOf = (byte: number): Protocol | null => {
  if (byte === 1) return 'fastcgi'
  if (byte >= 0x31 && byte <= 0x39) return 'scgi'
  return byte > 0x20 && byte < 0x7f ? 'http' : null
}

/** A connection that has not said a byte yet. */
class Silent implements Served {
  place = -1
  readonly #socket: Socket
  readonly #service: Service
  readonly #since: number

  constructor(socket: Socket, service: Service) {
    this.#socket = socket
    this.#service = service
    this.#since = service.now()
    service.opened(this)
    socket.on('error', this.#ignore)
    socket.on('close', this.#closed)
  }

  /**
   * The protocol is known: somebody else looks after the socket. There is no moment without a connection in
   * between, which would end a process that is to end.
   */
  release(give: () => void): void {
    this.#socket.off('error', this.#ignore)
    this.#socket.off('close', this.#closed)
    give()
    this.#service.closed(this)
  }

  stop(): void {
    this.#socket.destroySoon()
  }

  sweep(now: number): void {
    if (now - this.#since > this.#service.limits.idleTimeoutMs) this.#socket.destroySoon()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  readonly #ignore = (): void => {}
  readonly #closed = (): void => this.#service.closed(this)
}

export class Gate {
  readonly #service: Service
  readonly #protocols: readonly Protocol[]
  readonly #http: HttpAcceptor | null

  /** @param http serves the connections that speak HTTP, where that is allowed. */
  constructor(service: Service, protocols: readonly Protocol[], http: HttpAcceptor | null) {
    this.#service = service
    this.#protocols = protocols
    this.#http = http
  }

  accept(socket: Socket): void {
    const [only, more] = this.#protocols
    // The reader of the only protocol says best what is wrong with the bytes of another one.
    if (more === undefined) this.#give(socket, only as Protocol, null)
    else {
      const silent = new Silent(socket, this.#service)
      socket.once('data', (chunk: Buffer) => {
        const found = protocolOf(chunk[0] as number)
        const known = found !== null && this.#protocols.includes(found)
        silent.release(() => this.#give(socket, known ? found : (only as Protocol), chunk))
      })
    }
  }

  #give(socket: Socket, protocol: Protocol, chunk: Buffer | null): void {
    if (protocol === 'http') {
      if (chunk !== null) {
        socket.pause()
        socket.unshift(chunk)
      }
      this.#http?.accept(socket)
      if (chunk !== null) socket.resume()
      return
    }
    const connection =
      protocol === 'fastcgi'
        ? new Connection(socket, this.#service)
        : new ScgiConnection(socket, this.#service)
    if (chunk !== null) connection.data(chunk)
  }
}
