/** Who takes the parts as they come. */
import type { FormField } from './data.js'

export interface PartTaker {
  field(name: string, value: string): void
  /** Called for one file at a time, in the order of the form; what it leaves unread is discarded. */
  file(file: FilePart): Promise<void>
}

export interface FilePart {
  readonly field: string
  readonly name: string
  readonly type: string
  readonly bytes: AsyncIterable<Uint8Array>
}

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
