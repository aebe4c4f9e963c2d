/** Unix sockets: given mode and group before anybody can connect, removed after use. */
import {
  chmodSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
} from 'node:fs'
import { chmod, chown, lstat, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'

export interface UnixOptions {
  readonly socketMode?: number
  readonly socketGroup?: string | number
}

/** A bound socket without a path that clients know. */
export interface UnixPlace {
  /** Moves it to its path. May be called again. @throws Error with the code EEXIST */
  publish(): Promise<void>
  /** Removes the path, if it still belongs to this socket. */
  cleanUp(): void
}

/** Size of sun_path on macOS and the BSDs, minus its NUL; Linux has 4 more. */
const maxSocketPath = 103

/**
 * The socket is created in a directory that only this user can enter, and linked to its path once its mode is
 * set: with a loose umask anybody could connect between bind and chmod. A socket in use is never removed, and
 * libuv, which unlinks the path that it bound, finds nothing.
 *
 * @param bind creates a socket at the given path
 * @throws Error with a code for listenError()
 */
export async function prepareUnix(
  path: string,
  options: UnixOptions,
  bind: (draft: string) => void | Promise<void>,
): Promise<UnixPlace> {
  let draft: Draft | undefined
  try {
    // libuv silently truncates a longer path.
    if (Buffer.byteLength(path) > maxSocketPath) throw withCode('ENAMETOOLONG')
    await removeStale(path)
    draft = new Draft(dirname(path))
    if (Buffer.byteLength(draft.socket) > maxSocketPath) throw withCode('ENAMETOOLONG')
    await bind(draft.socket)
    await setOwner(draft.socket, options)
  } catch (error) {
    draft?.remove()
    throw error
  }
  const made = draft
  let cleanUp = () => made.remove()
  let published: Promise<void> | undefined
  // In one turn of the event loop: as soon as the path exists, a client may connect, and the app may end the
  // process.
  const publish = async () => {
    move(made.socket, path)
    made.remove()
    cleanUp = remover(path)
  }
  return {
    publish() {
      published ??= publish()
      return published
    },
    cleanUp: () => cleanUp(),
  }
}

/** A private directory next to the socket's path, on the same file system, with the socket in it. */
class Draft {
  readonly socket: string
  readonly #directory: string

  constructor(parent: string) {
    // A short name: the system limits the length of socket paths, and the path of the draft should not be longer
    // than a usual path of a socket in `parent`.
    this.#directory = mkdtempSync(`${parent}/.`)
    this.socket = join(this.#directory, 's')
    process.on('exit', this.remove)
    // mkdtemp requests 0700, and a umask such as 0177 removes bits. Only if needed: chmod may clear the
    // setgid bit inherited from the parent.
    const { mode } = lstatSync(this.#directory)
    if ((mode & 0o700) !== 0o700) chmodSync(this.#directory, mode | 0o700)
  }

  /** May be called twice. */
  readonly remove = (): void => {
    process.off('exit', this.remove)
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** Moves the socket to its path, unless something else is there by now. */
function move(draft: string, path: string): void {
  try {
    linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error
    renameSync(draft, path) // a file system without hard links
  }
}

/** The group first: chown may clear mode bits. */
async function setOwner(draft: string, { socketMode = 0o660, socketGroup }: UnixOptions): Promise<void> {
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
export function remover(path: string, inode = lstatSync(path, { throwIfNoEntry: false })?.ino): () => void {
  const remove = () => {
    process.off('exit', remove)
    try {
      if (inode !== undefined && lstatSync(path).ino === inode) unlinkSync(path)
    } catch {
      // Already removed, or no longer ours to remove.
    }
    inode = undefined
  }
  process.on('exit', remove)
  return remove
}

/** Removes a socket that nobody listens on; connects to find out, as a process may still be there. */
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

/** Path of a Unix socket by its descriptor; undefined for TCP, and without /proc (macOS). */
export function socketPath(fd: number): string | undefined {
  try {
    const inode = String(fstatSync(fd, { bigint: true }).ino)
    // Num RefCount Protocol Flags Type St Inode Path
    for (const line of readFileSync('/proc/net/unix', 'utf8').split('\n')) {
      const [, found, path] = /^(?:\S+ +){6}(\d+) (\/.*)$/.exec(line) ?? []
      if (found === inode) return path
    }
  } catch {
    // The system has no such table, or does not show it.
  }
  return undefined
}
