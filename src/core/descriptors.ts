/** Whether there are file descriptors enough to start a process. */
import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'

/**
 * To be called before `spawn`. When the descriptors run out between the pipes of a new process and the one by
 * which the failure of its `exec` is reported, Node keeps its ends of the pipes until it exits: under pressure
 * each attempt would cost some more.
 *
 * @param pipes how many pipes and channels the process is given
 * @throws NodeJS.ErrnoException EMFILE, ENFILE
 */
export function checkDescriptors(pipes: number): void {
  const spare: number[] = []
  // Both ends of each, and /dev/null in the child.
  const needed = 2 * (pipes + 1) + 1
  try {
    while (spare.length < needed) spare.push(openSync(devNull, 'r'))
  } finally {
    for (const fd of spare) closeSync(fd)
  }
}
