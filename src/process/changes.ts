/** Detects changes of the app's code since it was loaded. */
import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { loadedFiles, packageOf, realPath } from '../core/loaded-files.js'

/** Checks between updates of the list of loaded files: modules may be loaded later. */
const collectEvery = 40

/** Maximum number of files that are checked. */
const mostFiles = 2000

/**
 * The files whose change calls for a new process: the app's file; the code that this process has loaded from
 * its package (the directory of the nearest package.json, else the file's own), without node_modules; and
 * `tmp/restart.txt` beside the file and in that package, which may be created later.
 */
export class AppFiles {
  readonly #root: string
  readonly #marks = new Map<string, string>()
  #checks = 0

  /**
   * @param entry the app's file as it was named: changing the target of a link in the path counts as a change
   */
  constructor(entry: string) {
    const real = realPath(entry)
    this.#root = packageOf(real)
    const restart = new Set(
      [dirname(entry), dirname(real), this.#root].map((dir) => join(dir, 'tmp/restart.txt')),
    )
    for (const file of [entry, real, ...restart]) this.#add(file)
    this.#collect()
  }

  /** Path of a file that changed, or null. Costs about two microseconds for each file. */
  changed(): string | null {
    if (++this.#checks % collectEvery === 0) this.#collect()
    for (const [file, mark] of this.#marks) {
      const now = markOf(file)
      // A missing file is being replaced; wait for the new one.
      if (now !== mark && now !== '') return file
    }
    return null
  }

  /** Takes a few milliseconds, about 30 the first time. */
  #collect(): void {
    for (const file of loadedFiles(this.#root)) if (this.#marks.size < mostFiles) this.#add(file)
  }

  #add(file: string): void {
    if (!this.#marks.has(file)) this.#marks.set(file, markOf(file))
  }
}

function markOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat === undefined ? '' : `${stat.mtimeMs} ${stat.size} ${stat.ino} ${stat.dev}`
}
