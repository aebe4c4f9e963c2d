/** One CGI request over given streams, without touching the process. */
import type { Readable, Writable } from 'node:stream'
import { toHandler } from '../app/handler.js'
import type { App, AppOptions } from '../app/types.js'
import { answerCgi } from '../cgi/child/answer.js'
import type { StdinLimits } from '../cgi/child/stdin.js'
import { Stdin } from '../cgi/child/stdin.js'
import { StreamSink, StreamSource } from '../cgi/child/streams.js'
import { checkRequest, isNph } from '../cgi/codec/check.js'
import { workFailed } from '../cgi/codec/error-text.js'
import { RequestError } from '../core/errors.js'
import { afterwards, type Exchange, type Gateway, type Handler, type Reply } from '../core/exchange.js'
import { stdinLimits } from '../core/limits/cgi.js'
import { checkLimits, namesOf } from '../core/limits/check.js'
import { within } from '../core/wait-at-most.js'
import { Environment } from '../env/environment.js'
import { contentLengthOf } from '../env/headers.js'
import { Lifetime } from '../serve/lifetime.js'

export interface RunCgiOptions extends AppOptions, StdinLimits {
  /** The request's meta-variables. Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The request body: CONTENT_LENGTH bytes are read, or all until the end. Default: no body. */
  readonly stdin?: Readable
  /** Receives the reply. Ended when the reply is complete, destroyed when it broke partway. */
  readonly stdout: Writable
  /** Receives diagnostics. Default `process.stderr`. */
  readonly stderr?: { write(text: string): unknown }
  /** Aborts the request: the app's own signal aborts, and an open reply is cut off. */
  readonly signal?: AbortSignal
  /**
   * Write a complete HTTP response (RFC 3875 section 5). Default: when the script's name begins with `nph-`.
   */
  readonly nph?: boolean
  /** Makes the reply when the app fails. Default: a plain page with the error's status. */
  readonly onError?: (error: unknown, exchange: Exchange) => Reply | Promise<Reply>
}

export interface CgiResult {
  /** Status code of the reply. */
  readonly status: number
  /** Body bytes that were written. */
  readonly bytes: number
  /** All of the reply was written. */
  readonly complete: boolean
  /** The exit code a script would have: 0, or 1 when the app failed. */
  readonly exitCode: 0 | 1
}

/** Options that are not limits. */
const otherNames = namesOf<Omit<RunCgiOptions, keyof StdinLimits>>({
  env: true,
  stdin: true,
  stdout: true,
  stderr: true,
  signal: true,
  nph: true,
  onError: true,
  mount: true,
  target: true,
  url: true,
})

const gateway: Gateway = { protocol: 'cgi', role: 'responder', runOnce: true, multiprocess: true }

/**
 * Answers one CGI request: reads it from `env` and `stdin`, and writes the reply to `stdout` as a script does
 * (RFC 3875 section 6). Resolves when the reply is written, stdin is drained and `waitUntil` work has
 * settled. Leaves the process's own streams, exit code and environment alone.
 *
 * @throws AppError APP_SHAPE
 * @throws UsageError USAGE for an unknown option, or an invalid limit
 */
export async function runCgi(app: App, options: RunCgiOptions): Promise<CgiResult> {
  checkLimits('runCgi()', stdinLimits, options, otherNames)
  const handler = await toHandler(app, options)
  const env = Environment.fromObject(options.env ?? process.env)
  const refused = checkRequest(env)
  const length = refused || !options.stdin ? 0 : contentLengthOf(env)
  const stdin = new Stdin(options.stdin ? new StreamSource(options.stdin) : noSource, length, options)
  const sink = new StreamSink(options.stdout, { stuck: (stuck) => stdin.readAhead(stuck) })
  const stderr = options.stderr ?? process.stderr
  const abort = new AbortController()
  const work = new Set<Promise<unknown>>()
  let failed = false

  const lifetime = new Lifetime()
  const exchange: Exchange = {
    env,
    stdin,
    gateway,
    maxBodyBytes: options.maxBodyBytes,
    signal: abort.signal,
    stderr: (text) => void stderr.write(text),
    waitUntil: (promise) => {
      const done = Promise.resolve(promise).catch((error: unknown) => {
        failed = true
        stderr.write(workFailed(env, error))
      })
      work.add(done)
      void done.then(() => work.delete(done))
    },
    [afterwards]: (task) => lifetime.afterwards(task),
  }
  const gone = (error: RequestError) => abort.abort(error)
  stdin.onGone = gone
  const stop = onAbort(options.signal, gone)
  // If the client disconnects, do not wait for the app's reply.
  const held: Handler = (one) => {
    const reply = handler(one)
    if (reply instanceof Promise) lifetime.hold(reply)
    return reply
  }
  const outcome = await answerCgi(refused ? () => Promise.reject(refused) : held, {
    exchange,
    sink,
    nph: options.nph ?? isNph(env),
    onError: refused ? undefined : options.onError,
    onGone: () => gone(new RequestError('REQUEST_ABORTED')),
    interrupted: stop.interrupted,
  })
  stop.forget()
  let complete = !outcome.cut && !outcome.gone
  if (complete) complete = await sink.end().then(yes, no)
  else options.stdout.destroy()
  if (!complete) gone(new RequestError('REQUEST_ABORTED'))
  if (complete) await stdin.drain()
  stdin.cancel()
  if (outcome.released) await within(releaseMs, outcome.released)
  while (work.size > 0) await Promise.all(work)
  lifetime.end()
  return {
    status: outcome.status,
    bytes: outcome.bytes,
    complete,
    exitCode: outcome.failed || failed ? 1 : 0,
  }
}

/** Time for a stopped body to clean up, in milliseconds. */
const releaseMs = 1000
const noSource = { drainable: false, read: () => Promise.resolve(null) }
const yes = () => true
const no = () => false

/** The caller's signal, as a promise that ends the wait for the app. */
function onAbort(signal: AbortSignal | undefined, gone: (error: RequestError) => void) {
  let forget = () => {}
  const interrupted = new Promise<never>((_, reject) => {
    if (!signal) return
    const stop = () => {
      const error = new RequestError(
        'REQUEST_ABORTED',
        'The request was aborted by its signal (the option signal of runCgi()).',
        {
          cause: signal.reason,
        },
      )
      gone(error)
      reject(error)
    }
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
    forget = () => signal.removeEventListener('abort', stop)
  })
  interrupted.catch(() => {})
  return { interrupted, forget }
}
