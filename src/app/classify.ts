/** Detects which of the three styles an app is written in. */
import type { Handler } from '../core/exchange.js'
import { type FetchApp, handlerMark, type NodeApp } from './types.js'

/** An app and its style. */
export type Classified =
  | { style: 'handler'; app: Handler }
  | { style: 'fetch'; app: FetchApp }
  | { style: 'node'; app: NodeApp }

/** The style of an app, by its members; null for anything else. Looks into modules. */
export function classify(app: unknown): Classified | null {
  if (app === null || (typeof app !== 'object' && typeof app !== 'function')) return null
  const it = app as Record<PropertyKey, unknown>
  if (it[Symbol.toStringTag] === 'Module' && it.default !== undefined) return classify(it.default)
  if (typeof app === 'function' && it[handlerMark] === true) return { style: 'handler', app: app as Handler }
  if (typeof it.fetch === 'function') return { style: 'fetch', app: app as unknown as FetchApp }
  if (typeof app === 'function' || isNodeObject(it)) return { style: 'node', app: app as NodeApp }
  // A CommonJS module compiled from ESM has a second `default` inside the namespace.
  return it.default !== undefined && it.default !== app ? classify(it.default) : null
}

function isNodeObject(it: Record<PropertyKey, unknown>): boolean {
  if (typeof it.callback === 'function') return true
  if (typeof it.ready === 'function' && typeof it.routing === 'function') return true
  if (typeof it.listen !== 'function') return false
  return typeof it.handler === 'function' || typeof it.listeners === 'function'
}
