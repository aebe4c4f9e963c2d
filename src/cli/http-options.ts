/** Options for access control, shared by `cgiup APP` and `cgiup host`. */
import { all, type Command, type Parsed } from './args.js'

type Option = Command['options'][string]

export const allow: Option = {
  value: 'ADDR,…',
  many: true,
  help: 'TCP: addresses and networks that may connect, such as\n127.0.0.1,10.0.0.0/8. Default: everyone who can reach the socket.',
}

export const allowedHost: Option = {
  value: 'NAME',
  many: true,
  help: 'HTTP in development: another host name to accept, such as\napp.example, *.example, or * for every name. Names of this\nmachine and IP addresses are always accepted.',
}

export function allowOf(parsed: Parsed): { allow?: readonly string[] } {
  const allow = all(parsed, 'allow').flatMap((list) => list.split(',').map((entry) => entry.trim()))
  return allow.length > 0 ? { allow } : {}
}

export function allowedHostsOf(parsed: Parsed): { allowedHosts?: readonly string[] } {
  const allowedHosts = all(parsed, 'allowed-host').flatMap((list) => list.split(','))
  return allowedHosts.length > 0 ? { allowedHosts } : {}
}
