/** System groups, by name. Node has no getgrnam(3). */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'

/** The number of a group. @throws Error if there is no such group */
export async function groupId(group: string | number): Promise<number> {
  if (typeof group === 'number') return group
  if (/^\d+$/.test(group)) return Number(group)
  const found = numberOf(group, await readFile('/etc/group', 'utf8').catch(() => ''))
  // Groups of a directory service are not in any file.
  const id = found ?? numberOf(group, await getent(group))
  if (id === undefined) throw new Error(`there is no group ${JSON.stringify(group)}`)
  return id
}

function numberOf(group: string, text: string): number | undefined {
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':')
    if (name === group && id !== undefined) return Number(id)
  }
  return undefined
}

const getent = (group: string): Promise<string> =>
  new Promise((resolve) => {
    execFile('getent', ['group', '--', group], { timeout: 5000 }, (error, out) => resolve(error ? '' : out))
  })
