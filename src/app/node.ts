/** Node apps: `(req, res)` functions and frameworks built on them. Loads node:http. */
import { isAbort, logLine, textOf } from '../cgi/codec/error-text.js'
import { RequestError } from '../core/errors.js'
import { type Exchange, type Handler, pendingReply, type Reply } from '../core/exchange.js'
import { servedRequests, withStatusOf } from './decided-request.js'
import { nodeListener } from './node/listener.js'
import { openPair, type Pair } from './node/request.js'
import { checkReturned } from './shape.js'
import type { AppOptions, NodeApp, NodeListener } from './types.js'

/**
 * Makes a Handler from a Node app. A response that is complete when the app returns becomes a reply at once,
 * as one chunk.
 *
 * @throws AppError APP_SHAPE for something that only looks like an app; errors of a Fastify plugin.
 */
export async function nodeHandler(app: NodeApp, options: AppOptions = {}): Promise<Handler> {
  const listener = await nodeListener(app)
  const served = servedRequests(options)
  const full = options.url === 'full'
  return (exchange) => {
    const decision = served(exchange)
    const pair = openPair(exchange, decision.request, full)
    // Lets the server send what the app has written so far if the process ends. Not needed in a CGI script,
    // which waits for the reply before it ends; wrong for an error document, whose reply gets another status.
    if (!exchange.gateway.runOnce && decision.status === 0) exchange[pendingReply] = pair.connection.outgoing
    return withStatusOf(decision, serve(listener, pair, exchange))
  }
}

function serve(listener: NodeListener, pair: Pair, exchange: Exchange): Reply | Promise<Reply> {
  const { outgoing } = pair.connection
  let work: Promise<unknown> | null = null
  try {
    const returned = listener(pair.req, pair.res)
    if (returned !== undefined && returned !== pair.res) work = watch(returned, pair, exchange)
  } catch (error) {
    crash(error, pair, exchange)
  }
  if (exchange.gateway.runOnce) keepUntilClosed(pair, exchange)
  if (outgoing.reply !== null) {
    if (work !== null) exchange.waitUntil(work)
    return outgoing.reply
  }
  if (outgoing.failure !== null) throw outgoing.failure.error
  return wait(pair, exchange, work)
}

async function wait(pair: Pair, exchange: Exchange, work: Promise<unknown> | null): Promise<Reply> {
  // A signal and its listener cost more than a small response. Most responses need neither: they are complete
  // before the client could disconnect.
  setImmediate(watchClient, pair, exchange)
  try {
    return await pair.connection.outgoing.wait()
  } finally {
    // Continues after the client has disconnected, too.
    if (work !== null) exchange.waitUntil(work)
  }
}

/** Aborts the response when the client disconnects. */
function watchClient({ connection }: Pair, exchange: Exchange): void {
  if (connection.destroyed) return
  const { signal } = exchange
  const leave = () => connection.destroy(new RequestError('REQUEST_ABORTED'))
  if (signal.aborted) {
    leave()
    return
  }
  signal.addEventListener('abort', leave, { once: true })
  const before = connection.onOver
  connection.onOver = () => {
    signal.removeEventListener('abort', leave)
    before?.()
  }
}

/** For an async function, a rejection is the app's error. Other values show whether it is an app at all. */
function watch(returned: unknown, pair: Pair, exchange: Exchange): Promise<unknown> | null {
  if (typeof (returned as PromiseLike<unknown> | null)?.then !== 'function') {
    if (!pair.res.headersSent) checkReturned(returned)
    return null
  }
  return (returned as Promise<unknown>).then(
    (value) => {
      try {
        if (!pair.res.headersSent) checkReturned(value)
      } catch (error) {
        crash(error, pair, exchange)
      }
    },
    (error) => crash(error, pair, exchange),
  )
}

/**
 * Marks the error that `process.exit()` throws while a CGI script has a pending reply
 * (src/cgi/child/stdio.ts).
 */
const processExit = Symbol.for('cgiup.ProcessExit')

/**
 * Before the head: no reply. After it: the body is cut off. After the end, or after the client has
 * disconnected: only a log line.
 */
function crash(thrown: unknown, pair: Pair, exchange: Exchange): void {
  // The app called process.exit(), which is not an error: the adapter sends the reply before the process ends.
  if (typeof thrown === 'object' && thrown !== null && processExit in thrown) return
  const error =
    thrown instanceof Error ? thrown : new Error(`The app threw ${String(thrown)}`, { cause: thrown })
  const { connection, res } = pair
  if (!res.writableEnded && !connection.destroyed) connection.destroy(error)
  else if (res.writableEnded || !isAbort(error)) exchange.stderr(logLine(exchange.env, textOf(error)))
}

/** A process that ends after this reply must first emit 'finish' and 'close'. */
function keepUntilClosed(pair: Pair, exchange: Exchange): void {
  const { connection } = pair
  if (connection.destroyed) return
  const before = connection.onOver
  exchange.waitUntil(
    new Promise<void>((resolve) => {
      connection.onOver = () => {
        before?.()
        connection.once('close', () => resolve())
      }
    }),
  )
}
