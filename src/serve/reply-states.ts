/** The states of the reply to a request that came over a socket. */
import type { Transitions } from '../core/states.js'

export type ReplyState = 'unserved' | 'waiting' | 'failing' | 'replying' | 'cut' | 'finished'

/**
 * - `serve`: the request goes to the app, or is refused
 * - `fail`: the app has failed, or exceeded its time limit: an error page is created
 * - `head`: the head of the reply is sent
 * - `cut`: the reply is cut off, and the end of the connection shows it
 * - `finish`: the end of the reply is sent
 * - `lost`: the connection is closed
 */
export type ReplyEvent = 'serve' | 'fail' | 'head' | 'cut' | 'finish' | 'lost'

export const replyStates: Transitions<ReplyState, ReplyEvent> = {
  // The request has arrived; the app has not been called.
  unserved: { serve: 'waiting', fail: 'failing', head: 'replying', finish: 'finished', lost: 'finished' },
  // The app is working on the reply.
  waiting: { fail: 'failing', head: 'replying', finish: 'finished', lost: 'finished' },
  // An error page is being created; a reply of the app may still come first.
  failing: { head: 'replying', finish: 'finished', lost: 'finished' },
  // The head of the reply was sent.
  replying: { cut: 'cut', finish: 'finished', lost: 'finished' },
  // The reply was cut off: nothing more of it is sent.
  cut: { lost: 'finished' },
  // Nothing more can be sent. The rest of the request may still arrive.
  finished: {},
}
