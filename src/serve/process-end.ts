/**
 * The end of the process while requests are open: `process.exit()`, an error that nobody catches, a second
 * signal. The kernel closes their connections then, which some servers take for the end of a whole reply. What
 * says that it is not goes out here, at the last moment, where only synchronous writes are left.
 */

import { type Exchange, pendingReply, type Reply } from '../core/exchange.js'

/** Why open requests get no reply of the app. */
interface Cause {
  /** 500: the app ended the process. 503: somebody else did. */
  readonly status: 500 | 503
  /** One line. */
  readonly why: string
  /** Nothing but what is synchronous happens any more: promises that are settled by now are not heard. */
  readonly isLast: boolean
}

export interface ProcessEnd extends Cause {
  /** `Date.now()` after which peers that take nothing are waited for no longer, not even one of them. */
  readonly deadline: number
}

/** How long all peers together may be waited for, in milliseconds: nothing else happens meanwhile. */
const allMs = 500

/** The reply that the app has given by now, where no promise will bring it. */
export const lastReply = (exchange: Exchange, { isLast }: ProcessEnd): Reply | null =>
  isLast ? (exchange[pendingReply]?.last() ?? null) : null

/** The process was told to end, and its time is over. */
export const lateEnd: Cause = {
  status: 503,
  isLast: false,
  why: 'the process was told to stop, and the request took too long',
}

/**
 * Ends all open requests, synchronously: a reply where no head is out, else what shows that it is broken.
 *
 * @returns connections to reset, when what was sent to them has been read
 */
export type Abandon = (end: ProcessEnd) => readonly (() => void)[]

/**
 * Between the last data and a reset, in milliseconds: programs on libuv take a reset for an end when it comes
 * together with data.
 */
const resetMs = 20

const open = new Set<Abandon>()
let told: string | undefined

/** @returns forgets it again */
export function atProcessEnd(abandon: Abandon): () => void {
  if (open.size === 0) process.on('exit', onExit)
  open.add(abandon)
  return () => {
    open.delete(abandon)
    if (open.size === 0) process.off('exit', onExit)
  }
}

/** The process is about to end on orders from outside. @param why a line for the log of each open request */
export function sayWhyItEnds(why: string): void {
  told = why
}

/** `process.exit()` on orders from outside. @param why as for {@link sayWhyItEnds} */
export function endProcess(why: string): never {
  sayWhyItEnds(why)
  process.exit(0)
}

/** Ends open requests now, and resets what has to be reset. */
export function abandonNow(all: Iterable<Abandon>, cause: Cause): void {
  const end = { ...cause, deadline: Date.now() + allMs }
  const resets = [...all].flatMap((abandon) => abandon(end))
  if (resets.length === 0) return
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, resetMs)
  for (const reset of resets) reset()
}

function onExit(code: number): void {
  const why = told ?? causeOf(code)
  abandonNow(open, { status: told === undefined ? 500 : 503, why, isLast: true })
}

/** `exit` is emitted within `process.exit()`: the stack shows who called it. */
function causeOf(code: number): string {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 50
  const lines = String(new Error('exit').stack).split('\n')
  Error.stackTraceLimit = stackTraceLimit
  const at = lines.findIndex((line) => /\bprocess\.exit\b/.test(line))
  if (at < 0) return `the process ended with exit code ${code}${code === 0 ? '' : ': an uncaught error'}`
  const caller = lines[at + 1]?.trim()
  return `the process ended: process.exit(${code}) was called${caller ? ` ${caller}` : ''}`
}
