/** package-lock.json: `npm ci` installs the reviewed packages, from the public registry. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

interface Entry {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly link?: boolean
}

const lock = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as {
  lockfileVersion: number
  packages: Record<string, Entry>
}
const entries = Object.entries(lock.packages).filter(([path]) => path !== '')
const failing = (fails: (entry: Entry) => boolean) =>
  entries.filter(([, entry]) => fails(entry)).map(([path]) => path)

describe('package-lock.json', () => {
  it('has a SHA-512 integrity for every package', () => {
    expect(lock.lockfileVersion).toBe(3)
    expect(entries.length).toBeGreaterThan(100)
    // 64 bytes in Base64.
    expect(failing(({ integrity = '' }) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity))).toEqual([])
  })

  it('refers only to the public registry, not to files or repositories', () => {
    const host = 'https://registry.npmjs.org/'
    expect(failing(({ resolved = host, link }) => link === true || !resolved.startsWith(host))).toEqual([])
    expect(failing(({ version }) => !/^\d+\.\d+\.\d+/.test(version ?? ''))).toEqual([])
  })
})
