import type { FetchApp, NodeListener } from '../../src/app/types.js'

interface CaseApp {
  readonly fetch: FetchApp['fetch']
  /** Null for what only fetch apps can do. */
  readonly node: NodeListener | null
}

export const apps: Readonly<Record<string, CaseApp>>
/** Runs the app that the header X-Case names. */
export const fetchApp: FetchApp
export const nodeApp: NodeListener
