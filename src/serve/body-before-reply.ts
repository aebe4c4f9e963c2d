/** Servers that stop sending the request body once the reply has begun. */
import type { Env, Reply } from '../core/exchange.js'
import { serverOf } from '../env/server.js'
import type { PushedBody } from './body.js'

/** An exchange whose reply may have to wait for the whole request body. */
export interface Waiting {
  readonly env: Env
  readonly stdin: PushedBody
  /** The reply has already waited for the body. */
  bodyAwaited: boolean
}

/**
 * Whether a reply must wait until the whole body has arrived: an app that writes what it reads (an echo, a
 * proxy, a transformation) would wait forever for the rest. A reply that is not streamed does not need the
 * rest.
 */
export function needsBodyFirst(exchange: Waiting, body: Reply['body']): boolean {
  const { stdin } = exchange
  if (stdin.ended || stdin.cancelled || exchange.bodyAwaited) return false
  if (body === null || typeof body === 'string' || body instanceof Uint8Array) return false
  return serverOf(exchange.env).isHalfDuplex
}
