/** Node apps: `(req, res)` functions and the frameworks made of them. Loads node:http. */
import { isAbort, logLine, textOf } from '../cgi/codec/error-text.js'
import { RequestError } from '../core/errors.js'
import { type Exchange, type Handler, pendingReply, type Reply } from '../core/exchange.js'
import { servedRequests, withStatusOf } from './decided-request.js'
import { nodeListener } from './node/listener.js'
import { openPair, type Pair } from './node/request.js'
import { checkReturned } from './shape.js'
import type { AppOptions, NodeApp, NodeListener } from './types.js'

/**
 * Makes a Handler of a Node app. A response that is complete when the app returns becomes a reply at
 * once, in one piece.
 *
 * @throws AppError APP_SHAPE for what only looks like an app; what a Fastify plugin throws.
 */
export async function nodeHandler(app: NodeApp, options: AppOptions = {}): Promise<Handler> {
  const listener = await nodeListener(app)
  const served = servedRequests(options)
  const full = options.url === 'full'
  return (exchange) => {
    const decision = served(exchange)
    const pair = openPair(exchange, decision.request, full)
    // A CGI script that ends waits for its reply, and that of an error document gets another status.
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
  // A signal and its listener cost more than a small response; most need neither, as they are there
  // before anything could have come from the client.
  setImmediate(watchClient, pair, exchange)
  try {
    return await pair.connection.outgoing.wait()
  } finally {
    // It goes on when the client has left, too.
    if (work !== null) exchange.waitUntil(work)
  }
}

/** Breaks the response off when the client leaves. */
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

/** An async function: its rejection is the app's error. Anything else tells whether it is an app at all. */
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

/** Marks what `process.exit()` throws while a CGI script owes a reply (src/cgi/child/stdio.ts). */
const processExit = Symbol.for('cgiup.ProcessExit')

/**
 * Before the head: no reply. After it: a body that breaks off. After the end, or when the client has left: a line
 * in the log.
 */
function crash(thrown: unknown, pair: Pair, exchange: Exchange): void {
  // Not the app's error: the adapter waits for what is still written.
  if (typeof thrown === 'object' && thrown !== null && processExit in thrown) return
  const error =
    thrown instanceof Error ? thrown : new Error(`The app threw ${String(thrown)}`, { cause: thrown })
  const { connection, res } = pair
  if (!res.writableEnded && !connection.destroyed) connection.destroy(error)
  else if (res.writableEnded || !isAbort(error)) exchange.stderr(logLine(exchange.env, textOf(error)))
}

/** A process that ends after this reply must not end before 'finish' and 'close' were heard. */
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
