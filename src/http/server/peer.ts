/** The other end of an HTTP connection. */
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Peer } from '../../core/exchange.js'
import { proxyMark } from './proxy-marks.js'

/** Each fact is looked up on first use. */
export class HttpPeer implements Peer {
  readonly #req: IncomingMessage

  constructor(req: IncomingMessage) {
    this.#req = req
  }

  get proxyMark(): string | undefined {
    const { socket, httpVersion, rawHeaders } = this.#req
    const mark = proxyMark(httpVersion, rawHeaders)
    // HTTP over a Unix socket always comes from a proxy.
    return mark ?? (socket.remoteAddress === undefined && !socket.destroyed ? 'a Unix socket' : undefined)
  }

  get isLoopback(): boolean {
    return isLoopback(this.#req.socket.remoteAddress)
  }

  get isLocal(): boolean {
    return this.isLoopback && !isStranger(userOf(this.#req.socket))
  }
}

/** 127.0.0.0/8, also as an IPv6 socket writes it, or ::1. */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:::ffff:)?127\.\d+\.\d+\.\d+$|^::1$/i.test(address)
}

/**
 * True for another account on this machine, such as a proxy's (www-data, haproxy). Not for root, which may
 * see everything and which forwards ports for containers, nor for our own; under sudo the user's own account
 * is ours too.
 */
function isStranger(user: number | undefined): boolean {
  const own = process.getuid?.()
  if (user === undefined || user === 0 || own === undefined) return false
  return user !== own && !(own === 0 && String(user) === process.env.SUDO_UID)
}

/** The user that owns the other end of a local connection; undefined when the system does not say. */
function userOf({ remoteAddress, remotePort, localPort }: Socket): number | undefined {
  if (remoteAddress === undefined || remotePort === undefined || localPort === undefined) return undefined
  // The client's socket: its local port is our remote port.
  const ports = new RegExp(`^ *\\d+: [0-9A-F]+:${hex(remotePort)} [0-9A-F]+:${hex(localPort)} 01 `, 'm')
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const rows = read(table)
    const at = rows.search(ports)
    // proc_net_tcp: sl, local, remote, st, tx:rx, tr:tm, retrnsmt, uid
    if (at >= 0) return Number(rows.slice(at).trimStart().split(/\s+/, 8)[7])
  }
  return undefined
}

const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0')

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
