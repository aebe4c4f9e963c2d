/** Where the files of a form are stored: disk, memory, or a function of the app. */
import { onDemand } from '../core/load-ahead.js'
import { DiskFile, type FormField, type FormFile, MemoryFile } from './data.js'
import type { Ended, FormDirectory } from './directory.js'
import { crossed, FormError } from './error.js'
import type { FormLimits, FormSettings } from './limits.js'
import type { FormSource } from './source.js'
import type { FilePart } from './types.js'

/** Loaded with the first file that goes to disk, or preloaded. */
export const rooms = onDemand(() => import('./directory.js'))

export interface FileStore {
  /** @returns the form's entry for this file, or null when the app's handler took it. */
  take(part: FilePart, fields: readonly FormField[]): Promise<FormFile | null>
  /** Removes the remaining files. May be called twice. */
  dispose(): Promise<void>
}

/** @param source the request that the files belong to */
export function openStore({ store, limits, directory }: FormSettings, source: FormSource): FileStore {
  if (store === 'memory') return new MemoryStore(limits)
  if (store === 'refuse') return { take: refuse, dispose: async () => {} }
  if (store === 'disk') return new DiskStore(directory, source)
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
    `This form accepts no files, but field ${JSON.stringify(part.field)} is a file.`,
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
        throw crossed('memorySize', this.#limits, 'The files of the form are too large to be kept in memory')
      }
      pieces.push(piece)
    }
    return new MemoryFile({ field, name, type, size }, Buffer.concat(pieces, size))
  }

  async dispose(): Promise<void> {}
}

class DiskStore implements FileStore {
  readonly #parent: string | undefined
  readonly #source: FormSource
  #room: Promise<FormDirectory> | undefined
  #disposed: Ended | undefined

  constructor(parent: string | undefined, source: FormSource) {
    this.#parent = parent
    this.#source = source
  }

  async take({ field, name, type, bytes }: FilePart): Promise<FormFile> {
    this.#room ??= this.#open()
    const room = await this.#room
    const { path, size } = await room.store(field, bytes)
    return new DiskFile({ field, name, type, size }, path, room)
  }

  dispose(): Promise<void> {
    return this.#end('dispose() was called')
  }

  async #end(why: Ended): Promise<void> {
    this.#disposed ??= why
    // A directory that could not be created has nothing to remove.
    const room = await this.#room?.catch(() => undefined)
    await room?.end(this.#disposed)
  }

  async #open(): Promise<FormDirectory> {
    const { FormDirectory } = await rooms()
    const room = await FormDirectory.open(this.#parent)
    this.#source.afterwards(() => {
      // Tried again when the process ends.
      this.#end('its request has ended').catch(() => {})
    })
    if (this.#disposed !== undefined) await room.end(this.#disposed)
    return room
  }
}
