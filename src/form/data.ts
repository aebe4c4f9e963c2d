/** What `form()` gives: fields and files in the order in which the form had them. */
import { onDemand } from '../core/load-ahead.js'
import type { FormDirectory } from './directory.js'

/** Loaded with the first file that is read or moved, or ahead. */
export const onDisk = onDemand(() => import('./move-file.js'))

/** A field that is not a file. */
export interface FormField {
  readonly name: string
  readonly value: string
}

interface FileFacts {
  /** The name of the form control. */
  readonly field: string
  /**
   * The client's file name without path and control characters: for showing, never for a path of its
   * own accord. May be empty, is not unique.
   */
  readonly name: string
  /** The media type that the client claims, lower case, without parameters: a claim, not a fact. */
  readonly type: string
  /** Bytes. */
  readonly size: number
}

/**
 * A file that was taken whole. On disk it is there until the request has ended and its `waitUntil` work is done,
 * as in PHP, or the form is disposed of; {@link move} keeps it.
 */
export interface FormFile extends FileFacts {
  /**
   * Where it lies (`store: 'disk'`, or after {@link move}); undefined in memory.
   * @throws UsageError FORM_ENDED after it was removed
   */
  readonly path: string | undefined
  /** The content. @throws UsageError FORM_ENDED (a rejection) after it was removed */
  bytes(): Promise<Uint8Array>
  /** The content as UTF-8 text. @throws UsageError FORM_ENDED (a rejection) after it was removed */
  text(): Promise<string>
  /**
   * Keeps the file under a path of the app's choice, replacing what is there. After that it no
   * longer belongs to the form, and lasts.
   * @param options.mode permissions of the file; default 0o600
   * @throws UsageError FORM_ENDED (a rejection) after it was removed; what the file system says
   */
  move(path: string, options?: { mode?: number }): Promise<void>
  /** The same under its older name. @deprecated use {@link move} */
  save(path: string, options?: { mode?: number }): Promise<void>
}

/** The fields and files of one form, in their order; repeated names are kept. */
export class Form {
  readonly fields: readonly FormField[]
  readonly files: readonly FormFile[]
  readonly #dispose: () => Promise<void>

  constructor(fields: readonly FormField[], files: readonly FormFile[], dispose: () => Promise<void>) {
    this.fields = fields
    this.files = files
    this.#dispose = dispose
  }

  /** The value of the first field of this name. */
  get(name: string): string | undefined {
    return this.fields.find((field) => field.name === name)?.value
  }

  /** The values of all fields of this name, in their order. */
  getAll(name: string): string[] {
    return this.fields.filter((field) => field.name === name).map((field) => field.value)
  }

  /** True where a field of this name was sent: an unchecked checkbox is not. */
  has(name: string): boolean {
    return this.fields.some((field) => field.name === name)
  }

  /** The first file of this control; undefined where none was chosen. */
  file(field: string): FormFile | undefined {
    return this.files.find((file) => file.field === field)
  }

  /** All files of this control (`<input type="file" multiple>`), in their order. */
  filesOf(field: string): FormFile[] {
    return this.files.filter((file) => file.field === field)
  }

  /**
   * Removes the files that were not moved elsewhere. May be called twice. Done by itself when the request has
   * ended and its `waitUntil` work is done, when the process ends, and where `form()` throws; `await using data
   * = await form(request)` calls it too.
   */
  dispose(): Promise<void> {
    return this.#dispose()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#dispose()
  }
}

abstract class StoredFile implements FormFile {
  readonly field: string
  readonly name: string
  readonly type: string
  readonly size: number
  abstract readonly path: string | undefined

  constructor(facts: FileFacts) {
    this.field = facts.field
    this.name = facts.name
    this.type = facts.type
    this.size = facts.size
  }

  abstract bytes(): Promise<Uint8Array>
  abstract move(path: string, options?: { mode?: number }): Promise<void>

  save(path: string, options?: { mode?: number }): Promise<void> {
    return this.move(path, options)
  }

  async text(): Promise<string> {
    const bytes = await this.bytes()
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  }
}

export class MemoryFile extends StoredFile {
  readonly #bytes: Uint8Array
  #path: string | undefined

  constructor(facts: FileFacts, bytes: Uint8Array) {
    super(facts)
    this.#bytes = bytes
  }

  get path(): string | undefined {
    return this.#path
  }

  async bytes(): Promise<Uint8Array> {
    return this.#bytes
  }

  async move(path: string, { mode = 0o600 } = {}): Promise<void> {
    const { writeTo } = await onDisk()
    await writeTo(path, mode, this.#bytes)
    this.#path = path
  }
}

export class DiskFile extends StoredFile {
  #path: string
  /** Null once the file is the app's. */
  #room: FormDirectory | null

  constructor(facts: FileFacts, path: string, room: FormDirectory) {
    super(facts)
    this.#path = path
    this.#room = room
  }

  get path(): string {
    this.#room?.check(this.field)
    return this.#path
  }

  bytes(): Promise<Uint8Array> {
    return this.#use(async () => {
      const { readBytes } = await onDisk()
      return readBytes(this.#path)
    })
  }

  move(path: string, { mode = 0o600 } = {}): Promise<void> {
    return this.#use(async () => {
      const { moveTo } = await onDisk()
      await moveTo(this.#path, path, mode)
      this.#path = path
      this.#room = null
    })
  }

  async #use<T>(act: () => Promise<T>): Promise<T> {
    return this.#room === null ? act() : this.#room.use(this.field, act)
  }
}
