/** A buffer for bytes: in memory up to a limit, then in a file that is already unlinked. */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SystemError } from '../core/errors.js'

const pieceBytes = 64 * 1024

/** First in, first out. One `append` and one `take` at a time. */
export class Spool {
  readonly #memoryBytes: number
  #memory: Uint8Array[] = []
  #inMemory = 0
  #file: FileHandle | null = null
  #written = 0
  #taken = 0

  /** @param memoryBytes what may stay in memory, in bytes; 0 keeps everything on disk. */
  constructor(memoryBytes: number) {
    this.#memoryBytes = memoryBytes
  }

  /** Bytes appended and not yet taken. */
  get size(): number {
    return this.#inMemory + this.#written - this.#taken
  }

  /**
   * Descriptor of the file, with its offset at 0, if memory was not sufficient: it holds all bytes if none
   * were taken before.
   */
  get fd(): number | null {
    return this.#file?.fd ?? null
  }

  /** True if the memory of the chunk is not needed any more. */
  async append(piece: Uint8Array): Promise<boolean> {
    if (!this.#file && this.#inMemory + piece.byteLength <= this.#memoryBytes) {
      this.#memory.push(piece)
      this.#inMemory += piece.byteLength
      return false
    }
    if (!this.#file) await this.#toFile()
    await this.#write(piece)
    return true
  }

  /** The next bytes, or null if there are none now. */
  async take(): Promise<Uint8Array | null> {
    const piece = this.#memory.shift()
    if (piece) {
      this.#inMemory -= piece.byteLength
      return piece
    }
    if (!this.#file || this.#taken === this.#written) return null
    const buffer = Buffer.allocUnsafe(Math.min(pieceBytes, this.#written - this.#taken))
    const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.#taken)
    this.#taken += bytesRead
    return buffer.subarray(0, bytesRead)
  }

  /** Same as {@link take}; lets a complete spool serve as a body. */
  read(): Promise<Uint8Array | null> {
    return this.take()
  }

  cancel(): void {}

  async close(): Promise<void> {
    const file = this.#file
    this.#file = null
    this.#memory = []
    await file?.close()
  }

  async #toFile(): Promise<void> {
    const path = join(tmpdir(), `cgiup-${process.pid}-${randomBytes(9).toString('base64url')}`)
    this.#file = await open(path, 'wx+', 0o600).catch(cannotKeep)
    await unlink(path)
    const pieces = this.#memory
    this.#memory = []
    this.#inMemory = 0
    for (const piece of pieces) await this.#write(piece)
  }

  /** Writes at a position, so that the offset, which a script inherits, stays at 0. */
  async #write(piece: Uint8Array): Promise<void> {
    const file = this.#file as FileHandle
    let at = 0
    while (at < piece.byteLength) {
      const { bytesWritten } = await file
        .write(piece, at, piece.byteLength - at, this.#written)
        .catch(cannotKeep)
      at += bytesWritten
      this.#written += bytesWritten
    }
  }
}

/** Neither the client nor the app can fix this, whatever the cause. */
function cannotKeep(error: Error): never {
  throw new SystemError(
    'NO_RESOURCES',
    `A request body could not be stored in the directory for temporary files: ${error.message} (TMPDIR is ${tmpdir()}).`,
    { cause: error },
  )
}
