/**
 * What `run()` accepts, and how each kind of app becomes a {@link Handler}. An app is recognized by its
 * members, never by its number of parameters. Only the adapter it needs is loaded.
 */

import type { Handler } from '../core/exchange.js'
import { classify } from './classify.js'
import { guarded } from './decided-request.js'
import { type App, type AppOptions, handlerMark, type MarkedHandler } from './types.js'

/**
 * Marks a function as a {@link Handler}, so that `run()` does not treat it as a Node app.
 *
 * @example run(handler((exchange) => ({ status: 200, headers: ['Content-Type', 'text/plain'], body: 'hello'
 * })))
 */
export function handler(fn: Handler): MarkedHandler {
  return Object.defineProperty(fn, handlerMark, { value: true }) as MarkedHandler
}

/**
 * Turns any app into a Handler: a marked Handler at once, others when their adapter (and Fastify's plugins)
 * are loaded.
 *
 * @throws AppError APP_SHAPE (as a rejection) for anything that is not an app.
 */
export function toHandler(app: App, options: AppOptions = {}): Handler | Promise<Handler> {
  const found = classify(app)
  if (found?.style === 'handler') return guarded(found.app, options)
  if (found?.style === 'fetch') return load(import('./fetch.js'), (m) => m.fetchHandler(found.app, options))
  if (found?.style === 'node') return load(import('./node.js'), (m) => m.nodeHandler(found.app, options))
  return load(import('./shape.js'), (m) => m.refuse(app))
}

async function load<M, T>(module: Promise<M>, use: (module: M) => T | Promise<T>): Promise<T> {
  return use(await module)
}
