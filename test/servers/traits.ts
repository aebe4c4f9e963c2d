/** Differences between servers that have their cause in the server, with the reason. */

import type { AppName, Docroot } from './docroot.js'

/** true: it works; else the reason why it cannot work with this server, for the name of the test. */
export type Can = true | { readonly not: string }

export interface Traits {
  /** Replies reach the client in chunks, as the app writes them. */
  readonly streams: Can
  /** Server-sent events are streamed even if other replies are not. Default: as {@link streams}. */
  readonly streamsEvents?: Can
  /** A reply that broke partway does not look complete to the client. */
  readonly showsBreak: Can
  /** The same for a reply that had announced its length. */
  readonly showsShort: Can
  /** The app notices a client disconnect while the reply is streamed. */
  readonly tellsLeave: Can
  /** The app notices a client disconnect before there is a reply. */
  readonly tellsQuietLeave: Can
  /**
   * How the client disconnects: by closing the connection, or with a reset on a connection that was used
   * before (lighttpd does not watch one whose first request was there when it was accepted).
   */
  readonly leaveBy: 'close' | 'reset'
  /** An upload reaches the app while it is being sent. */
  readonly streamsUpload: Can
  /** Uploads without a length are accepted. Default true. */
  readonly takesChunked?: Can
  /** A body of 10 MB and a reply of 10 MB flow at the same time. Default true. */
  readonly echoes?: Can
  /** The app sees no address of the client. */
  readonly hidesClient?: true
  /** The app's process serves many requests: it survives a client disconnect. */
  readonly persistent?: true
  /** A reply to a body of 10 MB arrives completely although the app reads none of it. Default true. */
  readonly answersEarly?: Can
}

/** What the tests need from a running server. */
export interface Place {
  readonly docroot: Pick<Docroot, 'scratch'>
  /** Diagnostics written by the server and the apps. */
  log(): string
}

/** One app behind one server mode. */
export interface Subject {
  readonly site: () => Place
  readonly app: AppName
  readonly port: () => number
  /** The mount path of the app: that of its script, or as the server sets it. */
  readonly mount: string
  readonly traits: Traits
}

/** Name of a test whose result depends on the server: includes the reason if it does not work. */
export function named(what: string, can: Can): string {
  return can === true ? what : `cannot: ${what} (${can.not})`
}
