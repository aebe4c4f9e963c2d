/** State of the current launch, when a program (`cgiup FILE`) loads the app. */
import type { Running, RunOptions } from './options.js'

/** What a program that loads apps (such as `cgiup APP`) knows; shared by all copies of this module. */
export interface Launch {
  /** Path of the app's file, as given. */
  file?: string
  /** Override the options in the app's own call. */
  options: RunOptions
  /** Set by `run()`: the result for the app file or the launching program. */
  running?: Promise<Running>
}

const launchKey = Symbol.for('cgiup.launch')

/** The current launch, or undefined if a program was started without one. */
export function currentLaunch(): Launch | undefined {
  return (globalThis as { [launchKey]?: Launch })[launchKey]
}

/**
 * Merges the options of the app's own call and of the launch. The launch takes precedence; `recycle` and
 * `repairs` are combined.
 */
export function overridden(own: RunOptions | null, flags: RunOptions | undefined): RunOptions {
  const options: RunOptions = { ...own, ...flags }
  if (own?.recycle && flags?.recycle) options.recycle = { ...own.recycle, ...flags.recycle }
  if (own?.repairs && flags?.repairs) options.repairs = { ...own.repairs, ...flags.repairs }
  return options
}

/** Registers the launch for later calls of `run()` in any copy of the package. */
export function beginLaunch(options: RunOptions, file?: string): Launch {
  const launch: Launch = { options, ...(file !== undefined && { file }) }
  ;(globalThis as { [launchKey]?: Launch })[launchKey] = launch
  return launch
}
