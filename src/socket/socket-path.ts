/** The path of an inherited Unix socket. Node does not provide it. */
import { fstatSync, readFileSync } from 'node:fs'

/** Path of a Unix socket by its descriptor; undefined for TCP, and without /proc (macOS). */
export function socketPath(fd: number): string | undefined {
  try {
    const inode = String(fstatSync(fd, { bigint: true }).ino)
    // Num RefCount Protocol Flags Type St Inode Path
    for (const line of readFileSync('/proc/net/unix', 'utf8').split('\n')) {
      const [, found, path] = /^(?:\S+ +){6}(\d+) (\/.*)$/.exec(line) ?? []
      if (found === inode) return path
    }
  } catch {
    // Not visible here.
  }
  return undefined
}
