/** Finds the `(req, res)` function of each kind of Node app. */
import type { Server } from 'node:http'
import { checkFunction, shapeError } from '../shape.js'
import type { FastifyApp, KoaApp, NodeApp, NodeListener, PolkaApp } from '../types.js'

/** @throws AppError APP_SHAPE for something that only looks like an app; errors of a Fastify plugin. */
export async function nodeListener(app: NodeApp): Promise<NodeListener> {
  if (typeof app === 'function') {
    checkFunction(app)
    return app as NodeListener
  }
  if ('ready' in app) return fastify(app)
  if ('callback' in app) return (app as KoaApp).callback()
  if ('handler' in app) return (app as PolkaApp).handler
  return server(app as Server)
}

async function fastify(app: FastifyApp): Promise<NodeListener> {
  await app.ready()
  return (req, res) => app.routing(req, res)
}

/** The 'request' listeners of an http.Server, called one by one: `emit` discards their return values. */
function server(app: Server): NodeListener {
  if (app.listenerCount('request') === 0) {
    throw shapeError("a server without a 'request' listener", 'Add one: http.createServer(app).')
  }
  return (req, res) => {
    const returned = app.rawListeners('request').map((listener) => listener.call(app, req, res))
    return returned.length === 1 ? returned[0] : Promise.all(returned)
  }
}
