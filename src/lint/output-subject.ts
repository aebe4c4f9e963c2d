/** One line of the head. */
export interface HeadLine {
  /** Counted from 1. */
  readonly number: number
  /** Latin-1, without the line end. */
  readonly text: string
  /** The field name as written; null for a line that is not a header field. */
  readonly name: string | null
  /** The field value, without the white space around it. */
  readonly value: string
}

/** A script's output and what is known about its run. */
export interface OutputSubject {
  readonly method: string
  /** The complete stdout. */
  readonly output: Uint8Array
  /** The script is called as a non-parsed-header script (`nph-` name). Default false. */
  readonly nph?: boolean
  /** Null when a signal ended the script. */
  readonly exitCode?: number | null
  readonly signal?: string | null
  /** What the script wrote to stderr. */
  readonly stderr?: string
}

/** A run with its output parsed, for the rules. */
export interface Subject extends OutputSubject {
  readonly lines: readonly HeadLine[]
  /** Value of the first field of that name, in lower case; undefined if absent or empty. */
  field(name: string): string | undefined
  /** Every line of that name. */
  fields(name: string): readonly HeadLine[]
  /** The three digits of Status; 302 for a redirect without a Status, else 200. */
  readonly status: number
  /** The empty line after the head is present. */
  readonly complete: boolean
  readonly headBytes: number
  readonly body: Uint8Array
}
