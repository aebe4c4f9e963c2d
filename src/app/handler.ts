/**
 * What `run()` accepts, and how each shape becomes a {@link Handler}. An app is known by what it is,
 * never by how many parameters it takes. Only what the shape needs is loaded.
 */

import type { Handler } from '../core/exchange.js'
import { classify } from './classify.js'
import { guarded } from './decided-request.js'
import { type App, type AppOptions, handlerMark, type MarkedHandler } from './types.js'

/**
 * Marks a function as a {@link Handler}, so that `run()` does not take it for a Node app.
 *
 * @example
 * run(handler((exchange) => ({ status: 200, headers: ['Content-Type', 'text/plain'], body: 'hello' })))
 */
export function handler(fn: Handler): MarkedHandler {
  return Object.defineProperty(fn, handlerMark, { value: true }) as MarkedHandler
}

/**
 * Turns any app into a Handler: at once for a marked Handler, else as soon as its adapter is loaded
 * (and, for Fastify, its plugins).
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
