/** Apps of their own for the roles of FastCGI (FastCGI 1.0 section 6). */
import { toHandler } from '../app/handler.js'
import type { App } from '../app/types.js'
import type { Handler } from '../core/exchange.js'
import type { RunOptions } from './options.js'

/**
 * One handler for all roles, or an own one for a role.
 *
 * @throws AppError APP_SHAPE
 */
export async function handlerFor(app: App, options: RunOptions): Promise<Handler> {
  const main = await toHandler(app, options)
  if (!options.authorizer && !options.filter) return main
  const roles = {
    responder: main,
    authorizer: options.authorizer ? await toHandler(options.authorizer, options) : main,
    filter: options.filter ? await toHandler(options.filter, options) : main,
  }
  return (exchange) => roles[exchange.gateway.role](exchange)
}
