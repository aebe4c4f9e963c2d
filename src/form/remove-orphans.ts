/** Removes directories left by processes that ended by SIGKILL, a crash or a power failure. */
import { lstat, readdir, readFile, rm, stat } from 'node:fs/promises'
import { shortage } from '../core/errors.js'
import { hasEnded, ownerFile } from './owner.js'

/** The names that mkdtemp makes from our prefix. */
const directoryPattern = /^cgiup-form-[A-Za-z0-9]{6}$/

/** Minimum age of a directory before it is removed, in milliseconds. */
const ageMs = 3_600_000

const swept = new Set<string>()

/** Runs once per parent directory in a process. Never rejects: what cannot be removed stays. */
export async function sweep(parent: string): Promise<void> {
  if (swept.has(parent)) return
  swept.add(parent)
  try {
    // If any user may rename our files, a path that was checked may since be another file.
    const { mode } = await stat(parent)
    if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0) return
    for (const name of await readdir(parent))
      if (directoryPattern.test(name)) await remove(`${parent}/${name}`).catch(() => {})
  } catch (error) {
    // The code that uses the directory reports the error. When descriptors ran out, the next upload tries
    // again.
    if (shortage(error, parent) !== null) swept.delete(parent)
  }
}

async function remove(path: string): Promise<void> {
  const found = await lstat(path)
  const isOurs = found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o777) === 0o700
  if (!isOurs || Date.now() - found.mtimeMs < ageMs) return
  if (hasEnded(await readFile(`${path}/${ownerFile}`, 'latin1')))
    await rm(path, { recursive: true, force: true })
}
