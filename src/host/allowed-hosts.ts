/** Names by which a development server may be asked for. */
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { UsageError } from '../core/errors.js'

/** Further names, separated by commas or spaces. */
export const hostsVariable = 'CGIUP_ALLOWED_HOSTS'

export interface HostRule {
  /**
   * A request for this host is for this server: DNS rebinding needs a name, and cannot have one of these.
   *
   * @param authority `host[:port]`; the port does not matter
   */
  allows(authority: string): boolean
  /**
   * Pages of this host are those of the person here: as {@link HostRule.allows}, but not every address, and
   * `*` is not meant.
   */
  trusts(authority: string): boolean
}

/**
 * @param names what the options say: `app.example`, `*.example` (all names below it), `*`; the variable
 *   CGIUP_ALLOWED_HOSTS adds to them
 * @param listen the host that is listened on
 * @throws UsageError USAGE for what is not a name
 */
export function hostRule(names: readonly string[] = [], listen?: string): HostRule {
  const more = (process.env[hostsVariable] ?? '').split(/[\s,]+/).filter((name) => name !== '')
  const given = [
    ...names.map((name) => read(name, 'allowedHosts')),
    ...more.map((name) => read(name, hostsVariable)),
  ]
  const exact = new Set([...machineNames(), ...given.filter((name) => !name.startsWith('*'))])
  if (listen !== undefined) exact.add(canonical(listen) ?? listen)
  const endings = given.filter((name) => name.startsWith('*.')).map((name) => name.slice(1))
  const every = given.includes('*')
  const isNamed = (host: string) =>
    exact.has(host) || host.endsWith('.localhost') || endings.some((ending) => host.endsWith(ending))
  return {
    allows: (authority) => {
      const host = canonical(authority)
      // No Host (HTTP/1.0): no browser leaves it out.
      if (host === '' || every) return true
      return host !== null && (isAddress(host) || isNamed(host))
    },
    trusts: (authority) => {
      const host = canonical(authority)
      return host !== null && (isNamed(host) || /^(?:127\.|\[::1\]$)/.test(host))
    },
  }
}

/** `localhost`, and this machine's own name, whole and short, with and without `.local` (multicast DNS). */
function machineNames(): string[] {
  const name = hostname().toLowerCase().replace(/\.$/, '')
  const names = new Set(['localhost'])
  for (const one of [name, name.split('.', 1)[0] as string]) {
    if (one === '') continue
    names.add(one)
    names.add(one.endsWith('.local') ? one.slice(0, -'.local'.length) : `${one}.local`)
  }
  return [...names]
}

/** @returns as {@link canonical} has it, or `*`, or `*.name` */
function read(text: string, where: string): string {
  const name = text.trim()
  if (name === '*') return name
  const [, dot = '', rest = ''] = /^(?:\*?(\.))?(.*)$/s.exec(name) ?? []
  const host = /[/@?#*]/.test(rest) ? null : canonical(rest)
  if (host) return dot === '' ? host : `*.${host}`
  const near = /^[a-z][a-z0-9+.-]*:\/\//i.test(name) && URL.canParse(name) ? new URL(name).hostname : ''
  const hint = near === '' ? '' : ` Did you mean ${near}?`
  throw new UsageError(
    'USAGE',
    `${where} has ${JSON.stringify(text)}, which is not a host name; write app.example, *.example or *.${hint}`,
  )
}

/** What can appear in a command line as it is; a stranger may have chosen it. */
export const isPlainName = (name: string): boolean => /^[a-z0-9._-]+$/.test(name) && !name.startsWith('-')

/**
 * The host of `host[:port]` as browsers send it: small letters, numbers as an address, no dot at its end.
 * '' for an empty one; null for what cannot be a host.
 */
export function canonical(authority: string): string | null {
  if (authority === '') return ''
  try {
    return new URL(`http://${authority}/`).hostname.replace(/\.$/, '')
  } catch {
    return null
  }
}

function isAddress(host: string): boolean {
  return host.startsWith('[') || isIP(host) !== 0
}
