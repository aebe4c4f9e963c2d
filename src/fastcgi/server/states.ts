/** The states of a FastCGI connection: its life cycle, and whether it is read. */
import type { Transitions } from '../../core/states.js'

export type ConnectionState = 'silent' | 'open' | 'last' | 'half-closed' | 'closing' | 'given' | 'closed'

/**
 * - `bytes`: the peer has sent something
 * - `unkept`: a request without FCGI_KEEP_CONN is over
 * - `halfClose`: nothing more is sent after the pending output
 * - `close`: the connection is closed after the pending output, or the peer has closed it
 * - `handOver`: another process has taken it over
 * - `closed`: it is closed on this side too
 */
export type ConnectionEvent = 'bytes' | 'unkept' | 'halfClose' | 'close' | 'handOver' | 'closed'

export const connectionStates: Transitions<ConnectionState, ConnectionEvent> = {
  // The peer has not sent anything yet.
  silent: { bytes: 'open', close: 'closing', handOver: 'given', closed: 'closed' },
  // Requests come and go.
  open: {
    bytes: 'open',
    unkept: 'last',
    halfClose: 'half-closed',
    close: 'closing',
    handOver: 'given',
    closed: 'closed',
  },
  // The connection closes after the last of its open requests.
  last: { bytes: 'last', unkept: 'last', halfClose: 'half-closed', close: 'closing', closed: 'closed' },
  // The peer was notified that nothing more follows; further input is still read.
  'half-closed': {
    bytes: 'half-closed',
    unkept: 'half-closed',
    halfClose: 'half-closed',
    close: 'closing',
    closed: 'closed',
  },
  // The connection closes once everything is written.
  closing: { bytes: 'closing', unkept: 'closing', halfClose: 'closing', close: 'closing', closed: 'closed' },
  // Another process has taken the connection over, or is about to.
  given: { closed: 'closed' },
  closed: {},
}

export type ReadingState = 'reading' | 'app-behind' | 'peer-behind' | 'both-behind'

/**
 * - `appBehind`, `appReads`: the app is too slow to read a body; it has caught up
 * - `peerBehind`, `peerReads`: the peer does not read its replies; it has read them
 */
export type ReadingEvent = 'appBehind' | 'appReads' | 'peerBehind' | 'peerReads'

/** The connection is read only in the first state. */
export const readingStates: Transitions<ReadingState, ReadingEvent> = {
  reading: { appBehind: 'app-behind', peerBehind: 'peer-behind' },
  'app-behind': { appReads: 'reading', peerBehind: 'both-behind' },
  // The app cannot fall behind while nothing is read from the connection.
  'peer-behind': { peerReads: 'reading' },
  'both-behind': { appReads: 'peer-behind', peerReads: 'app-behind' },
}
