/** How much of the data written to a socket its peer has not acknowledged: the kernel's send queue (Linux). */
import { readFileSync, readlinkSync } from 'node:fs'

/** Bytes by the inode of the socket: one snapshot, shared by all callers of this moment. */
let table: ReadonlyMap<string, number> | null = null

/** For a TCP socket; undefined if the system does not provide it. */
export function sendQueue(fd: number | undefined): number | undefined {
  if (fd === undefined || fd < 0 || process.platform !== 'linux') return undefined
  try {
    const [, inode = ''] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`)) ?? []
    if (table === null) {
      table = readTable()
      // The connections of a server are checked in one turn.
      setImmediate(() => {
        table = null
      })
    }
    return table.get(inode)
  } catch {
    return undefined
  }
}

function readTable(): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>()
  for (const file of ['tcp', 'tcp6']) {
    for (const row of rowsOf(file)) {
      // proc_net_tcp: sl, local, remote, st, tx:rx, tr:tm, retrnsmt, uid, timeout, inode
      const cells = row.trimStart().split(/\s+/, 10)
      if (cells[9] !== undefined) sizes.set(cells[9], Number.parseInt(cells[4] as string, 16))
    }
  }
  return sizes
}

function rowsOf(file: string): string[] {
  try {
    return readFileSync(`/proc/self/net/${file}`, 'latin1').split('\n').slice(1)
  } catch {
    return [] // Without IPv6, or without a descriptor left.
  }
}
