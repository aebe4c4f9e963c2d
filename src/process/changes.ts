/** Did the code of the app change since it was loaded? */
import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { loadedFiles, packageOf, realPath } from '../core/loaded-files.js'

/** Checks after which the list of loaded files is recreated: modules can be loaded later. */
const collectEvery = 40

/** Most files that are checked. */
const mostFiles = 2000

/**
 * Files whose change asks for a fresh process: the app's file; the code that this process has loaded from
 * the package the file belongs to (the directory of the nearest package.json, else the file's own), without
 * node_modules; and `tmp/restart.txt` beside the file and in that package, which may appear later.
 */
export class AppFiles {
  readonly #root: string
  readonly #marks = new Map<string, string>()
  #checks = 0

  /** @param entry the app's file as it was named: a link in the path that is pointed elsewhere is a change */
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
      // A file that is missing is being replaced; what is there afterwards counts.
      if (now !== mark && now !== '') return file
    }
    return null
  }

  /** Costs some milliseconds, the first time 30. */
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
