/** Whether there are enough file descriptors to start a process. */
import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'

/**
 * Call this before `spawn`. If the descriptors run out between the pipes of a new process and the one that
 * reports a failed `exec`, Node keeps its ends of the pipes until it exits: under load each attempt would
 * leak some more.
 *
 * @param pipes how many pipes and channels the process gets
 * @throws NodeJS.ErrnoException EMFILE, ENFILE
 */
export function checkDescriptors(pipes: number): void {
  const spare: number[] = []
  // Both ends of each pipe, and /dev/null in the child.
  const needed = 2 * (pipes + 1) + 1
  try {
    while (spare.length < needed) spare.push(openSync(devNull, 'r'))
  } finally {
    for (const fd of spare) closeSync(fd)
  }
}
