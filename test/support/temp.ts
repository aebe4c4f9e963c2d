/** Temporary directories that are removed at the end of the test file. */

import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const made = new Set<string>()

/**
 * A new empty directory, readable by every user (web servers started by root switch to another user). Removed
 * after the last test of the file (each-file.ts).
 */
export function tempDir(name = 'test'): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), `${name}-`)))
  chmodSync(path, 0o755)
  made.add(path)
  return path
}

/** Removes a directory now; for tests that check for leftovers. */
export function removeTempDir(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 5 })
  made.delete(path)
}

/** Removes the remaining ones. */
export function removeTempDirs(): void {
  for (const path of made) removeTempDir(path)
}
