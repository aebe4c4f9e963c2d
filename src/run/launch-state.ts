/** The launch under way, where a program (`cgiup FILE`) loads the app. */
import type { Running, RunOptions } from './options.js'

/** What a program that loads apps (the command `cgiup APP`) knows, shared by all copies of this module. */
export interface Launch {
  /** The app's file, as it was named. */
  file?: string
  /** Override the options in the app's own call. */
  options: RunOptions
  /** Set by `run()`: what the app file, or the launching program, got from it. */
  running?: Promise<Running>
}

const launchKey = Symbol.for('cgiup.launch')

/** The launch under way, or undefined where a program was started without one. */
export function currentLaunch(): Launch | undefined {
  return (globalThis as { [launchKey]?: Launch })[launchKey]
}

/** Tells later calls of `run()`, in whatever copy of the package, where they are started from. */
export function beginLaunch(options: RunOptions, file?: string): Launch {
  const launch: Launch = { options, ...(file !== undefined && { file }) }
  ;(globalThis as { [launchKey]?: Launch })[launchKey] = launch
  return launch
}
