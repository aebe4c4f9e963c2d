/** What differs between servers for reasons that are the server's own, with the reason. */

import type { AppName, Docroot } from './docroot.js'

/** true: it works; else the reason why this server makes it impossible, for the name of the test. */
export type Can = true | { readonly not: string }

export interface Traits {
  /** Replies reach the client piece by piece, as the app writes them. */
  readonly streams: Can
  /** Server-sent events do, where other replies do not. Default: as {@link streams}. */
  readonly streamsEvents?: Can
  /** A reply that broke partway does not look whole to the client. */
  readonly showsBreak: Can
  /** The same for a reply that had announced its length. */
  readonly showsShort: Can
  /** The app notices a client disconnect while the reply is streamed. */
  readonly tellsLeave: Can
  /** The app notices a client disconnect before there is a reply. */
  readonly tellsQuietLeave: Can
  /**
   * How the client leaves: closing the connection, or with a reset on a connection that has been in
   * use before (lighttpd does not watch one whose first request was there when it was accepted).
   */
  readonly leaveBy: 'close' | 'reset'
  /** An upload reaches the app while it is being sent. */
  readonly streamsUpload: Can
  /** Uploads without a length are taken. Default true. */
  readonly takesChunked?: Can
  /** A body of 10 MB and a reply of 10 MB flow at the same time. Default true. */
  readonly echoes?: Can
  /** The app sees no address of the client. */
  readonly hidesClient?: true
  /** The app's process serves many requests: it lives on when a client leaves. */
  readonly persistent?: true
  /** A reply to a body of 10 MB arrives whole although the app reads none of it. Default true. */
  readonly answersEarly?: Can
}

/** What the tests need of a running server. */
export interface Place {
  readonly docroot: Pick<Docroot, 'scratch'>
  /** What the server and the apps have written as diagnostics. */
  log(): string
}

/** One app behind one server mode. */
export interface Subject {
  readonly site: () => Place
  readonly app: AppName
  readonly port: () => number
  /** Path where the app is mounted: that of its script, or what the server says. */
  readonly mount: string
  readonly traits: Traits
}

/** Name of a test whose outcome depends on the server: says why where it does not work. */
export function named(what: string, can: Can): string {
  return can === true ? what : `cannot: ${what} (${can.not})`
}
