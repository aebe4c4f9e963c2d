/** Types of the receivers of fields and files. */
import type { FormField } from './data.js'

export interface PartTaker {
  field(name: string, value: string): void
  /** Called for one file at a time, in order; bytes it does not read are discarded. */
  file(file: FilePart): Promise<void>
}

export interface FilePart {
  readonly field: string
  readonly name: string
  readonly type: string
  readonly bytes: AsyncIterable<Uint8Array>
}

/** A file while it arrives: iterate over it for its bytes. */
export interface IncomingFile extends AsyncIterable<Uint8Array> {
  /** The name of the form control. */
  readonly field: string
  /** The client's file name without path and control characters; may be empty, is not unique. */
  readonly name: string
  /** The media type that the client claims, in lower case, without parameters. Not verified. */
  readonly type: string
  /** The fields that came before this file. */
  readonly fields: readonly FormField[]
}

/**
 * Receives one file. The form continues when the promise settles; bytes that were not read are discarded. If
 * it throws, `form()` rejects with the same error.
 */
export type FileHandler = (file: IncomingFile) => unknown
