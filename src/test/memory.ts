/** An app in memory: `memory()` of `cgiup/test`. */
import { toHandler } from '../app/handler.js'
import type { App, AppOptions } from '../app/types.js'
import { type AdapterOptions, MemoryServer, type TestServer } from '../memory/memory.js'
import { errorPage } from '../run/error-page.js'

export interface MemoryOptions extends Omit<AppOptions, 'mount'>, AdapterOptions {
  /** Show stack and environment on the error page. Default true. */
  development?: boolean
}

/**
 * Serves an app in memory: no socket, no process, but the same translation of requests and replies as under a
 * web server.
 *
 * @example
 * const server = memory(app)
 * const response = await server.fetch('/hello?name=you')
 */
export function memory(app: App, options: MemoryOptions = {}): TestServer {
  const { url, target } = options
  const seen = { ...(url !== undefined && { url }), ...(target !== undefined && { target }) }
  const ready = Promise.resolve(toHandler(app, seen))
  ready.catch(() => {}) // Each request reports the failure.
  const onError = options.onError ?? errorPage(options.development ?? true)
  return new MemoryServer(async (exchange) => (await ready)(exchange), { ...options, onError })
}
