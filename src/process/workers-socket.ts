/** The socket that workers share: the primary makes and keeps it, and never accepts on it. */
import { lookup } from 'node:dns/promises'
import net, { type AddressInfo, isIP } from 'node:net'
import { getSystemErrorName } from 'node:util'
import { UsageError } from '../core/errors.js'
import {
  hostAndPort,
  type ListenPlace,
  listenError,
  placeName,
  type SharedSocket,
  tcpUrl,
} from '../socket/listen.js'
import { prepareUnix, type UnixPlace } from '../socket/unix-socket.js'

/** A socket handle of Node, bound but not listening. */
interface Handle {
  getsockname(out: object): number
  close(): void
}

/**
 * The function that node:cluster uses to make sockets, in every version of Node: it binds without listening.
 * net.Server would accept connections, and the primary serves none.
 */
type CreateHandle = (
  address: string,
  port: number,
  addressType: 4 | 6 | -1,
  fd: undefined,
  flags: number,
) => Handle | number

export class WorkersSocket {
  #shared: Promise<SharedSocket> | undefined
  #place = ''
  #handle: Handle | null = null
  #unix: UnixPlace | null = null

  /**
   * The socket for an address. Only the first address that is requested can be used.
   * @throws UsageError LISTEN_TAKEN, LISTEN_FAILED
   */
  async bind(place: ListenPlace): Promise<SharedSocket> {
    const name = placeName(place)
    if (this.#shared === undefined) {
      this.#place = name
      this.#shared = place.path === undefined ? this.#bindTcp(place) : this.#bindUnix(place, place.path)
      this.#shared.catch(() => {
        this.#shared = undefined
      })
    } else if (name !== this.#place)
      throw new UsageError(
        'LISTEN_FAILED',
        `The workers listen on ${this.#place}; restart the whole process to listen on ${name}.`,
      )
    return this.#shared
  }

  /** Starts to listen; a Unix socket gets its path. */
  async publish(): Promise<void> {
    try {
      await this.#unix?.publish()
    } catch (error) {
      throw listenError(error, this.#place)
    }
  }

  /** Stops accepting through this process; removes the path of a Unix socket first. */
  close(): void {
    this.#unix?.cleanUp()
    this.#handle?.close()
    this.#handle = null
  }

  async #bindTcp(place: ListenPlace): Promise<SharedSocket> {
    const { host, port } = hostAndPort(place)
    try {
      const address = isIP(host) ? host : (await lookup(host)).address
      const handle = bound(address, port, isIP(address) === 6 ? 6 : 4)
      this.#handle = handle
      const found = {} as AddressInfo
      check(handle.getsockname(found))
      return { handle, url: tcpUrl(found), address: found }
    } catch (error) {
      throw listenError(error, placeName(place))
    }
  }

  async #bindUnix(place: ListenPlace, path: string): Promise<SharedSocket> {
    try {
      this.#unix = await prepareUnix(path, place, (draft) => {
        this.#handle = bound(draft, -1, -1)
      })
    } catch (error) {
      throw listenError(error, path)
    }
    return { handle: this.#handle as Handle, url: `unix:${path}`, address: path }
  }
}

function bound(address: string, port: number, addressType: 4 | 6 | -1): Handle {
  const create = (net as unknown as { _createServerHandle?: CreateHandle })._createServerHandle
  if (create === undefined) throw new Error(`Node ${process.version} cannot create a socket for workers`)
  const handle = create(address, port, addressType, undefined, 0)
  if (typeof handle === 'number') check(handle)
  return handle as Handle
}

/** @throws an Error with the system's code, for a negative status */
function check(status: number): void {
  if (status >= 0) return
  const code = getSystemErrorName(status)
  throw Object.assign(new Error(code), { code })
}
