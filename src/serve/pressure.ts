/**
 * Which connection gives way when there are maxConnections of them: first those that have never sent a byte, then
 * those whose first request does not come to an end, then kept ones without a request. Of each kind the oldest.
 */

import type { Log } from './log.js'

/** A connection just accepted may have bytes that nobody has read yet; in milliseconds. */
const silentMs = 100

/** How long a kept connection has been without a request, or a request has been on its way; in milliseconds. */
const idleMs = 5000

const unfinished = 1e12
const idle = 2e12

/** The connection stays: it is at work, or has been just now. */
export const stays = Number.POSITIVE_INFINITY

/** Order of a connection that has never sent a byte. @param since clock of its beginning, in milliseconds */
export const silentSince = (since: number, now: number): number => (now - since < silentMs ? stays : since)

/** Order of one on which a request has begun and is not all there. @param since clock of its first byte */
export const unfinishedSince = (since: number, now: number): number =>
  now - since < idleMs ? stays : unfinished + since

/** Order of one that has served. @param since clock of the end of its last request */
export const idleSince = (since: number, now: number): number => (now - since < idleMs ? stays : idle + since)

export interface GivesWay {
  /** The lowest goes first; {@link stays} for none. */
  orderOfLeaving(now: number): number
  /** It is closed. */
  giveWay(): void
}

/**
 * Whether there is room for one more connection, for which another one may give way.
 *
 * @param others how many there are besides it
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

/** What it had done, for the log. */
const whyItLeft = (order: number): string =>
  order < unfinished
    ? 'that had never sent anything'
    : order < idle
      ? 'whose request did not arrive completely'
      : 'without a request for 5 s or more'
