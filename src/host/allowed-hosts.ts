/** The host names that a development server answers to. */
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { UsageError } from '../core/errors.js'

/** Environment variable with further names, separated by commas or spaces. */
export const hostsVariable = 'CGIUP_ALLOWED_HOSTS'

export interface HostRule {
  /**
   * True when this server answers requests for this host. DNS rebinding needs a domain name that the attacker
   * controls, and none of these is one.
   *
   * @param authority `host[:port]`; the port is ignored
   */
  allows(authority: string): boolean
  /**
   * True when pages of this host are trusted as the user's own. As {@link HostRule.allows}, but only for some
   * addresses, and `*` adds nothing.
   */
  trusts(authority: string): boolean
}

/**
 * @param names from the options: `app.example`, `*.example` (all names below it), `*`; the variable
 *   CGIUP_ALLOWED_HOSTS adds to them
 * @param listen the host that the server listens on
 * @throws UsageError USAGE for an invalid name
 */
export function hostRule(names: readonly string[] = [], listen?: string): HostRule {
  const more = (process.env[hostsVariable] ?? '').split(/[\s,]+/).filter((name) => name !== '')
  const given = [
    ...names.map((name) => read(name, 'The option allowedHosts (--allowed-host)')),
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
      // No Host field (HTTP/1.0): browsers always send one.
      if (host === '' || every) return true
      return host !== null && (isAddress(host) || isNamed(host))
    },
    trusts: (authority) => {
      const host = canonical(authority)
      return host !== null && (isNamed(host) || /^(?:127\.|\[::1\]$)/.test(host))
    },
  }
}

/** `localhost` and this machine's own name, full and short, with and without `.local` (multicast DNS). */
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

/** @returns the {@link canonical} name, or `*`, or `*.name` */
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

/** True when a name is safe to show in a suggested command line; a client may have chosen it. */
export const isPlainName = (name: string): boolean => /^[a-z0-9._-]+$/.test(name) && !name.startsWith('-')

/**
 * The host of `host[:port]` as browsers send it: lower case, addresses in their canonical form, no trailing
 * dot. '' for an empty host; null for an invalid one.
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
