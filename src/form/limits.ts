/** The limits of one form: names, defaults and units. All are on unless the caller raises them. */
import { UsageError } from '../core/errors.js'
import type { FileHandler } from './types.js'

const KiB = 1024
const MiB = 1024 * KiB

/** What a form may hold. Crossing one is a {@link FormError} with status 413 that names the limit. */
export interface FormLimits {
  /** Fields that are not files. Count; default 1000. */
  fields: number
  /** Files. Count; default 20. */
  files: number
  /** Parts of a multipart form, fields and files together. Count; default 1000. */
  parts: number
  /** The name of one field or file control. Bytes of UTF-8; default 256. */
  fieldNameSize: number
  /** The value of one field. Bytes; default 1 MiB. */
  fieldSize: number
  /** Names and values of all fields together: they are held in memory. Bytes; default 8 MiB. */
  fieldsSize: number
  /** One file. Bytes; default 16 MiB. */
  fileSize: number
  /** All files together, where they are held in memory (`store: 'memory'`). Bytes; default 32 MiB. */
  memorySize: number
  /** The whole request body as it is sent. Bytes; default 64 MiB. */
  totalSize: number
  /** Header fields of one part. Count; default 32. */
  headerPairs: number
  /** The head of one part. Bytes; default 8 KiB, at most 16 KiB (the parser's own bound). */
  headerSize: number
}

/** The limits that apply where the caller names none. */
export const defaultLimits: Readonly<FormLimits> = Object.freeze({
  fields: 1000,
  files: 20,
  parts: 1000,
  fieldNameSize: 256,
  fieldSize: 1 * MiB,
  fieldsSize: 8 * MiB,
  fileSize: 16 * MiB,
  memorySize: 32 * MiB,
  totalSize: 64 * MiB,
  headerPairs: 32,
  headerSize: 8 * KiB,
})

/** The second argument of `form()`: any of the limits, and where files go. */
export interface FormOptions extends Partial<FormLimits> {
  /**
   * Where files go. `'disk'` (default): a private directory, one file each with a random name and
   * mode 0600; `'memory'`: held as bytes, see `memorySize`; `'refuse'`: a form with a file is an
   * error; a function: called with each file as it arrives, one at a time, with back-pressure.
   */
  store?: 'disk' | 'memory' | 'refuse' | FileHandler
  /** The directory in which the private directory is made (`store: 'disk'`). Default: `os.tmpdir()`. */
  directory?: string
  /** Gives up when it aborts, with the error REQUEST_ABORTED; the request's own signal always counts. */
  signal?: AbortSignal
}

export interface FormSettings {
  readonly limits: Readonly<FormLimits>
  readonly store: 'disk' | 'memory' | 'refuse' | FileHandler
  readonly directory: string | undefined
  readonly signal: AbortSignal | undefined
}

const otherOptions = ['store', 'directory', 'signal']

/** Checks the options: a misspelt limit must not be a limit that is off. */
export function readFormOptions(options: FormOptions = {}): FormSettings {
  const limits: FormLimits = { ...defaultLimits }
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || otherOptions.includes(name)) continue
    if (!Object.hasOwn(defaultLimits, name)) {
      const known = [...Object.keys(defaultLimits), ...otherOptions].join(', ')
      throw new UsageError('USAGE', `form() has no option "${name}". It has: ${known}.`)
    }
    if (typeof value !== 'number' || Number.isNaN(value) || value < 0) {
      throw new UsageError('USAGE', `The form limit ${name} is a number of 0 or more, not ${String(value)}.`)
    }
    limits[name as keyof FormLimits] = value
  }
  limits.headerSize = Math.min(limits.headerSize, 16 * KiB)
  const store = options.store ?? 'disk'
  if (typeof store !== 'function' && !['disk', 'memory', 'refuse'].includes(store)) {
    throw new UsageError(
      'USAGE',
      `The form option store is 'disk', 'memory', 'refuse' or a function, not ${store}.`,
    )
  }
  return { limits, store, directory: options.directory, signal: options.signal }
}
