/** Listening on a TCP port or a Unix socket, with errors that say what to do. */
import { lstatSync, unlinkSync } from 'node:fs'
import { chmod, chown, link, lstat, rename, unlink } from 'node:fs/promises'
import { type AddressInfo, connect, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import { UsageError } from '../errors.js'

export interface ListenOptions {
  /** Address to listen on. Default `127.0.0.1`: only this machine. `0.0.0.0` or `::` for all. */
  readonly host?: string
  /** TCP port; 0 takes any free one. Default 8080. */
  readonly port?: number
  /** A descriptor that listens already, such as 0 under mod_fcgid; then nothing else is used. */
  readonly fd?: number
  /** The path of that descriptor's Unix socket is for this process alone. Default false: it stays. */
  readonly ownPath?: boolean
  /** Path of a Unix socket; then host and port are not used. A stale socket there is replaced. */
  readonly path?: string
  /** Mode of the Unix socket. Default 0o660. */
  readonly socketMode?: number
  /** Group of the Unix socket, by name or number. Default: that of the process. */
  readonly socketGroup?: string | number
  /** Connections the kernel keeps waiting. Default 511. */
  readonly backlog?: number
}

/** A place that is listened on. */
export interface Listening {
  /** What clients use: `http://127.0.0.1:8080`, `http://[::1]:8080`, `unix:/run/app.sock`. */
  readonly url: string
  readonly address: AddressInfo | string
  /** Removes the path of a Unix socket, if it is still ours. Done at the exit of the process too. */
  cleanUp(): void
}

/** @throws UsageError LISTEN_TAKEN, LISTEN_FAILED */
export async function listen(server: Server, options: ListenOptions): Promise<Listening> {
  if (options.fd !== undefined) return listenInherited(server, options.fd, options.ownPath)
  if (options.path !== undefined) return listenUnix(server, options.path, options)
  const host = options.host ?? '127.0.0.1'
  const port = options.port ?? 8080
  try {
    await listening(server, { host: host.replace(/^\[(.*)\]$/, '$1'), port, backlog: options.backlog ?? 511 })
  } catch (error) {
    throw listenError(error, `${host.includes(':') ? `[${host}]` : host}:${port}`)
  }
  const address = server.address() as AddressInfo
  return { url: tcpUrl(address), address, cleanUp: () => {} }
}

/** The socket is the launcher's: nothing is removed, unless its path leads to this process alone. */
async function listenInherited(server: Server, fd: number, ownPath = false): Promise<Listening> {
  try {
    await listening(server, { fd })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new UsageError('LISTEN_FAILED', `Descriptor ${fd} is no socket that listens (${code}).`, { cause })
  }
  const address = server.address()
  if (address !== null && typeof address === 'object')
    return { url: tcpUrl(address), address, cleanUp: () => {} }
  const path = address || `fd ${fd}`
  return { url: `unix:${path}`, address: path, cleanUp: ownPath && address ? remover(path) : () => {} }
}

function tcpUrl({ address, family, port }: AddressInfo): string {
  const any = address === '0.0.0.0' || address === '::'
  const host = any ? 'localhost' : family === 'IPv6' ? `[${address}]` : address
  return `http://${host}:${port}`
}

/** Size of sun_path on macOS and the BSDs, less its NUL; Linux has 4 more. */
const maxSocketPath = 103
let drafts = 0

/**
 * The socket is made beside its place and linked there once it has its mode: nobody can connect
 * before, a living socket is never removed, and libuv, which unlinks what it bound, finds nothing.
 */
async function listenUnix(server: Server, path: string, options: ListenOptions): Promise<Listening> {
  const draft = join(dirname(path), `.${process.pid}-${drafts++}`)
  let inode: number
  try {
    // libuv cuts a longer path off without a word.
    if (Math.max(Buffer.byteLength(path), Buffer.byteLength(draft)) > maxSocketPath)
      throw withCode('ENAMETOOLONG')
    await removeStale(path)
    await removeStale(draft)
    await listening(server, { path: draft, backlog: options.backlog ?? 511 })
    await setOwner(draft, options)
    inode = (await lstat(draft)).ino
    await link(draft, path).then(
      () => unlink(draft),
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') throw error
        return rename(draft, path) // a file system without hard links
      },
    )
  } catch (error) {
    server.close()
    await unlink(draft).catch(() => {})
    throw listenError(error, path)
  }
  return { url: `unix:${path}`, address: path, cleanUp: remover(path, inode) }
}

/** The group first: a chown may take bits of the mode away. */
async function setOwner(draft: string, { socketMode = 0o660, socketGroup }: ListenOptions): Promise<void> {
  if (socketGroup !== undefined) {
    const { groupId } = await import('./group.js')
    try {
      await chown(draft, -1, await groupId(socketGroup))
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EPERM') throw cause
      throw Object.assign(new Error(`this user is not in the group ${socketGroup}`), { code: 'GROUP' })
    }
  }
  await chmod(draft, socketMode)
}

/** Removes a socket's path, once, if it is still the same file; at the latest when the process exits. */
function remover(path: string, inode = lstatSync(path, { throwIfNoEntry: false })?.ino): () => void {
  const remove = () => {
    process.off('exit', remove)
    try {
      if (inode !== undefined && lstatSync(path).ino === inode) unlinkSync(path)
    } catch {
      // Gone already, or no longer ours to remove.
    }
    inode = undefined
  }
  process.on('exit', remove)
  return remove
}

/** Removes a socket that nobody listens on; told by connecting, as a process may still be there. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null)
  if (!found) return
  if (!found.isSocket()) throw withCode('EEXIST')
  const answer = await new Promise<string>((resolve) => {
    const probe = connect(path, () => resolve('alive')).on('error', (e: NodeJS.ErrnoException) =>
      resolve(e.code ?? ''),
    )
    probe.on('close', () => {}).unref()
    probe.once('connect', () => probe.destroy())
  })
  if (answer === 'ECONNREFUSED') await unlink(path)
  else if (answer !== 'ENOENT') throw withCode('EADDRINUSE')
}

function withCode(code: string): Error {
  return Object.assign(new Error(code), { code })
}

function listening(server: Server, options: object): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function listenError(cause: unknown, place: string): UsageError {
  const code = (cause as NodeJS.ErrnoException).code
  if (code === 'EADDRINUSE') {
    return new UsageError('LISTEN_TAKEN', `${place} is taken: another program listens there.`, { cause })
  }
  const why: Record<string, string> = {
    EACCES: 'no permission (ports below 1024 need root)',
    EADDRNOTAVAIL: 'this machine has no such address',
    ENOTFOUND: 'no such host name',
    ENOENT: 'its directory does not exist',
    EEXIST: 'there is something that is not a socket',
    EINVAL: 'the path is too long for a Unix socket (about 100 bytes)',
    ENAMETOOLONG: 'the path is too long for a Unix socket (about 100 bytes)',
  }
  const detail = why[code ?? ''] ?? (cause as Error).message
  return new UsageError('LISTEN_FAILED', `Cannot listen on ${place}: ${detail}.`, { cause })
}
