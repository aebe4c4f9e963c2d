/** Reads the files of a form on disk, and moves them in one step: complete and with their mode. */
import { randomBytes } from 'node:crypto'
import { chmod, constants, copyFile, readFile, rename, rm, writeFile } from 'node:fs/promises'

export const readBytes = (path: string): Promise<Uint8Array> => readFile(path)

/**
 * Moves a file, also to another file system. Anything at `path` is replaced; a link is replaced, not
 * followed.
 */
export async function moveTo(from: string, path: string, mode: number): Promise<void> {
  await chmod(from, mode)
  try {
    await rename(from, path)
  } catch (error) {
    // The temporary directory is often on another file system.
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
    await place(path, mode, (draft) => copyFile(from, draft, constants.COPYFILE_EXCL))
    await rm(from)
  }
}

export function writeTo(path: string, mode: number, bytes: Uint8Array): Promise<void> {
  return place(path, mode, (draft) => writeFile(draft, bytes, { mode: 0o600, flag: 'wx' }))
}

/** Writes a draft and renames it: nobody sees a partial file, and the old file stays if the write fails. */
async function place(path: string, mode: number, write: (draft: string) => Promise<void>): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await write(draft)
    await chmod(draft, mode)
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}
