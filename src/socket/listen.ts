/** Listens on a TCP port or a Unix socket; error messages include the fix. */
import type { AddressInfo, Server } from 'node:net'
import { UsageError } from '../core/errors.js'
import { loadAhead } from '../core/load-ahead.js'
import { prepareUnix, remover, socketPath } from './unix-socket.js'

/** Where to listen, and with which options. */
export interface ListenPlace {
  /** Address to listen on. Default `127.0.0.1`: only this machine. `0.0.0.0` or `::` for all. */
  readonly host?: string
  /** TCP port; 0 selects any free one. Default 8080. */
  readonly port?: number
  /** Path of a Unix socket; then host and port are not used. A stale socket there is replaced. */
  readonly path?: string
  /** Mode of the Unix socket. Default 0o660. */
  readonly socketMode?: number
  /** Group of the Unix socket, by name or number. Default: that of the process. */
  readonly socketGroup?: string | number
  /** Length of the kernel's queue of pending connections. Default 511. */
  readonly backlog?: number
}

export interface ListenOptions extends ListenPlace {
  /** A descriptor that is already listening, such as 0 under mod_fcgid; the other options are then ignored. */
  readonly fd?: number
  /** The path of that descriptor's Unix socket is for this process alone. Default false: it is not removed. */
  readonly ownPath?: boolean
  /** Provides the socket for an address that another process has bound and manages. */
  readonly share?: (place: ListenPlace) => Promise<SharedSocket>
}

/** A socket that another process has bound. */
export interface SharedSocket {
  /** An argument for `net.Server.listen()`. */
  readonly handle: object
  readonly url: string
  readonly address: AddressInfo | string
}

/** An address that the server listens on. */
export interface Listening {
  /** What clients use: `http://127.0.0.1:8080`, `http://[::1]:8080`, `unix:/run/app.sock`. */
  readonly url: string
  readonly address: AddressInfo | string
  /** Removes the path of a Unix socket, if it is still ours. Also done when the process exits. */
  cleanUp(): void
}

/** @throws UsageError LISTEN_TAKEN, LISTEN_FAILED */
export async function listen(server: Server, options: ListenOptions): Promise<Listening> {
  await loadAhead()
  if (options.fd !== undefined) return listenInherited(server, options.fd, options.ownPath)
  if (options.share !== undefined) return listenShared(server, options, options.share)
  if (options.path !== undefined) return listenUnix(server, options.path, options)
  try {
    await listening(server, { ...hostAndPort(options), backlog: options.backlog ?? 511 })
  } catch (error) {
    throw listenError(error, placeName(options))
  }
  const address = server.address() as AddressInfo
  return { url: tcpUrl(address), address, cleanUp: () => {} }
}

/** The launcher owns the socket: nothing is removed, unless its path leads to this process alone. */
async function listenInherited(server: Server, fd: number, ownPath = false): Promise<Listening> {
  try {
    await listening(server, { fd })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new UsageError('LISTEN_FAILED', `Descriptor ${fd} is not a listening socket (${code}).`, { cause })
  }
  const address = server.address()
  if (address !== null && typeof address === 'object')
    return { url: tcpUrl(address), address, cleanUp: () => {} }
  const path = address ?? socketPath(fd)
  const name = path ?? `fd ${fd}`
  return { url: `unix:${name}`, address: name, cleanUp: ownPath && path ? remover(path) : () => {} }
}

/** Another process owns the socket, and cleans up. */
async function listenShared(
  server: Server,
  { host, port, path, socketMode, socketGroup, backlog = 511 }: ListenOptions,
  share: NonNullable<ListenOptions['share']>,
): Promise<Listening> {
  const place = {
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(path !== undefined && { path }),
    ...(socketMode !== undefined && { socketMode }),
    ...(socketGroup !== undefined && { socketGroup }),
  }
  const { handle, url, address } = await share(place)
  try {
    await listening(server, handle, backlog)
  } catch (error) {
    throw listenError(error, placeName(place))
  }
  return { url, address, cleanUp: () => {} }
}

async function listenUnix(server: Server, path: string, options: ListenPlace): Promise<Listening> {
  try {
    const place = await prepareUnix(path, options, (draft) =>
      listening(server, { path: draft, backlog: options.backlog ?? 511 }),
    )
    await place.publish()
    return { url: `unix:${path}`, address: path, cleanUp: place.cleanUp }
  } catch (error) {
    server.close()
    throw listenError(error, path)
  }
}

/** The host and port of a TCP address, with defaults. */
export function hostAndPort({ host = '127.0.0.1', port = 8080 }: ListenPlace): {
  host: string
  port: number
} {
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port }
}

/** An address in text form: `127.0.0.1:8080`, `[::1]:8080`, `/run/app.sock`. */
export function placeName(place: ListenPlace): string {
  if (place.path !== undefined) return place.path
  const { host, port } = hostAndPort(place)
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

export function tcpUrl({ address, family, port }: AddressInfo): string {
  const any = address === '0.0.0.0' || address === '::'
  const host = any ? 'localhost' : family === 'IPv6' ? `[${address}]` : address
  return `http://${host}:${port}`
}

function listening(server: Server, options: object, backlog?: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const done = () => {
      server.off('error', reject)
      resolve()
    }
    if (backlog === undefined) server.listen(options, done)
    else server.listen(options, backlog, done)
  })
}

export function listenError(cause: unknown, place: string): UsageError {
  const code = (cause as NodeJS.ErrnoException).code
  if (code === 'EADDRINUSE') {
    return new UsageError('LISTEN_TAKEN', `${place} is in use: another program listens there.`, { cause })
  }
  const why: Record<string, string> = {
    EACCES: 'no permission (ports below 1024 need root)',
    EADDRNOTAVAIL: 'this machine does not have that address',
    ENOTFOUND: 'no such host name',
    ENOENT: 'its directory does not exist',
    EEXIST: 'a file that is not a socket is in the way',
    EINVAL: 'the path is too long for a Unix socket (about 100 bytes)',
    ENAMETOOLONG: 'the path is too long for a Unix socket (about 100 bytes)',
  }
  const detail = why[code ?? ''] ?? (cause as Error).message
  return new UsageError('LISTEN_FAILED', `Cannot listen on ${place}: ${detail}.`, { cause })
}
