/** Who takes the parts as they come. */
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
