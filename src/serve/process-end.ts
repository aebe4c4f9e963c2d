/**
 * The end of the process while requests are open: `process.exit()`, an uncaught error, a second signal. The
 * kernel then closes their connections, which some servers treat as the end of a complete reply. Here, at the
 * last moment, when only synchronous writes are possible, the replies are marked as broken.
 */

import { type Exchange, pendingReply, type Reply } from '../core/exchange.js'

/** Why open requests get no reply from the app. */
interface Cause {
  /** 500: the app ended the process. 503: something else did. */
  readonly status: 500 | 503
  /** One line. */
  readonly why: string
  /** Only synchronous code runs from now on: callbacks of promises, even settled ones, do not. */
  readonly isLast: boolean
}

export interface ProcessEnd extends Cause {
  /** `Date.now()` until which peers that do not read are waited for. */
  readonly deadline: number
}

/** How long to wait for all peers together, in milliseconds: nothing else happens meanwhile. */
const allMs = 500

/** The reply that the app has given so far, if no promise callback can deliver it. */
export const lastReply = (exchange: Exchange, { isLast }: ProcessEnd): Reply | null =>
  isLast ? (exchange[pendingReply]?.last() ?? null) : null

/** The process was asked to end, and its time has run out. */
export const lateEnd: Cause = {
  status: 503,
  isLast: false,
  why: 'the process was told to stop, and the request took too long',
}

/**
 * Ends all open requests, synchronously: with a reply if no head was sent, else with the marker of a broken
 * reply.
 *
 * @returns connections to reset once the data sent to them has been read
 */
export type Abandon = (end: ProcessEnd) => readonly (() => void)[]

/**
 * Between the last data and a reset, in milliseconds: programs on libuv see a reset as a normal end if it
 * arrives together with data.
 */
const resetMs = 20

const open = new Set<Abandon>()
let told: string | undefined

/** @returns a function that unregisters it */
export function atProcessEnd(abandon: Abandon): () => void {
  if (open.size === 0) process.on('exit', onExit)
  open.add(abandon)
  return () => {
    open.delete(abandon)
    if (open.size === 0) process.off('exit', onExit)
  }
}

/** The process is about to end for an external reason. @param why a line for the log of each open request */
export function sayWhyItEnds(why: string): void {
  told = why
}

/** `process.exit()` for an external reason. @param why as for {@link sayWhyItEnds} */
export function endProcess(why: string): never {
  sayWhyItEnds(why)
  process.exit(0)
}

/** Ends open requests now, and resets connections where needed. */
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

/** `exit` is emitted within `process.exit()`: the stack shows the caller. */
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
