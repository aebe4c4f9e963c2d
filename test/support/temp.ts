/** Temporary directories that are removed when the test file is done. */

import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const made = new Set<string>()

/**
 * A new empty directory, readable by every user (web servers started by root change theirs).
 * Removed after the last test of the file (each-file.ts).
 */
export function tempDir(name = 'test'): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), `${name}-`)))
  chmodSync(path, 0o755)
  made.add(path)
  return path
}

/** Removes one now; for tests that look at what is left. */
export function removeTempDir(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 5 })
  made.delete(path)
}

/** Removes the remaining ones. */
export function removeTempDirs(): void {
  for (const path of made) removeTempDir(path)
}
