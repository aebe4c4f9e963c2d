/** Separate apps for the roles of FastCGI (FastCGI 1.0 section 6). */
import { toHandler } from '../app/handler.js'
import type { App } from '../app/types.js'
import type { Handler } from '../core/exchange.js'
import type { RunPlan } from './resolve.js'

/**
 * One handler for all roles, or separate handlers by role.
 *
 * @throws AppError APP_SHAPE
 */
export async function handlerFor(app: App, { app: view, roles: own }: RunPlan): Promise<Handler> {
  const main = await toHandler(app, view)
  if (!own.authorizer && !own.filter) return main
  const roles = {
    responder: main,
    authorizer: own.authorizer ? await toHandler(own.authorizer, view) : main,
    filter: own.filter ? await toHandler(own.filter, view) : main,
  }
  return (exchange) => roles[exchange.gateway.role](exchange)
}
