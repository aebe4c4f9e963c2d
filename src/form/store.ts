/** Where the files of a form go: disk, memory, or a function of the app. */
import type { FileHandle } from 'node:fs/promises'
import { DiskFile, type FormField, type FormFile, MemoryFile } from './data.js'
import { crossed, FormError } from './error.js'
import type { FormLimits, Settings } from './limits.js'
import type { FilePart } from './multipart.js'

/** A file on its way in: iterate over it for its bytes. */
export interface IncomingFile extends AsyncIterable<Uint8Array> {
  /** The name of the form control. */
  readonly field: string
  /** The client's file name without path and control characters; may be empty, is not unique. */
  readonly name: string
  /** The media type that the client claims, lower case, without parameters. */
  readonly type: string
  /** The fields that came before this file. */
  readonly fields: readonly FormField[]
}

/**
 * Takes one file. The form goes on when the promise settles; bytes that were not read are discarded.
 * What it throws makes `form()` reject with the same value.
 */
export type FileHandler = (file: IncomingFile) => unknown

export interface FileStore {
  /** @returns what the form lists for this file, or null where it was handed to the app. */
  take(part: FilePart, fields: readonly FormField[]): Promise<FormFile | null>
  /** Removes everything that is still there. May be called twice. */
  dispose(): Promise<void>
}

export function openStore({ store, limits, directory }: Settings): FileStore {
  if (store === 'memory') return new MemoryStore(limits)
  if (store === 'refuse') return { take: refuse, dispose: async () => {} }
  if (store === 'disk') return new DiskStore(directory)
  return {
    async take({ field, name, type, bytes }, fields) {
      await store({ field, name, type, fields, [Symbol.asyncIterator]: () => bytes[Symbol.asyncIterator]() })
      return null
    },
    dispose: async () => {},
  }
}

async function refuse(part: FilePart): Promise<never> {
  throw new FormError(
    'FORM_TYPE',
    `This form takes no files, but field ${JSON.stringify(part.field)} is one.`,
  )
}

class MemoryStore implements FileStore {
  readonly #limits: Readonly<FormLimits>
  #used = 0

  constructor(limits: Readonly<FormLimits>) {
    this.#limits = limits
  }

  async take({ field, name, type, bytes }: FilePart): Promise<FormFile> {
    const pieces: Uint8Array[] = []
    let size = 0
    for await (const piece of bytes) {
      size += piece.length
      this.#used += piece.length
      if (this.#used > this.#limits.memorySize) {
        throw crossed('memorySize', this.#limits, 'The files of the form are too large to be held in memory')
      }
      pieces.push(piece)
    }
    return new MemoryFile({ field, name, type, size }, Buffer.concat(pieces, size))
  }

  async dispose(): Promise<void> {}
}

class DiskStore implements FileStore {
  readonly #parent: string | undefined
  #directory: string | undefined
  #busy: Promise<unknown> = Promise.resolve()
  #forget = () => {}

  constructor(parent: string | undefined) {
    this.#parent = parent
  }

  take(part: FilePart): Promise<FormFile> {
    const taken = this.#write(part)
    this.#busy = taken.catch(() => {})
    return taken
  }

  async dispose(): Promise<void> {
    await this.#busy
    if (this.#directory === undefined) return
    const { rm } = await import('node:fs/promises')
    await rm(this.#directory, { recursive: true, force: true })
    this.#directory = undefined
    this.#forget()
  }

  async #write({ field, name, type, bytes }: FilePart): Promise<FormFile> {
    const { open } = await import('node:fs/promises')
    const path = `${await this.#room()}/${await randomName()}`
    let size = 0
    // "wx": never follow or reuse what is already there.
    const handle: FileHandle = await open(path, 'wx', 0o600)
    try {
      for await (const piece of bytes) {
        await handle.writeFile(piece)
        size += piece.length
      }
    } finally {
      await handle.close()
    }
    return new DiskFile({ field, name, type, size }, path)
  }

  /** mkdtemp makes it with mode 0700 and a name nobody can guess. */
  async #room(): Promise<string> {
    if (this.#directory !== undefined) return this.#directory
    const { mkdtemp } = await import('node:fs/promises')
    const { rmSync } = await import('node:fs')
    const parent = this.#parent ?? (await import('node:os')).tmpdir()
    const directory = await mkdtemp(`${parent}/cgiup-form-`)
    // A CGI process ends after one request, with or without dispose().
    const remove = () => rmSync(directory, { recursive: true, force: true })
    process.once('exit', remove)
    this.#forget = () => process.off('exit', remove)
    this.#directory = directory
    return directory
  }
}

async function randomName(): Promise<string> {
  const { randomBytes } = await import('node:crypto')
  return randomBytes(16).toString('hex')
}
