/** Servers that send no more of a request body once the reply has begun. */
import type { Env, Reply } from '../core/exchange.js'
import { serverOf } from '../env/server.js'
import type { PushedBody } from './body.js'

/** An exchange whose reply may have to wait for the whole request body. */
export interface Waiting {
  readonly env: Env
  readonly stdin: PushedBody
  /** The reply has waited for the body already. */
  bodyAwaited: boolean
}

/**
 * Whether a reply has to wait until all of the body is here: an app that writes what it reads (an echo, a
 * proxy, a transformation) would wait forever for the rest. Replies in one piece need no more of it.
 */
export function needsBodyFirst(exchange: Waiting, body: Reply['body']): boolean {
  const { stdin } = exchange
  if (stdin.ended || stdin.cancelled || exchange.bodyAwaited) return false
  if (body === null || typeof body === 'string' || body instanceof Uint8Array) return false
  return serverOf(exchange.env).isHalfDuplex
}
