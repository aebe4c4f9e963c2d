/** Where `run()` listens. */
import { type Address, parseAddress } from '../socket/address.js'
import type { RunPlan } from './resolve.js'

/** Default ports: php-fpm's, and that of the first SCGI server. */
const defaultPort = { fastcgi: 9000, scgi: 4000, http: 8080 }

/** @throws UsageError ADDRESS_INVALID */
export function addressOf({ place }: RunPlan, server: keyof typeof defaultPort): Address {
  const { listen, host, port = defaultPort[server] } = place
  const at = listen === undefined ? { port } : parseAddress(listen)
  return { ...(host !== undefined && { host }), ...at }
}
