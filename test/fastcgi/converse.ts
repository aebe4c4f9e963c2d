/** Sends bytes through the responder without IO: records its events and replies. */
import { RequestError } from '../../src/core/errors.js'
import { Responder, type ResponderOptions, type ResponderRequest } from '../../src/fastcgi/codec/responder.js'

export const options: ResponderOptions = {
  maxParamsBytes: 1 << 20,
  maxParams: 1000,
  multiplex: true,
  maxRequestsPerConnection: 100,
  maxDiscardBytes: 64 << 20,
  maxConnections: 7,
  maxRequests: 9,
}

export interface Conversation {
  /** Events in order; the chunks of a stream are joined, and reported at its end. */
  readonly events: readonly string[]
  /** Answers, Latin-1. */
  readonly sent: string
  /** Why the connection was closed. */
  readonly error: string | undefined
  readonly idle: boolean
}

/** A responder that records its events, to be fed in chunks. */
class Listener {
  readonly events: string[] = []
  sent = ''
  readonly responder: Responder
  readonly #streams = new Map<ResponderRequest, { stdin: string; data: string }>()

  /** @param ends an empty STDIN record ends the stream immediately: mod_fcgid sends some too early */
  constructor(given: Partial<ResponderOptions> = {}, ends = true) {
    const take =
      (stream: 'stdin' | 'data') => (r: ResponderRequest, chunk: Uint8Array, from: number, to: number) => {
        const streams = this.#of(r)
        streams[stream] += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString(
          'latin1',
          from,
          to,
        )
      }
    const end = (stream: 'stdin' | 'data') => (r: ResponderRequest) => {
      this.events.push(`${stream} ${r.id} ${JSON.stringify(this.#of(r)[stream])}`)
      this.#of(r)[stream] = ''
      if (stream === 'stdin' && ends) r.stdinEnded = true
      this.#over(r)
    }
    this.responder = new Responder(
      {
        onRequest: (r) => {
          const refused = r.refused === null ? '' : ' refused'
          this.events.push(`request ${r.id} role ${r.role} ${JSON.stringify(r.params)}${refused}`)
          this.#over(r)
        },
        onStdin: take('stdin'),
        onStdinEnd: end('stdin'),
        onData: take('data'),
        onDataEnd: end('data'),
        onAbort: (r) => {
          const { stdin, data } = this.#of(r)
          this.events.push(`abort ${r.id} ${JSON.stringify([stdin, data])}`)
          this.#streams.delete(r)
          this.responder.finish(r)
        },
        onRefused: (keep) => this.events.push(`refused keep ${keep}`),
        send: (text) => {
          this.sent += text
        },
      },
      { ...options, ...given },
    )
  }

  #of(request: ResponderRequest) {
    const streams = this.#streams.get(request) ?? { stdin: '', data: '' }
    this.#streams.set(request, streams)
    return streams
  }

  /** A request is over, and its id free, once all its streams have ended. */
  #over(request: ResponderRequest): void {
    if (request.stdinEnded && request.dataEnded) this.responder.finish(request)
  }

  /** Incomplete requests. */
  get open(): string[] {
    return [...this.#streams].flatMap(([{ id }, { stdin, data }]) =>
      stdin === '' && data === '' ? [] : [`${id} ${JSON.stringify([stdin, data])}`],
    )
  }
}

/** @param cuts positions at which the bytes are split, in any order */
export const converse = (
  bytes: Uint8Array,
  cuts: readonly number[] = [],
  given: Partial<ResponderOptions> = {},
  ends = true,
): Conversation & { readonly open: readonly string[] } => {
  const listener = new Listener(given, ends)
  const places = [...new Set(cuts.filter((c) => c > 0 && c < bytes.length))].sort((a, b) => a - b)
  let error: string | undefined
  try {
    let at = 0
    for (const cut of [...places, bytes.length]) {
      // A copy that is wiped afterwards: the responder must not keep any of it.
      const chunk = Uint8Array.prototype.slice.call(bytes, at, cut)
      listener.responder.push(chunk)
      chunk.fill(0xff)
      at = cut
    }
  } catch (e) {
    if (!(e instanceof RequestError)) throw e
    error = e.message
  }
  const { events, sent, open } = listener
  return { events, sent, error, open, idle: listener.responder.idle }
}
