/** Whether the connection has to wait for the reader of a body. */

import type { PushedBody } from '../../serve/body.js'
import type { Limits } from '../../serve/limits.js'
import { Spool } from '../../serve/spool.js'

/** @param multiplexed other requests of the connection must not wait: the body goes to a file */
export const holdsUp = (body: PushedBody, limits: Limits, multiplexed: boolean): boolean => {
  const { maxUnreadBytes, maxSpoolBytes } = limits
  if (body.queued <= maxUnreadBytes) return false
  if (!body.spilling) {
    if (!multiplexed) return true
    body.spill(new Spool(0))
    return false
  }
  // A file that is slow is waited for.
  if (body.spooled <= maxSpoolBytes) return body.unwritten > 4 * maxUnreadBytes
  body.settle()
  return true
}
