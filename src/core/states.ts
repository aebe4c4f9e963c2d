/**
 * Named states, and the events that lead from one to another, as data. An event that the table does not allow
 * is a bug in cgiup: its own tests throw; a server process warns once and stays in its state.
 */

/** State -> event -> next state. An event that is not listed is forbidden in that state. */
export type Transitions<State extends string, Event extends string> = {
  readonly [state in State]: { readonly [event in Event]?: State }
}

const isStrict = process.env.CGIUP_TEST_STRICT_STATES === '1'
let hasWarned = false

/** The state after the event. @throws Error for a forbidden one, with CGIUP_TEST_STRICT_STATES=1 */
export function next<State extends string, Event extends string>(
  table: Transitions<State, Event>,
  state: State,
  event: Event,
): State {
  return table[state][event] ?? forbidden(table, state, event)
}

function forbidden<State extends string, Event extends string>(
  table: Transitions<State, Event>,
  state: State,
  event: Event,
): State {
  const allowed = Object.keys(table[state]).join(', ') || 'none'
  const error = new Error(
    `Internal error: event "${event}" in state "${state}" (allowed: ${allowed}). This is a bug in cgiup: please report it.`,
  )
  if (isStrict) throw error
  if (!hasWarned) process.emitWarning(error)
  hasWarned = true
  return state
}
