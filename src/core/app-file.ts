/** The app file that a launching program (`cgiup FILE`) loads, as it was named. */

interface Launched {
  readonly file?: string
}

/** Undefined if the program itself is the app. All copies of this package share it (run/launch-state.ts). */
export function launchedFile(): string | undefined {
  return (globalThis as { [key: symbol]: Launched | undefined })[Symbol.for('cgiup.launch')]?.file
}
