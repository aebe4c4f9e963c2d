/** What `form()` gives: fields and files in the order in which the form had them. */

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

/** A file that was taken whole. */
export interface FormFile extends FileFacts {
  /** Where it lies until the form is disposed of (`store: 'disk'`); undefined in memory. */
  readonly path: string | undefined
  /** The content. */
  bytes(): Promise<Uint8Array>
  /** The content as UTF-8 text. */
  text(): Promise<string>
  /**
   * Keeps the file under a path of the app's choice, replacing what is there. After that it no
   * longer belongs to the form.
   * @param options.mode permissions of the file; default 0o600
   */
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
   * Removes the files that were not saved elsewhere. May be called twice. Done by itself when the
   * process ends, and where `form()` throws; `await using data = await form(request)` calls it too.
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
  abstract save(path: string, options?: { mode?: number }): Promise<void>

  async text(): Promise<string> {
    const bytes = await this.bytes()
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  }
}

export class MemoryFile extends StoredFile {
  readonly path = undefined
  readonly #bytes: Uint8Array

  constructor(facts: FileFacts, bytes: Uint8Array) {
    super(facts)
    this.#bytes = bytes
  }

  async bytes(): Promise<Uint8Array> {
    return this.#bytes
  }

  async save(path: string, { mode = 0o600 } = {}): Promise<void> {
    const { chmod, writeFile } = await import('node:fs/promises')
    await writeFile(path, this.#bytes, { mode: 0o600 })
    await chmod(path, mode)
  }
}

export class DiskFile extends StoredFile {
  #path: string

  constructor(facts: FileFacts, path: string) {
    super(facts)
    this.#path = path
  }

  get path(): string {
    return this.#path
  }

  async bytes(): Promise<Uint8Array> {
    const { readFile } = await import('node:fs/promises')
    return readFile(this.#path)
  }

  async save(path: string, { mode = 0o600 } = {}): Promise<void> {
    const { chmod, copyFile, rename, rm } = await import('node:fs/promises')
    await chmod(this.#path, mode)
    try {
      await rename(this.#path, path)
    } catch (error) {
      // The temporary directory is often on another file system.
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
      await copyFile(this.#path, path)
      await rm(this.#path)
    }
    this.#path = path
  }
}
