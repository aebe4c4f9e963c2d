/** The states of the reply to a request that came over a socket. */
import type { Transitions } from '../core/states.js'

export type ReplyState = 'unserved' | 'waiting' | 'failing' | 'replying' | 'cut' | 'finished'

/**
 * - `serve`: the request goes to the app, or is refused
 * - `fail`: the app has failed, or its time is over: an error page is made
 * - `head`: the head of the reply is sent
 * - `cut`: the reply breaks off, and the end of the connection says so
 * - `finish`: the end of the reply is sent
 * - `lost`: the connection is closed
 */
export type ReplyEvent = 'serve' | 'fail' | 'head' | 'cut' | 'finish' | 'lost'

export const replyStates: Transitions<ReplyState, ReplyEvent> = {
  // The request is there; the app has not been called.
  unserved: { serve: 'waiting', fail: 'failing', head: 'replying', finish: 'finished', lost: 'finished' },
  // The app has it.
  waiting: { fail: 'failing', head: 'replying', finish: 'finished', lost: 'finished' },
  // An error page is being made; a reply of the app may still come first.
  failing: { head: 'replying', finish: 'finished', lost: 'finished' },
  // The head of the reply is out.
  replying: { cut: 'cut', finish: 'finished', lost: 'finished' },
  // Nothing more of it is sent.
  cut: { lost: 'finished' },
  // Nothing more can be sent. The rest of the request may still come.
  finished: {},
}
