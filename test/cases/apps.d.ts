import type { FetchApp, NodeListener } from '../../src/app/types.js'

interface CaseApp {
  readonly fetch: FetchApp['fetch']
  /** Null if only fetch apps can do it. */
  readonly node: NodeListener | null
}

export const apps: Readonly<Record<string, CaseApp>>
/** Runs the app named in the header X-Case. */
export const fetchApp: FetchApp
export const nodeApp: NodeListener
