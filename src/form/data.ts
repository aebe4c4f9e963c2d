/** The result of `form()`: fields and files in the order of the form. */
import { onDemand } from '../core/load-ahead.js'
import type { FormDirectory } from './directory.js'

/** Loaded when the first file is read or moved, or preloaded. */
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
   * The client's file name without path and control characters. For display only: never build a path from it.
   * May be empty, and is not unique.
   */
  readonly name: string
  /** The media type that the client claims, in lower case, without parameters. Not verified. */
  readonly type: string
  /** Size in bytes. */
  readonly size: number
}

/**
 * A complete uploaded file. On disk it exists until the request has ended and its `waitUntil` work is done,
 * as in PHP, or until the form is disposed of; {@link move} keeps it.
 */
export interface FormFile extends FileFacts {
  /**
   * Path of the file (`store: 'disk'`, or after {@link move}); undefined in memory.
   * @throws UsageError FORM_ENDED after it was removed
   */
  readonly path: string | undefined
  /** The content. @throws UsageError FORM_ENDED (a rejection) after it was removed */
  bytes(): Promise<Uint8Array>
  /** The content as UTF-8 text. @throws UsageError FORM_ENDED (a rejection) after it was removed */
  text(): Promise<string>
  /**
   * Keeps the file: moves it to a path and replaces any file there. It then no longer belongs to the form and
   * is not removed.
   * @param options.mode permissions of the file; default 0o600
   * @throws UsageError FORM_ENDED (a rejection) after it was removed; errors of the file system
   */
  move(path: string, options?: { mode?: number }): Promise<void>
  /** Older name of {@link move}. @deprecated use {@link move} */
  save(path: string, options?: { mode?: number }): Promise<void>
}

/** The fields and files of one form, in order; repeated names are kept. */
export class Form {
  readonly fields: readonly FormField[]
  readonly files: readonly FormFile[]
  readonly #dispose: () => Promise<void>

  constructor(fields: readonly FormField[], files: readonly FormFile[], dispose: () => Promise<void>) {
    this.fields = fields
    this.files = files
    this.#dispose = dispose
  }

  /** The value of the first field with this name; undefined when there is none. */
  get(name: string): string | undefined {
    return this.fields.find((field) => field.name === name)?.value
  }

  /** The values of all fields with this name, in order. */
  getAll(name: string): string[] {
    return this.fields.filter((field) => field.name === name).map((field) => field.value)
  }

  /** True when a field with this name was sent. Browsers do not send unchecked checkboxes. */
  has(name: string): boolean {
    return this.fields.some((field) => field.name === name)
  }

  /** The first file of this control; undefined when none was chosen. */
  file(field: string): FormFile | undefined {
    return this.files.find((file) => file.field === field)
  }

  /** All files of this control (`<input type="file" multiple>`), in order. */
  filesOf(field: string): FormFile[] {
    return this.files.filter((file) => file.field === field)
  }

  /**
   * Removes the files that were not moved. May be called twice. Happens automatically when the request has
   * ended and its `waitUntil` work is done, when the process ends, when `form()` throws, and at the end of
   * the scope with `await using data = await form(request)`.
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
  /** Null once the app owns the file. */
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
