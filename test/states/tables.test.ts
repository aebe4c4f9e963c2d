/** The state tables themselves: every state can be reached, and events that they do not list throw. */
import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { groupStates, outputStates, runStates } from '../../src/cgi/script/states.js'
import { next, type Transitions } from '../../src/core/states.js'
import { connectionStates, readingStates } from '../../src/fastcgi/server/states.js'
import { replyStates } from '../../src/serve/reply-states.js'

type Table = Transitions<string, string>

const tables: readonly (readonly [name: string, table: Table, first: string])[] = [
  ['a FastCGI connection', connectionStates, 'silent'],
  ['whether a connection is read', readingStates, 'reading'],
  ['the reply to a request', replyStates, 'unserved'],
  ["a script's run", runStates, 'head'],
  ["a script's output", outputStates, 'running'],
  ["a script's process group", groupStates, 'running'],
]

const eventsOf = (table: Table) => new Set(Object.values(table).flatMap((events) => Object.keys(events)))

describe.each(tables)('%s', (_, table, first) => {
  it('reaches every state', () => {
    const reached = new Set([first])
    for (const state of reached) for (const to of Object.values(table[state] ?? {})) reached.add(to as string)
    expect([...reached].sort()).toEqual(Object.keys(table).sort())
  })

  it('goes where the table says, and throws what it does not list', () => {
    for (const state of Object.keys(table))
      for (const event of eventsOf(table)) {
        const to = table[state]?.[event]
        if (to !== undefined) expect(next(table, state, event)).toBe(to)
        else expect(() => next(table, state, event)).toThrow(`event "${event}" in state "${state}"`)
      }
  })
})

it('outside of tests a forbidden event is one warning, and the state stays', () => {
  const module = new URL('../../dist/core/states.js', import.meta.url).href
  const code = `
    import { next } from '${module}'
    const table = { on: {}, off: { go: 'on' } }
    process.on('warning', ({ message }) => console.log(message))
    console.log(next(table, 'on', 'go'), next(table, 'on', 'go'))`
  const output = execFileSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', code], {
    encoding: 'utf8',
    env: {},
  })
  expect(output).toBe(
    'on on\nInternal error: event "go" in state "on" (allowed: none). This is a bug in cgiup: please report it.\n',
  )
})
