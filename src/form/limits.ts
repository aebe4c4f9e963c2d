/** The options of one form. All limits apply unless the caller raises them. */
import { checkLimits, wrongValue } from '../core/limits/check.js'
import { formLimits } from '../core/limits/forms.js'
import { type LimitValues, limitValues } from '../core/limits/limit.js'
import type { FileHandler } from './types.js'

/** Limits of a form. Exceeding one throws a {@link FormError} with status 413 that names the limit. */
export type FormLimits = { -readonly [name in keyof LimitValues<typeof formLimits>]: number }

/** The default limits. */
export const defaultLimits: Readonly<FormLimits> = Object.freeze(limitValues(formLimits, {}))

/** The second argument of `form()`: any of the limits, and where files are stored. */
export interface FormOptions extends Partial<FormLimits> {
  /**
   * Where files are stored. `'disk'` (default): a private directory, one file each with a random name and
   * mode 0600; `'memory'`: as bytes, see `memorySize`; `'refuse'`: a form with a file is an error; a
   * function: called with each file as it arrives, one at a time, with back-pressure.
   */
  store?: 'disk' | 'memory' | 'refuse' | FileHandler
  /** Parent of the private directory (`store: 'disk'`). Default: `os.tmpdir()`. */
  directory?: string
  /**
   * Stops reading when it aborts, with the error REQUEST_ABORTED; the request's own signal is always obeyed
   * too.
   */
  signal?: AbortSignal
}

export interface FormSettings {
  readonly limits: Readonly<FormLimits>
  readonly store: 'disk' | 'memory' | 'refuse' | FileHandler
  readonly directory: string | undefined
  readonly signal: AbortSignal | undefined
}

const otherOptions = ['store', 'directory', 'signal']

/** Checks the options: a misspelt limit must not silently disable that limit. */
export function readFormOptions(options: FormOptions = {}): FormSettings {
  checkLimits('form()', formLimits, options, otherOptions)
  const limits: FormLimits = limitValues(formLimits, options)
  limits.headerSize = Math.min(limits.headerSize, 16 * 1024)
  const store = options.store ?? 'disk'
  if (typeof store !== 'function' && !['disk', 'memory', 'refuse'].includes(store)) {
    throw wrongValue('store of form()', "'disk', 'memory', 'refuse' or a function", store)
  }
  return { limits, store, directory: options.directory, signal: options.signal }
}
