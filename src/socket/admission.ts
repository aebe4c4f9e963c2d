/** Who may connect: FCGI_WEB_SERVER_ADDRS (FastCGI 1.0 section 3.2) and the option `allow`. */
import { BlockList, isIP } from 'node:net'
import { UsageError } from '../core/errors.js'
import type { Wire } from './wire.js'

export interface AdmissionOptions {
  /**
   * Addresses and networks that may connect: `192.0.2.7`, `10.0.0.0/8`, `::1`. Does not apply to Unix
   * sockets: their file mode controls access. Default: every peer that can reach the socket.
   */
  readonly allow?: readonly string[]
  /** FCGI_WEB_SERVER_ADDRS: addresses, separated by commas. Connections from other peers are closed. */
  readonly webServerAddrs?: string
}

/** Null for a peer that may connect, else the line for the log. */
export type Admission = (peer: Pick<Wire, 'remoteAddress' | 'remoteFamily'>) => string | null

/** @throws UsageError USAGE for an entry that is not an address */
export function admission({ allow, webServerAddrs }: AdmissionOptions): Admission {
  const allowed = allow === undefined ? null : listOf(allow, 'allow')
  // FastCGI 1.0 section 3.2: "a comma separated list of valid IP addresses for the Web server", checked at
  // each connection.
  const servers = webServerAddrs ? listOf(webServerAddrs.split(','), 'FCGI_WEB_SERVER_ADDRS') : null
  if (allowed === null && servers === null) return () => null
  return (peer) => {
    const { remoteAddress, remoteFamily } = peer
    const known = (list: BlockList) =>
      remoteAddress !== undefined && list.check(remoteAddress, remoteFamily === 'IPv6' ? 'ipv6' : 'ipv4')
    // FastCGI 1.0 section 3.2: a peer without an IP address, as on a Unix socket, also fails the check.
    if (servers !== null && !known(servers))
      return `connection from ${remoteAddress ?? 'a local process'} closed: not in FCGI_WEB_SERVER_ADDRS`
    if (allowed !== null && remoteAddress !== undefined && !known(allowed))
      return `connection from ${remoteAddress} closed: not in the option allow`
    return null
  }
}

function listOf(entries: readonly string[], name: string): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(entry.trim()) ?? []
    const version = isIP(address)
    const most = version === 6 ? 128 : 32
    const bits = prefix === undefined ? most : Number(prefix)
    if (version === 0 || bits > most)
      throw new UsageError(
        'USAGE',
        `${name === 'allow' ? 'The option allow (--allow)' : name} has ${JSON.stringify(entry)}, which is not an IP address or a network; write 127.0.0.1 or 10.0.0.0/8.`,
      )
    list.addSubnet(address, bits, version === 6 ? 'ipv6' : 'ipv4')
    // A dual-stack socket reports IPv4 peers as ::ffff:192.0.2.7.
    if (version === 4) list.addSubnet(`::ffff:${address}`, 96 + bits, 'ipv6')
  }
  return list
}
