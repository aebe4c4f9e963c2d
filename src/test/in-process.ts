/** An app object under the CGI adapter, in this process: its output is parsed as CGI output. */

import { PassThrough } from 'node:stream'
import { toHandler } from '../app/handler.js'
import type { App, AppOptions } from '../app/types.js'
import { answerCgi } from '../cgi/child/answer.js'
import { ReaderGone, type Sink } from '../cgi/child/output.js'
import { HeadParser } from '../cgi/codec/head-parser.js'
import { afterwards, type Exchange, type Gateway, type Handler, type Reply } from '../core/exchange.js'
import type { AdapterOptions } from '../memory/memory.js'

/** Encodes the app's replies as a script's output and parses them as a web server does. */
export function inProcess(app: App, options: EmulateOptions): Handler {
  const { url, target } = options
  const seen = { ...(url !== undefined && { url }), ...(target !== undefined && { target }) }
  const ready = Promise.resolve(toHandler(app, seen))
  ready.catch(() => {}) // Each request reports the failure.
  return async (exchange) => {
    const pipe = new PassThrough()
    const handler = async (inner: Exchange) => (await ready)(inner)
    const interrupted = new Promise<never>(() => {})
    const { onError } = options
    const done = answerCgi(handler, {
      exchange: asScript(exchange),
      sink: sinkOf(pipe),
      nph: false,
      onError,
      interrupted,
    })
    const ending = { cut: false }
    void done.then(({ cut }) => {
      ending.cut = cut
      pipe.end()
    })
    return readReply(pipe, ending)
  }
}

function asScript(exchange: Exchange): Exchange {
  const { env, stdin, data = null } = exchange
  const { role } = exchange.gateway
  // CGI scripts have no other role than Responder; FastCGI replies have the same form.
  const gateway: Gateway =
    role === 'responder'
      ? { protocol: 'cgi', role, runOnce: true, multiprocess: true }
      : { protocol: 'fastcgi', role, runOnce: false, multiprocess: true }
  return {
    env,
    stdin,
    data,
    gateway,
    get signal() {
      return exchange.signal
    },
    stderr: (text) => exchange.stderr(text),
    waitUntil: (work) => exchange.waitUntil(work),
    [afterwards]: (task) => exchange[afterwards]?.(task),
  }
}

function sinkOf(pipe: PassThrough): Sink {
  return {
    now: () => 0,
    send: async (bytes) => {
      if (!pipe.destroyed && !pipe.write(bytes)) await taken(pipe)
      if (pipe.destroyed)
        throw new ReaderGone('The web server closed the connection before the reply was complete')
    },
  }
}

function taken(pipe: PassThrough): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      pipe.off('drain', done).off('close', done)
      resolve()
    }
    pipe.on('drain', done).on('close', done)
  })
}

/** How the output ended; set at its end. */
interface Ending {
  cut: boolean
}

async function readReply(pipe: PassThrough, ending: Ending): Promise<Reply> {
  const parser = new HeadParser()
  const pieces = pipe[Symbol.asyncIterator]()
  for (;;) {
    const { done, value } = await pieces.next()
    if (done) return parser.end()
    const found = parser.push(value)
    if (!found) continue
    const { status, reason, headers } = found.head
    const body = rest(found.rest, pieces, ending)
    return { status, headers, body, ...(reason !== undefined && { reason }) }
  }
}

async function* rest(
  first: Uint8Array,
  pieces: AsyncIterator<Uint8Array>,
  ending: Ending,
): AsyncGenerator<Uint8Array> {
  try {
    if (first.length > 0) yield first
    for (;;) {
      const { done, value } = await pieces.next()
      if (done) break
      yield value
    }
    if (ending.cut) throw new Error('The reply was cut off.')
  } finally {
    await pieces.return?.()
  }
}

export interface EmulateOptions extends AdapterOptions {
  /** Program and arguments that run the file. Default: the file itself, or cgiup for an app file. */
  interpreter?: readonly string[]
  /** Environment variables of this process that the script gets, besides PATH and TZ. */
  inherit?: readonly string[]
  /** Pass the Authorization header on, as with CGIPassAuth of Apache. Default true. */
  passAuthorization?: boolean
  /** For a file: time limit of one request, in milliseconds; then 504. Default 30000; 0: no limit. */
  timeoutMs?: number
  /** Show stack and environment on the error page; run scripts with NODE_ENV=development. Default true. */
  development?: boolean
  /** For an app object: how it sees the request URL. */
  url?: AppOptions['url']
  /** For an app object: which variables give the path. */
  target?: AppOptions['target']
}
