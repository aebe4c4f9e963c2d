/** Parses addresses as people write them. */
import { UsageError } from '../core/errors.js'

/** A TCP address or the path of a Unix socket. */
export interface Address {
  readonly host?: string
  /** 0 selects any free port. */
  readonly port?: number
  /** Path of a Unix socket; then host and port are absent. */
  readonly path?: string
}

/**
 * Parses `host:port`, `:port` (this machine only), `*:port` (every address), `[::1]:port`, `port`,
 * `unix:/path` or `/path`.
 * @throws UsageError ADDRESS_INVALID
 */
export function parseAddress(text: string): Address {
  const path = /^(?:unix:)?(\/.*[^/])$/.exec(text)?.[1] ?? /^unix:(.*[^/])$/.exec(text)?.[1]
  if (path !== undefined) return { path }
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]/]*)):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (!match || port > 65535) {
    throw new UsageError('ADDRESS_INVALID', `Cannot listen on ${JSON.stringify(text)}.${whyNot(text)}`)
  }
  const host = match[1] ?? match[2]
  if (host === '*') return { host: '::', port }
  return host ? { host, port } : { port }
}

function whyNot(text: string): string {
  if (/^[^\d:][^:]*$/.test(text)) return ` For a socket file, write unix:${text}.`
  const port = /^(?:.*:)?([^:\]/]+)$/.exec(text)?.[1]
  return port === undefined ? '' : ` A port is a number from 0 to 65535, not ${JSON.stringify(port)}.`
}
