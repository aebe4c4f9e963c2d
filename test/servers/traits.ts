/** What differs between servers for reasons that are the server's own, with the reason. */

import type { AppName } from './docroot.js'
import type { Site } from './site.js'

/** true: it works; else the reason why this server makes it impossible, for the name of the test. */
export type Can = true | { readonly not: string }

export interface Traits {
  /** Replies reach the client piece by piece, as the app writes them. */
  readonly streams: Can
  /** A reply that broke in its middle does not look whole to the client. */
  readonly showsBreak: Can
  /** The same for a reply that had announced its length. */
  readonly showsShort: Can
  /** The app hears of a client that leaves while the reply is streamed. */
  readonly tellsLeave: Can
  /** The app hears of a client that leaves before there is a reply. */
  readonly tellsQuietLeave: Can
  /**
   * How the client leaves: closing the connection, or with a reset on a connection that has been in
   * use before (lighttpd does not watch one whose first request was there when it was accepted).
   */
  readonly leaveBy: 'close' | 'reset'
  /** A chunked upload reaches the app while it is being sent. */
  readonly streamsUpload: Can
}

/** One app behind one server mode. */
export interface Subject {
  readonly site: () => Site
  readonly app: AppName
  readonly port: () => number
  /** Path of the script, which is where the app is mounted. */
  readonly mount: string
  readonly traits: Traits
}

/** Name of a test whose outcome depends on the server: says why where it does not work. */
export function named(what: string, can: Can): string {
  return can === true ? what : `cannot: ${what} (${can.not})`
}
