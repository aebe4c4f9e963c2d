/**
 * Which connection is closed when there are maxConnections of them: first those that have never sent a byte,
 * then those with an incomplete first request, then kept ones without a request. Of each kind the oldest.
 */

import type { Log } from './log.js'

/** How long bytes of a newly accepted connection may be unread, in milliseconds. */
const silentMs = 100

/**
 * How long a kept connection must have been without a request, or a request incomplete, before the connection
 * may be closed, in milliseconds.
 */
const idleMs = 5000

const unfinished = 1e12
const idle = 2e12

/** The connection is kept: it is busy, or was until just now. */
export const stays = Number.POSITIVE_INFINITY

/**
 * Priority of a connection that has never sent a byte. @param since clock time of its start, in milliseconds
 */
export const silentSince = (since: number, now: number): number => (now - since < silentMs ? stays : since)

/** Priority of a connection with an incomplete request. @param since clock time of its first byte */
export const unfinishedSince = (since: number, now: number): number =>
  now - since < idleMs ? stays : unfinished + since

/** Priority of a connection that has served. @param since clock time of the end of its last request */
export const idleSince = (since: number, now: number): number => (now - since < idleMs ? stays : idle + since)

export interface GivesWay {
  /** The lowest is closed first; {@link stays} for none. */
  orderOfLeaving(now: number): number
  /** Closes the connection. */
  giveWay(): void
}

/**
 * Whether one more connection can be accepted. Closes another one for it if necessary and possible.
 *
 * @param others the number of other connections
 * @param now a clock in milliseconds
 */
export function makeRoom(
  all: Iterable<GivesWay>,
  others: number,
  maxConnections: number,
  now: number,
  log: Pick<Log, 'complaint'>,
): boolean {
  if (others < maxConnections) return true
  let first: GivesWay | null = null
  let lowest = stays
  for (const one of all) {
    const order = one.orderOfLeaving(now)
    if (order >= lowest) continue
    first = one
    lowest = order
  }
  if (first === null) return false
  log.complaint(
    `cgiup: maxConnections (${maxConnections}) is reached: a connection ${whyItLeft(lowest)} was closed`,
  )
  first.giveWay()
  return others - 1 < maxConnections
}

/** What the connection had done, for the log. */
const whyItLeft = (order: number): string =>
  order < unfinished
    ? 'that had never sent anything'
    : order < idle
      ? 'whose request did not arrive completely'
      : 'without a request for 5 s or more'
