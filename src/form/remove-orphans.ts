/** Removes the directories of processes that could not do it themselves: SIGKILL, a crash, a power cut. */
import { lstat, readdir, readFile, rm, stat } from 'node:fs/promises'
import { shortage } from '../core/errors.js'
import { hasEnded, ownerFile } from './owner.js'

/** What mkdtemp makes of our prefix. */
const directoryPattern = /^cgiup-form-[A-Za-z0-9]{6}$/

/** Younger ones are left alone, in milliseconds: nobody waits for their disk space. */
const ageMs = 3_600_000

const swept = new Set<string>()

/** Once for each parent in the life of the process. Never rejects: what cannot be removed stays. */
export async function sweep(parent: string): Promise<void> {
  if (swept.has(parent)) return
  swept.add(parent)
  try {
    // Where anybody may rename what is ours, a path that was checked may be another one by now.
    const { mode } = await stat(parent)
    if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0) return
    for (const name of await readdir(parent))
      if (directoryPattern.test(name)) await remove(`${parent}/${name}`).catch(() => {})
  } catch (error) {
    // Whoever needs the directory gets the error. For want of a descriptor the next upload sweeps.
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
