/** Records the state changes in this process. The test mocks src/core/states.js with it. */
import type * as states from '../../src/core/states.js'

const rows = new Map<object, Set<string>>()
export const forbidden: string[] = []

export function recording(real: typeof states): typeof states {
  const next: typeof real.next = (table, state, event) => {
    try {
      const to = real.next(table, state, event)
      const seen = rows.get(table) ?? new Set()
      rows.set(table, seen.add(`${state} ${event}`))
      return to
    } catch (error) {
      forbidden.push((error as Error).message)
      return state
    }
  }
  return { ...real, next }
}

/** Rows of a table that were never used: `state event`. */
export const unused = (table: states.Transitions<string, string>): string[] =>
  Object.entries(table)
    .flatMap(([state, events]) => Object.keys(events).map((event) => `${state} ${event}`))
    .filter((row) => !rows.get(table)?.has(row))
