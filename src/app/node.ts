/** Node apps: `(req, res)` functions and the frameworks made of them. */
import type { Handler } from '../exchange.js'
import type { AppOptions, NodeApp } from './handler.js'

export async function nodeHandler(_app: NodeApp, _options: AppOptions): Promise<Handler> {
  throw new Error('not there yet')
}
