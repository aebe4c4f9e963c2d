/**
 * The private directory for the files of one form, created with the first file and removed when the request
 * ends.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { open, rm, rmdir, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { shortage, UsageError } from '../core/errors.js'
import { ownerFile, ownerText } from './owner.js'
import { removeAtEnd } from './remove-at-exit.js'
import { sweep } from './remove-orphans.js'

/** Why the files of a form were removed. */
export type Ended = 'its request has ended' | 'dispose() was called'

export class FormDirectory {
  readonly #parent: Parent
  readonly #path: string
  readonly #forget: () => void
  /** Paths of the files created in it. */
  readonly #files: string[] = []
  /** Pending reads and writes of its files. */
  readonly #busy = new Set<Promise<unknown>>()
  #why: Ended | undefined
  #gone: Promise<void> | undefined

  private constructor(parent: Parent) {
    this.#parent = parent
    // mkdtemp creates it with mode 0700 and an unguessable name. Synchronous, so that no signal can come in
    // between.
    this.#path = mkdtempSync(`${parent.path}/cgiup-form-`)
    this.#forget = removeAtEnd(this.#path)
  }

  /**
   * @param directory where to create it. Default: `os.tmpdir()`
   * @throws UsageError FORM_STORE
   * @throws SystemError NO_RESOURCES when no descriptor is left
   */
  static async open(directory: string | undefined): Promise<FormDirectory> {
    const parent = parentOf(directory)
    const room = await storing(parent, async () => new FormDirectory(parent))
    void sweep(parent.path)
    try {
      await storing(parent, () => writeFile(room.#file(ownerFile), ownerText(), { mode: 0o600 }))
    } catch (error) {
      await room.end('dispose() was called')
      throw error
    }
    return room
  }

  /**
   * Stores bytes in a new file. @throws UsageError FORM_STORE, FORM_ENDED; SystemError NO_RESOURCES; what
   * `bytes` throws
   */
  store(field: string, bytes: AsyncIterable<Uint8Array>): Promise<{ path: string; size: number }> {
    return this.use(field, async () => {
      const path = this.#file(randomBytes(16).toString('hex'))
      // "wx": never follow a link or reuse an existing file.
      const handle = await storing(this.#parent, () => open(path, 'wx', 0o600))
      let size = 0
      try {
        for await (const piece of bytes) {
          await storing(this.#parent, () => handle.writeFile(piece))
          size += piece.length
        }
      } finally {
        await handle.close()
      }
      return { path, size }
    })
  }

  /**
   * Runs an action; `end()` waits for it.
   *
   * @param field the name of the form control, for the message
   * @throws UsageError FORM_ENDED; what `act` throws
   */
  async use<T>(field: string, act: () => Promise<T>): Promise<T> {
    this.check(field)
    const work = act()
    this.#busy.add(work)
    try {
      return await work
    } finally {
      this.#busy.delete(work)
    }
  }

  /** @throws UsageError FORM_ENDED */
  check(field: string): void {
    if (this.#why === undefined) return
    throw new UsageError(
      'FORM_ENDED',
      `The file in field ${JSON.stringify(field)} of the form has been deleted: ${this.#why}. To keep a file, call await file.move(path) first.`,
    )
  }

  /** Removes the remaining files. May be called twice. */
  end(why: Ended): Promise<void> {
    this.#why ??= why
    this.#gone ??= this.#remove()
    return this.#gone
  }

  async #remove(): Promise<void> {
    while (this.#busy.size > 0) await Promise.allSettled(this.#busy)
    // Does not read the directory, which needs a descriptor: without one the files would stay until the
    // process ends.
    await Promise.allSettled(this.#files.map((path) => unlink(path)))
    await rmdir(this.#path).catch(() => rm(this.#path, { recursive: true, force: true }))
    this.#forget()
  }

  #file(name: string): string {
    const path = `${this.#path}/${name}`
    this.#files.push(path)
    return path
  }
}

/** The parent directory, and the setting it comes from. */
interface Parent {
  readonly path: string
  readonly by: string
}

function parentOf(directory: string | undefined): Parent {
  if (directory !== undefined) return { path: directory, by: 'set by the option directory' }
  // The order in which os.tmpdir() checks them.
  const name = ['TMPDIR', 'TMP', 'TEMP'].find((variable) => process.env[variable])
  return { path: tmpdir(), by: name === undefined ? 'the default, as TMPDIR is not set' : `set by ${name}` }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such directory',
  ENOTDIR: 'it is not a directory',
  EACCES: 'this user has no write permission there',
  EPERM: 'this user has no write permission there',
  EROFS: 'its file system is read-only',
  ENOSPC: 'its disk is full',
  EDQUOT: 'the quota of this user is exceeded',
}

async function storing<T>(parent: Parent, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException
    const what = `Uploaded files cannot be stored in ${parent.path} (${parent.by})`
    const short = Object.hasOwn(reasons, code) ? null : shortage(cause, what)
    if (short !== null) throw short
    const why = Object.hasOwn(reasons, code) ? `${reasons[code]} (${code})` : message
    throw new UsageError('FORM_STORE', `${what}: ${why}.`, { cause })
  }
}
